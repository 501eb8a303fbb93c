"""The source gate over HTTP and over restarts; probes; and what the janitor clears away."""

import asyncio
import json
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from factories import settings
from fake_api import FakeKube
from mm_contracts.gate import closure_path, lease_path, permit_path
from mm_contracts.plan import ANNOTATION_RETRY, LABEL_FINISHED, PlanSpec, plan_manifest
from mm_contracts.sources import Sources
from mm_operator import gatekeeper
from mm_operator.core.times import format_time
from mm_operator.gatekeeper import Gatekeeper
from mm_operator.health import Health
from mm_operator.history import History
from mm_operator.janitor import Janitor
from mm_operator.metrics import REGISTRY
from mm_operator.store import Store
from mm_operator.web import WebThread, serve

SOURCES = Sources.model_validate(
    {
        "default": "s",
        "sources": {"s": {"baseUrl": "http://s/v1"}, "slow": {"baseUrl": "http://x/v1", "requestsPerHour": 2}},
    }
)


def value(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(name, labels)


def kube() -> Any:
    return FakeKube(now=datetime.now(UTC))


def test_the_gate_and_the_probes_over_http() -> None:
    async def story() -> None:
        gate = Gatekeeper(kube(), SOURCES, "gate")
        health = Health()
        runner = await serve(0, health, lambda: None, gate.routes())
        port = next(address[1] for address in runner.addresses if ":" not in address[0])
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as client:
            async with client.post(permit_path("s")) as answer:
                assert (answer.status, await answer.json()) == (200, {"granted": True})
            async with client.post(closure_path("s"), json={"retry_after_seconds": 30}) as answer:
                assert answer.status == 204
            async with client.post(permit_path("s")) as answer:
                assert answer.status == 429
                assert 30 <= int(answer.headers["Retry-After"]) <= 34
            for path, body in ((closure_path("s"), b"no"), (closure_path("s"), b'{"retry_after_seconds": -1}')):
                async with client.post(path, data=body) as answer:
                    assert answer.status == 400
            async with client.post(permit_path("moon")) as answer:
                assert answer.status == 404
                assert "use one of s, slow" in await answer.text()
            gate.show(time.time())
            assert value("mars_source_requests", source="s", state="used") == 1
            assert value("mars_source_requests", source="slow", state="limit") == 2
            assert (value("mars_source_closed_until_timestamp_seconds", source="s") or 0) > time.time()
            assert value("mars_source_closed_until_timestamp_seconds", source="slow") == 0
            statuses = []
            for _ in range(3):
                async with client.post(permit_path("slow")) as answer:
                    statuses.append(answer.status)
            assert statuses == [200, 200, 429]
            async with client.get("/readyz") as answer:
                assert answer.status == 503
            health.ready = True
            async with client.get("/readyz") as answer:
                assert answer.status == 200
            health.broken("watch of jobs", "it lags")
            async with client.get("/healthz") as answer:
                assert (answer.status, await answer.text()) == (503, "watch of jobs: it lags\n")
            async with client.get("/metrics") as answer:
                assert 'mars_gate_permits_total{answer="RateLimited",source="s"}' in await answer.text()
        await runner.cleanup()

    asyncio.run(story())


BUSY = Sources.model_validate(
    {"default": "s", "sources": {"s": {"baseUrl": "http://s/v1", "maxConcurrency": 2, "timeoutSeconds": 30}}}
)


def web_thread(gate: Gatekeeper, ended: Any = None) -> tuple[WebThread, list[int]]:
    ports: list[int] = []

    async def listen() -> Any:
        runner = await serve(0, Health(), lambda: None, gate.routes())
        ports.extend(address[1] for address in runner.addresses if ":" not in address[0])
        return runner

    return WebThread(listen, gate.run, ended or (lambda: None)), ports


def ask(port: int, method: str, path: str, body: bytes = b"") -> tuple[int, dict[str, Any]]:
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=body, method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, json.loads(answer.read() or b"{}")
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()) if error.code == 429 else {}


