"""Print what the operator does a second, and what it costs, against a real API server with up to a thousand live plans.

    uv run python -m tests.benchmarks.operator_cluster [--live 1000] [--finished 10000]

The operator is the product's own process. It talks to the local cluster's API server, in namespaces that are made and
removed, and to the mock broker that librdkafka carries. Its Jobs ask for a node that does not exist, so that no kubelet
takes part; where a Job must end, its pod's end is written by hand. As a yardstick a bare loop creates the same objects
(plan, status, Job) over the same client, as many at a time, in the same run. Seconds are those of this machine and this
hour; the ratios mean something elsewhere. Not a test: nothing fails on time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Coroutine, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Thread
from typing import Any

from confluent_kafka import Producer
from mm_contracts import topics
from mm_contracts.messages import parse_schedule, schedule_message
from mm_contracts.plan import LABEL_FINISHED, PlanSpec, plan_manifest
from mm_hack import release
from mm_operator.core.split import plan_name
from mm_operator.kube import Kube

from tests.benchmarks.operator_engine import big_plan, sols_of

AT_A_TIME = 16
NAMESPACES = ("mars-bench", "mars-bench-queue", "mars-bench-bare")
NOWHERE = {"martian-moments.io/benchmark": "no-node-has-this"}
ROVERS = ("Curiosity", "Spirit", "Opportunity", "Perseverance")


class Broker:
    """The mock broker, which lives as long as the client that made it, and a producer."""

    def __init__(self) -> None:
        self._owner = Producer({"bootstrap.servers": "unused", "test.mock.num.brokers": "1", "log_level": 0})
        (broker,) = self._owner.list_topics(timeout=10).brokers.values()
        self.address = f"{broker.host}:{broker.port}"
        self._producer = Producer({"bootstrap.servers": self.address, "linger.ms": 0})
        for topic in topics.TOPICS:
            self._producer.list_topics(topic, timeout=10)

    def publish(self, number: int) -> str:
        """Publish a schedule of one sol that no other has, and return the name of its plan's first Job."""
        task = {"rover_name": ROVERS[number % 4], "sol": number // 4}
        value = schedule_message("photos", [task], schedule_id=f"b{number}", timestamp="2026-01-01T00:00:00Z")
        self._producer.produce(topics.SCHEDULING, value)
        self._producer.poll(0)
        return f"{plan_name(parse_schedule(value), topics.SCHEDULING, 0, 0)}-0-1"


class Watch:
    """When each object of a kind was first told of by the API, and how often it changed; seconds of one clock."""

    def __init__(self, namespace: str, kind: str) -> None:
        self.first: dict[str, float] = {}
        self.told: dict[str, int] = {}
        command = [*release.kubectl(namespace), "get", kind, "--watch-only", "-o", 'jsonpath={.metadata.name}{"\\n"}']
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, bufsize=1)
        self._thread = Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            name = line.strip()
            self.first.setdefault(name, time.perf_counter())
            self.told[name] = self.told.get(name, 0) + 1

    def close(self) -> None:
        self._process.terminate()
        self._process.wait()


class Process:
    """The operator's process."""

    def __init__(self, namespace: str, folder: Path, broker: Broker, kubeconfig: Path, slots: int, port: int) -> None:
        jobs = {kind: {"command": [f"mm-{kind}"]} for kind in ("ingest", "load", "transform")}
        settings = {
            "image": "benchmark:none", "namespace": namespace, "jobs": jobs, "maxConcurrentJobs": slots,
            "pod": {"nodeSelector": NOWHERE}, "sweepAfterStart": "1h", "ownerConfigMap": "", "stuckAfter": "1h",
            "planDefaults": {"parallelism": 1},
        }  # fmt: skip
        (folder / f"{namespace}.json").write_text(json.dumps(settings))
        sources = {"default": "s", "sources": {"s": {"baseUrl": "http://source/v1"}}}
        (folder / "sources.json").write_text(json.dumps(sources))
        environment = os.environ | {
            "KUBECONFIG": str(kubeconfig), "MARS_OPERATOR_FILE": str(folder / f"{namespace}.json"),
            "MARS_SOURCES_FILE": str(folder / "sources.json"), "KAFKA_BOOTSTRAP_SERVERS": broker.address,
            "MARS_OPERATOR_PORT": str(port), "LOG_LEVEL": "WARNING", "LOG_FORMAT": "text",
        }  # fmt: skip
        self._port = port
        self._log = (folder / f"{namespace}.log").open("w")
        self._process = subprocess.Popen(
            [sys.executable, "-m", "mm_operator.main"], env=environment, stdout=self._log, stderr=self._log
        )

    def answer(self, path: str) -> str:
        """Return what it answers, empty while it does not listen yet."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}", timeout=30) as answer:
                return str(answer.read().decode())
        except OSError:
            return ""

    def metric(self, name: str) -> float:
        """Return a metric's value."""
        return next(float(line.split()[1]) for line in self.answer("/metrics").splitlines() if line.startswith(name))

    @property
    def cpu(self) -> float:
        """Seconds of CPU that it has used."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    @property
    def memory(self) -> float:
        """Resident megabytes."""
        pages = int(Path(f"/proc/{self._process.pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() / 2**20

    def stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(30)
        self._log.close()


def wait(condition: Callable[[], Any], what: str, seconds: float = 600) -> None:
    """Return once the condition holds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise RuntimeError(f"waited {seconds:.0f} s for {what}")
        time.sleep(0.05)