def test_no_more_requests_are_under_way_than_the_source_allows() -> None:
    server, ports = web_thread(Gatekeeper(kube(), BUSY, "gate"))
    server.start()
    try:
        under_way, most, lock = 0, [0], threading.Lock()

        def work(_number: int) -> None:
            nonlocal under_way
            status, said = ask(ports[0], "POST", permit_path("s"), b'{"lease": true}')
            assert status == 200, said
            with lock:
                under_way += 1
                most.append(under_way)
            threading.Event().wait(0.01)
            with lock:
                under_way -= 1
            assert ask(ports[0], "DELETE", lease_path("s", said["lease"]))[0] == 204

        with ThreadPoolExecutor(10) as threads:
            list(threads.map(work, range(40)))
        assert max(most) == 2
    finally:
        server.stop(5)


def test_a_full_source_says_so_after_a_wait_and_counts_nobody_who_asks_for_no_lease(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(gatekeeper, "WAIT_SECONDS", 0.1)
    server, ports = web_thread(Gatekeeper(kube(), BUSY, "gate"))
    server.start()
    try:
        for _ in range(2):
            assert ask(ports[0], "POST", permit_path("s"), b'{"lease": true}')[0] == 200
        status, said = ask(ports[0], "POST", permit_path("s"), b'{"lease": true}')
        assert (status, said) == (429, {"granted": False, "reason": "MaxConcurrency"})
        assert ask(ports[0], "POST", permit_path("s"))[0] == 200
        assert ask(ports[0], "POST", permit_path("s"), b"[")[0] == 400
    finally:
        server.stop(5)


def test_the_gate_answers_whatever_else_the_operator_does() -> None:
    """The operator's own event loop is blocked for as long as the answers take: they do not wait for it."""
    server, ports = web_thread(Gatekeeper(kube(), BUSY, "gate"))

    async def busy_operator() -> None:
        server.start()
        answers = [ask(ports[0], "POST", permit_path("s"))[0] for _ in range(20)]
        assert answers == [200] * 20

    try:
        asyncio.run(busy_operator())
    finally:
        server.stop(5)


def test_a_closure_is_saved_at_once_and_a_port_in_use_is_an_error() -> None:
    api = kube()
    server, ports = web_thread(Gatekeeper(api, SOURCES, "gate", {"app.kubernetes.io/instance": "mars"}))
    server.start()
    try:
        body = json.dumps({"retry_after_seconds": 30}).encode()
        assert ask(ports[0], "POST", closure_path("s"), body)[0] == 204
        deadline = time.monotonic() + 10
        while "gate" not in api.kind("configmaps") and time.monotonic() < deadline:
            threading.Event().wait(0.01)
        saved = api.kind("configmaps")["gate"]
        assert json.loads(saved["data"]["s.json"])["closedUntil"] > time.time() + 20
        assert saved["metadata"]["labels"]["app.kubernetes.io/instance"] == "mars"

        async def same_port() -> Any:
            return await serve(ports[0], Health(), lambda: None, [])

        with pytest.raises(OSError, match="in use"):
            WebThread(same_port, lambda: asyncio.sleep(60), lambda: None).start()
    finally:
        server.stop(5)


def test_a_closed_source_stays_closed_over_a_restart() -> None:
    async def story() -> None:
        api = kube()
        first = Gatekeeper(api, SOURCES, "gate")
        await first.save()
        assert api.kind("configmaps") == {}, "nothing to remember, nothing written"
        first._gates["s"].close(datetime.now(UTC).timestamp(), 60, "RateLimited")
        await first.save()
        await first.save()
        assert [c[0] for c in api.calls] == ["POST"]
        second = Gatekeeper(api, SOURCES, "gate")
        await second.load()
        assert 55 < second._gates["s"].closed_until - datetime.now(UTC).timestamp() <= 60
        api.kind("configmaps")["gate"]["data"]["s.json"] = "{"
        third = Gatekeeper(api, SOURCES, "gate")
        await third.load()
        assert third._gates["s"].closed_until == 0

    asyncio.run(story())


def follow(store: Store) -> History:
    """Return the history of what a store is told."""
    history = History(store)
    store.changed = lambda kind, name, gone: history.changed(name, gone) if kind == "jobs" else None
    return history


async def keep_history(api: FakeKube, store: Store, history: History) -> None:
    """Let a load Job take all records along, and keep them."""
    package = history.package()
    history.sent("load", package)
    api.add("jobs", {"metadata": {"name": "load", "labels": {"martian-moments.io/kind": "load"}}})
    api.end_job("load", 0, history=len(package.uids))
    api.tell(store)


def finished(name: str, hours: float, **more: Any) -> dict[str, Any]:
    spec = PlanSpec.model_validate({"rovers": [{"name": "Spirit", "sols": ["1"]}], "ttlAfterFinished": "2h"})
    body = plan_manifest(name, "mars", spec, labels={LABEL_FINISHED: "true"}, **more)
    ended = datetime.now(UTC) - timedelta(hours=hours)
    return body | {"status": {"phase": "Failed", "finishedAt": format_time(ended), "retryToken": "old"}}


def test_plans_past_their_time_go_and_those_to_retry_come_back() -> None:
    async def story() -> None:
        api = kube()
        api.add("plans", finished("over", 3))
        api.add("plans", finished("fresh", 1))
        api.add("plans", finished("handled", 1, annotations={ANNOTATION_RETRY: "old"}))
        api.add("plans", finished("again", 3, annotations={ANNOTATION_RETRY: "new"}))
        pages = [{"items": list(api.kind("plans").values()), "metadata": {}}]

        async def page(*_: Any, **__: Any) -> Any:
            return json.loads(json.dumps(pages[0]))

        api.call = page
        store = Store()
        history = follow(store)
        janitor = Janitor(api, store, settings(), history)
        await janitor.clear_plans()
        # It is told to the history before it goes: the process that saw its end may have died with the record.
        assert set(api.kind("plans")) == {"over", "fresh", "handled", "again"}
        await janitor.clear_plans()
        assert "over" in api.kind("plans")
        await keep_history(api, store, history)
        await janitor.clear_plans()
        assert set(api.kind("plans")) == {"fresh", "handled", "again"}
        labelled = {name for name, body in api.kind("plans").items() if LABEL_FINISHED in body["metadata"]["labels"]}
        assert labelled == {"fresh", "handled"}

    asyncio.run(story())


def test_jobs_go_when_they_are_old_and_recorded() -> None:
    async def story() -> None:
        api, store = kube(), Store()
        history = follow(store)
        janitor = Janitor(api, store, settings(), history)
        api.now = datetime.now(UTC) - timedelta(hours=1)
        spec = PlanSpec.model_validate({"rovers": [{"name": "Spirit", "sols": ["1-20"]}]})
        plan = api.add("plans", plan_manifest("p", "mars", spec) | {"status": {"done": "0"}})
        for name, batch, owner in (("p-0-1", "0", "p"), ("p-1-1", "1", "p"), ("gone-0-1", "0", "gone")):
            labels = {f"martian-moments.io/{k}": v for k, v in (("kind", "ingest"), ("plan", owner), ("batch", batch))}
            owners = [{"uid": plan["metadata"]["uid"] if owner == "p" else "other"}]
            api.add("jobs", {"metadata": {"name": name, "labels": labels, "ownerReferences": owners}})
            api.end_job(name, 0)
        api.tell(store)
        await janitor.clear_jobs()
        assert not [c for c in api.calls if c[0] == "DELETE"], "they are not in the history yet"
        await keep_history(api, store, history)
        await janitor.clear_jobs()
        assert {c[2] for c in api.calls if c[0] == "DELETE"} == {"p-0-1", "gone-0-1"}

    asyncio.run(story())