def show(row: str, value: str) -> None:
    """Print a row of the table."""
    print(f"{row:64} {value}", flush=True)


async def _bounded(work: Iterable[Coroutine[Any, Any, Any]]) -> None:
    limit = asyncio.Semaphore(AT_A_TIME)

    async def one(call: Coroutine[Any, Any, Any]) -> None:
        async with limit:
            await call

    await asyncio.gather(*(one(call) for call in work))


def do_all(work: Iterable[Coroutine[Any, Any, Any]]) -> float:
    """Do all of it, a few at a time; return the seconds it took."""
    began = time.perf_counter()
    asyncio.run(_bounded(work))
    return time.perf_counter() - began


def steady(broker: Broker, jobs: Watch, first: int, count: int, rate: float) -> tuple[float, float]:
    """Publish at a steady rate; return the median and the 99th percentile of the seconds from message to Job."""
    sent: dict[str, float] = {}
    began = time.perf_counter()
    for number in range(count):
        time.sleep(max(0.0, began + number / rate - time.perf_counter()))
        at = time.perf_counter()
        sent[broker.publish(first + number)] = at
    wait(lambda: all(job in jobs.first for job in sent), "the Jobs of all messages")
    took = sorted(jobs.first[job] - at for job, at in sent.items())
    return took[len(took) // 2], took[min(len(took) - 1, round(len(took) * 0.99))]


def burst(broker: Broker, jobs: Watch, process: Process, first: int, count: int) -> tuple[float, float]:
    """Publish at once; return the plans a second until the last has its Job, and the CPU seconds of one."""
    cpu, began = process.cpu, time.perf_counter()
    names = [broker.publish(first + number) for number in range(count)]
    wait(lambda: all(name in jobs.first for name in names), "the Jobs of a burst")
    return count / (max(jobs.first[name] for name in names) - began), (process.cpu - cpu) / count


def bare_loop(kube: Kube, namespace: str, like: tuple[dict[str, Any], dict[str, Any], dict[str, Any]], n: int) -> float:
    """Create as many plans, store their statuses and create their Jobs; return how many a second."""
    plan, status, job = like

    async def one(number: int) -> None:
        name = f"bare-{number}"
        head = {"name": name, "namespace": namespace, "labels": plan["metadata"].get("labels", {})}
        made, _ = await kube.create("plans", {**plan, "metadata": head})
        await kube.patch("plans", name, {"status": status}, "status")
        owner = {**job["metadata"]["ownerReferences"][0], "name": name, "uid": made["metadata"]["uid"]}
        own = {"name": f"{name}-0-1", "namespace": namespace, "ownerReferences": [owner]}
        await kube.create("jobs", {**job, "metadata": {**own, "labels": job["metadata"]["labels"]}})

    return n / do_all(one(number) for number in range(n))


def end_pods(kube: Kube, jobs: Iterable[str], code: int) -> None:
    """Write the end of Jobs' pods, as a kubelet would."""

    async def end(job: str) -> None:
        pods: list[dict[str, Any]] = []
        while not pods:
            pods, _ = await kube.list("pods", f"batch.kubernetes.io/job-name={job}")
            if not pods:
                await asyncio.sleep(0.2)
        word = json.dumps({"status": "success" if code == 0 else "failed", "photos": 1, "sols": 1})
        ended = {"exitCode": code, "reason": "Completed" if code == 0 else "Error", "message": word}
        status = {"name": "main", "image": "x", "imageID": "x", "ready": False, "restartCount": 0}
        body = {
            "phase": "Succeeded" if code == 0 else "Failed",
            "containerStatuses": [{**status, "state": {"terminated": ended}}],
        }
        await kube.patch("pods", pods[0]["metadata"]["name"], {"status": body}, "status")

    do_all(end(job) for job in jobs)


@contextmanager
def namespace_of(name: str) -> Iterator[Kube]:
    """A namespace for as long as it is needed."""
    release.make_namespace(name)
    kubectl = release.kubectl(name)
    subprocess.run([*kubectl, "label", "namespace", name, "pod-security.kubernetes.io/enforce-"], capture_output=True)
    account = json.dumps({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "mars-jobs"}})
    subprocess.run([*kubectl, "apply", "-f", "-"], input=account, text=True, check=True, capture_output=True)
    kube = Kube(name)
    try:
        yield kube
    finally:
        kube.close()
        subprocess.run([*kubectl, "delete", "namespace", name, "--wait=false"], capture_output=True)


def many_jobs(stack: ExitStack, folder: Path, broker: Broker, config: Path, live: int, finished: int) -> None:
    """Rows of plans that each have their Job."""
    kube = stack.enter_context(namespace_of(NAMESPACES[0]))
    jobs = Watch(NAMESPACES[0], "jobs")
    stack.callback(jobs.close)
    process = Process(NAMESPACES[0], folder, broker, config, 10_000, 18_080)
    stack.callback(process.stop)
    wait(lambda: process.answer("/readyz").startswith("ok"), "the operator to be ready", 120)
    show("memory with no plan", f"{process.memory:8.0f} MB")
    burst(broker, jobs, process, 0, 100)
    p50, p99 = steady(broker, jobs, 100, 100, 10)
    show("message -> Job at 10 a second, 100-200 live", f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms")
    rate, cpu = burst(broker, jobs, process, 200, 300)
    show("plans a second in a burst of 300, 200-500 live", f"{rate:8.1f}   {cpu * 1000:.1f} ms of CPU each")
    if live > 500:
        late, more = burst(broker, jobs, process, 500, live - 500)
        show(f"the same, 500-{live} live", f"{late:8.1f}   {more * 1000:.1f} ms of CPU each")
    p50, p99 = steady(broker, jobs, live, 100, 10)
    show(
        f"message -> Job at 10 a second, {live}-{live + 100} live", f"p50 {p50 * 1000:.0f} ms, p99 {p99 * 1000:.0f} ms"
    )
    show(f"memory with {live + 100} live plans", f"{process.memory:8.0f} MB")
    plans, _ = asyncio.run(kube.list("plans"))
    made, _ = asyncio.run(kube.list("jobs", "martian-moments.io/kind=ingest"))
    with namespace_of(NAMESPACES[2]) as bare:
        kept = {"metadata": {"labels": plans[0]["metadata"].get("labels", {})}, "spec": plans[0]["spec"]}
        plan = {"apiVersion": "martian-moments.io/v1alpha1", "kind": "IngestionPlan", **kept}
        job = next(one for one in made if one["metadata"]["ownerReferences"][0]["name"] == plans[0]["metadata"]["name"])
        spec = {name: value for name, value in job["spec"].items() if name not in ("selector", "completionMode")}
        spec["template"] = {**spec["template"], "metadata": {"labels": {"martian-moments.io/kind": "ingest"}}}
        labels = {name: value for name, value in job["metadata"]["labels"].items() if "martian-moments" in name}
        head = {"labels": labels, "ownerReferences": job["metadata"]["ownerReferences"]}
        like = {"apiVersion": "batch/v1", "kind": "Job", "metadata": head, "spec": spec}
        loop = bare_loop(bare, NAMESPACES[2], (plan, plans[0]["status"], like), 300)
    show("the same objects by a bare loop, 16 at a time", f"{loop:8.1f}   the operator is at {rate / loop:.2f} of it")
    if finished:
        spec_ = PlanSpec.model_validate({"rovers": [{"name": "Spirit", "sols": ["1"]}]})
        bodies = (plan_manifest(f"old-{n}", NAMESPACES[0], spec_, labels={LABEL_FINISHED: "true"}, annotations={},
                                ownerReferences=[]) for n in range(finished))  # fmt: skip
        do_all(kube.create("plans", body) for body in bodies)
        passes = process.metric("mars_pass_seconds_count")
        show(f"memory with {finished} finished ones beside them", f"{process.memory:8.0f} MB")
        time.sleep(10)  # a rate is measured over a time
        rate_ = (process.metric("mars_pass_seconds_count") - passes) / 10
        show("passes a second where nothing happens", f"{rate_:8.1f}")


def queue(stack: ExitStack, folder: Path, broker: Broker, config: Path, live: int) -> None:
    """Rows of plans that wait for four slots."""
    kube = stack.enter_context(namespace_of(NAMESPACES[1]))
    jobs, plans = Watch(NAMESPACES[1], "jobs"), Watch(NAMESPACES[1], "iplan")
    stack.callback(jobs.close)
    stack.callback(plans.close)
    process = Process(NAMESPACES[1], folder, broker, config, 4, 18_081)
    stack.callback(process.stop)
    wait(lambda: process.answer("/readyz").startswith("ok"), "the operator to be ready", 120)
    cpu = process.cpu

    def body(number: int) -> dict[str, Any]:
        rover, sols = sols_of(number)
        spec = {"rovers": [{"name": rover, "sols": [sols]}], "parallelism": 4, "retry": {"limit": 9, "backoff": "20s"}}
        return plan_manifest(f"q{number}", NAMESPACES[1], PlanSpec.model_validate(spec), labels={}, annotations={},
                             ownerReferences=[])  # fmt: skip

    do_all(kube.create("plans", body(number)) for number in range(live))
    wait(lambda: process.metric("mars_queued_plans") >= live - 4, "all plans to be accepted")
    wait(lambda: sum(plans.told.values()) >= 2 * live, "their statuses")
    show(f"accept {live} plans of 100 sols, 4 slots", f"{process.cpu - cpu:8.2f} s of CPU")
    wait(lambda: len(jobs.first) >= 4, "four Jobs")
    plans.told.clear()
    cpu, passes = process.cpu, process.metric("mars_pass_seconds_count")
    first = next(name for name in jobs.first if name.startswith("q"))
    end_pods(kube, [first], 0)
    wait(lambda: len([name for name in jobs.first if name.startswith("q")]) >= 5, "the next Job")
    time.sleep(3)  # what is not to come must have had the time to
    writes, looks = sum(plans.told.values()), process.metric("mars_pass_seconds_count") - passes
    spent = (process.cpu - cpu) * 1000
    show("the first Job's end", f"{writes:8.0f} status writes, {looks:.0f} passes, {spent:.0f} ms of CPU")
    ended = {first}
    while len(ended) < 21:
        running = [name for name in list(jobs.first) if name.startswith("q") and name not in ended]
        end_pods(kube, running[:4], 1)
        ended.update(running[:4])
        want = len(ended) + 4
        wait(lambda want=want: len([n for n in jobs.first if n.startswith("q")]) >= want, "the next Jobs", 120)
    time.sleep(30)  # the retries' times come
    passes, cpu = process.metric("mars_pass_seconds_count"), process.cpu
    time.sleep(10)
    rate = (process.metric("mars_pass_seconds_count") - passes) / 10
    show(
        "idle with 20 due retries and no free slot", f"{rate:8.1f} passes/s, {(process.cpu - cpu) * 10:.1f} % of a core"
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Print what the operator does a second against a real API server.")
    parser.add_argument("--live", type=int, default=1000, help="live plans (1000)")
    parser.add_argument("--finished", type=int, default=10_000, help="finished plans beside them (10000)")
    parser.add_argument("--only", choices=("jobs", "queue"), help="only one half of the table")
    options = parser.parse_args()
    if options.live < 500:
        parser.error("--live: 500 at least, which the first rows of the table make")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        config = folder / "kubeconfig"
        view = [*release.kubectl("default"), "config", "view", "--minify", "--flatten"]
        config.write_bytes(subprocess.run(view, check=True, capture_output=True).stdout)
        os.environ["KUBECONFIG"] = str(config)
        subprocess.run(
            [*release.kubectl("default"), "apply", "--server-side", "--force-conflicts", "-f", str(release.CRDS)],
            check=True, capture_output=True,
        )  # fmt: skip
        if options.only != "queue":
            with ExitStack() as part:
                many_jobs(part, folder, Broker(), config, options.live, options.finished)
        if options.only != "jobs":
            with ExitStack() as part:
                queue(part, folder, Broker(), config, options.live)
    big_plan()


if __name__ == "__main__":
    main()
