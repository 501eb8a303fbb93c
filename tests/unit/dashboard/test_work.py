"""Plans and Jobs: what the pages show, who may act, and what acting does."""

from __future__ import annotations

import datetime
import re
from typing import Any

import pytest
from mm_dashboard import past, queries, timeline
from mm_dashboard.cluster import State, read_job, read_plan
from mm_dashboard.pages.work import grid, place_in_queue
from mm_dashboard.settings import Settings
from mm_dashboard.visitors import Doorkeeper, Refused, clean

from .conftest import Site
from .fake_kube import job, plan

TOKEN = "open-sesame"
FAILED: dict[str, Any] = {
    "batch": 7, "rover": "Curiosity", "sols": "70-79", "state": "Failed", "attempts": 5, "reason": "BadResponse",
    "message": "<i>no JSON</i>", "advice": "Look at the source.", "logTail": "asking\n<b>500</b>",
}  # fmt: skip


@pytest.fixture
def options() -> dict[str, Any]:
    """Actions are on."""
    return {"actions": True, "token": TOKEN}


def _fresh(site: Site) -> None:
    site.client.app.state.context.cluster.forget()  # type: ignore[attr-defined]


def _signed_in(site: Site) -> None:
    answer = site.client.post("/sign-in?back=/work", data={"name": "Ada", "token": TOKEN}, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/work")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def _mark(page: str) -> str:
    found = re.search(r'name="mark" value="([0-9a-f]+)"', page)
    assert found, "the page has no form"
    return found[1]


def test_the_work_page_shows_plans_jobs_and_what_outlives_them(site: Site) -> None:
    site.kube.put(
        "ingestionplans", plan("p-1"), plan("p-2", "Complete", labels={"martian-moments.io/finished": "true"})
    )
    site.kube.put("jobs", job("j-1", "ingest", plan="p-1"))
    at = datetime.datetime(2025, 1, 1)
    site.warehouse.answers[queries.OBJECTS] = [
        {"plan": "long-gone", "rover_name": "Spirit", "objects": 3, "photos": 99, "first_at": at, "last_at": at}
    ]
    _fresh(site)
    page = site.client.get("/work").text
    for text in ("p-1", "p-2", "long-gone", "/work/plans/p-1"):
        assert text in page


def test_a_plans_page_says_what_failed_why_and_what_to_do(site: Site) -> None:
    site.kube.put("ingestionplans", plan("p-1", records=[FAILED], failedIndexes="7"))
    page = site.client.get("/work/plans/p-1").text
    for text in ("BadResponse", "&lt;i&gt;no JSON&lt;/i&gt;", "Look at the source.", "&lt;b&gt;500", "batch 7: failed"):
        assert text in page
    assert '<form method="post" action="/actions' not in page  # nobody has signed in


def test_a_plan_that_is_gone_is_shown_by_what_it_brought(site: Site) -> None:
    row = {
        "batch": 0, "attempt": 1, "rover_name": "Spirit", "sol_start": 1, "sol_end": 9, "photo_count": 12,
        "ingestion_date": None, "load_id": "l", "loaded_at": None, "object_key": "photos/spirit/x.json",
    }  # fmt: skip
    site.warehouse.answers[queries.OBJECTS_OF_PLAN] = lambda binds: [row] if binds == ("old",) else []
    page = site.client.get("/work/plans/old")
    assert page.status_code == 200
    assert "photos/spirit/x.json" in page.text
    assert site.client.get("/work/plans/never").status_code == 404


def _record(name: str, ended_at: datetime.datetime, **more: Any) -> dict[str, Any]:
    return {
        "uid": f"uid-{name}", "kind": "ingest", "name": name, "plan": "old", "batch": 3, "attempt": 1,
        "rover_name": "Spirit", "sols": "1-9", "source": "s", "outcome": "succeeded", "reason": "", "message": "",
        "created_at": ended_at - datetime.timedelta(seconds=90), "ended_at": ended_at, "total_seconds": 90,
        "run_seconds": 7.5, "cpu_seconds": 1.25, "requests": 6, "bytes": 1200, "photos": 70, "trace_id": "t",
        "log_tail": "",
    } | more  # fmt: skip


def test_attempts_outlive_jobs_pods_and_plans(site: Site) -> None:
    at = datetime.datetime(2025, 1, 1, 12)
    failed = _record("old-3-1", at, outcome="failed", reason="BadResponse", message="no <JSON>", log_tail="last <b>")
    whole = _record("old", at, kind="plan", batch=None, attempt=None, run_seconds=None, cpu_seconds=None)
    site.warehouse.answers[past.OF_PLAN] = lambda binds: [whole, failed] if binds == ("old",) else []
    site.warehouse.answers[past.OF_JOB] = lambda binds: [failed] if binds == ("old-3-1",) else []
    page = site.client.get("/work/plans/old")
    assert page.status_code == 200
    for text in ("plan itself is gone", "BadResponse", "no &lt;JSON&gt;", "last &lt;b&gt;", "/work/jobs/old-3-1"):
        assert text in page.text
    shown = site.client.get("/work/jobs/old-3-1")
    assert shown.status_code == 200
    for text in ("last &lt;b&gt;", "1.2 s of CPU", "6 requests"):
        assert text in shown.text
    assert site.client.get("/work/plans/never").status_code == 404
    assert site.client.get("/work/jobs/never").status_code == 404


def test_the_time_line_joins_what_runs_with_what_ran(site: Site) -> None:
    now = datetime.datetime.now(datetime.UTC).replace(tzinfo=None)
    site.kube.put("jobs", job("here", "load"))
    site.warehouse.answers[past.RECENT] = [
        _record("gone", now - datetime.timedelta(minutes=20), kind="transform", plan=""),
        _record("yesterday", now - datetime.timedelta(hours=20), kind="load", plan="", outcome="deleted"),
    ]
    site.warehouse.answers[past.COST] = [
        {"utc_date": datetime.date(2025, 1, 1), "kind": "ingest", "jobs": 12, "jobs_failed": 1, "jobs_deleted": 0,
         "requests": 60, "bytes": 1, "photos": 7, "run_seconds": 70.0, "cpu_seconds": 9.0, "median_total_seconds": 8.0,
         "longest_total_seconds": 30},
    ]  # fmt: skip
    _fresh(site)
    page = site.client.get("/work").text
    assert "here: " in page
    assert "gone: succeeded" in page
    assert "yesterday" not in page
    assert "2025-01-01" in page
    day = site.client.get("/work?hours=24").text
    assert "yesterday: deleted" in day
    assert 'data-live-page="work?hours=24"' in day
    assert site.client.get("/work?hours=<b>").text.count('data-live-page="work?hours=1"') == 1


def test_a_job_that_is_still_there_is_drawn_once() -> None:
    at = datetime.datetime(2025, 1, 1, 12)
    live = read_job(job("j-1", "ingest", plan="p"))
    assert [one.name for one in past.joined([live], [_record("j-1", at), _record("j-0", at)])] == ["j-1", "j-0"]
    assert past.jobs_of([_record("j-0", at)])[0].finished_at == at.replace(tzinfo=datetime.UTC)


def test_a_jobs_page_shows_its_last_lines_while_there_is_a_pod(site: Site) -> None:
    site.kube.put("jobs", job("j-1", "ingest", plan="p-1"), job("j-2", "load", "failed"))
    labels = {"batch.kubernetes.io/job-name": "j-1"}
    site.kube.put("pods", {"metadata": {"name": "pod-1", "labels": labels}, "status": {}})
    site.kube.logs["pod-1"] = "asking sol 1 <b>\n"
    _fresh(site)
    assert "asking sol 1 &lt;b&gt;" in site.client.get("/work/jobs/j-1").text
    assert "Its pod is gone." in site.client.get("/work/jobs/j-2").text
    assert site.client.get("/work/jobs/none").status_code == 404


def test_batches_are_a_grid() -> None:
    shown = read_plan(
        plan("p", completedIndexes="0-2,5", failedIndexes="7", records=[{"batch": 3, "state": "Active"}, FAILED])
    )
    states = dict(grid(shown))
    assert [states[i] for i in (0, 2, 3, 5, 6, 7)] == ["done", "done", "active", "done", "fresh", "failed"]
    assert len(states) == 10
    assert grid(read_plan(plan("p", completedIndexes="nonsense"))) == [(i, "fresh") for i in range(10)]


def test_the_queue_goes_by_priority_then_age() -> None:
    idle = {"total": 3, "active": 0}
    plans = [
        read_plan(plan("old", batches=idle)),
        read_plan(plan("urgent", batches=idle, spec={"priority": 5})),
        read_plan(plan("busy")),
        read_plan(plan("held", batches=idle, spec={"suspend": True})),
    ]
    state = State(tuple(plans))
    assert [place_in_queue(one, state) for one in plans] == [2, 1, None, None]


def test_the_time_line_gives_jobs_that_run_together_rows_of_their_own() -> None:
    now = datetime.datetime(2025, 10, 7, 12, 10, tzinfo=datetime.UTC)
    jobs = [read_job(body) for body in (job("a", "ingest"), job("b", "ingest", "succeeded"), job("c", "transform"))]
    drawing = timeline.draw(jobs, now)
    assert drawing is not None
    a, b, c = sorted(drawing.bars, key=lambda bar: bar.title)
    assert a.y != b.y
    assert b.width < a.width
    assert (c.state, [name for name, _ in drawing.lanes]) == ("active", ["fetch", "dbt"])
    assert timeline.draw(jobs[1:2], now + datetime.timedelta(hours=3)) is None


@pytest.mark.parametrize(
    ("verb", "change"),
    [
        ("suspend", {"spec": {"suspend": True}}),
        ("resume", {"spec": {"suspend": False}}),
        ("delete", None),
    ],
)
def test_a_button_acts_through_the_api_and_an_event_says_who(site: Site, verb: str, change: Any) -> None:
    site.kube.put("ingestionplans", plan("p-1", spec={"suspend": verb == "resume"}))
    _signed_in(site)
    page = site.client.get("/work/plans/p-1").text
    assert f'action="/actions/{verb}"' in page
    answer = site.client.post(f"/actions/{verb}", data={"plan": "p-1", "mark": _mark(page)})
    assert answer.status_code == 200
    (method, path, body), (_, events, event) = site.kube.calls
    assert (method, path, body) == ("DELETE" if verb == "delete" else "PATCH", "ingestionplans/p-1", change)
    assert events == "events/"
    assert event is not None
    assert event["message"].startswith("Ada had it")
    assert event["involvedObject"]["name"] == "p-1"


def test_a_retry_wakes_a_plan_that_has_ended(site: Site) -> None:
    site.kube.put("ingestionplans", plan("p-1", "Failed", labels={"martian-moments.io/finished": "true"}))
    _signed_in(site)
    page = site.client.get("/work/plans/p-1").text
    assert "It is tried again." in site.client.post("/actions/retry", data={"plan": "p-1", "mark": _mark(page)}).text
    metadata = site.kube.objects["ingestionplans"]["p-1"]["metadata"]
    assert metadata["labels"] == {}
    assert int(metadata["annotations"]["martian-moments.io/retry-now"]) > 0


def test_plan_like_this_and_ask_again_make_plans_of_this_release(site: Site) -> None:
    site.kube.put("ingestionplans", plan("p-1", spec={"suspend": True}))
    site.warehouse.answers[queries.SCHEDULES] = [{"scheduled_at": None, "schedule_id": "s", "attempt": 1, "reason": ""}]
    _signed_in(site)
    mark = _mark(site.client.get("/work/plans/p-1").text)
    assert "This is the new plan." in site.client.post("/actions/again", data={"plan": "p-1", "mark": mark}).text
    assert 'action="/actions/ask"' in site.client.get("/sols/spirit/5").text
    page = site.client.post("/actions/ask", data={"rover": "spirit", "sol": "5", "mark": mark}).text
    assert "The sol is asked for." in page
    made = [one for name, one in site.kube.objects["ingestionplans"].items() if name != "p-1"]
    assert [one["spec"]["rovers"] for one in made] == [
        [{"name": "Curiosity", "sols": ["0-99"]}],
        [{"name": "Spirit", "sols": ["5"]}],
    ]
    assert all(one["metadata"]["labels"] == {"app.kubernetes.io/instance": "mars"} for one in made)
    assert all("suspend" not in one["spec"] for one in made)
    assert site.client.post("/actions/ask", data={"rover": "x", "sol": "5", "mark": mark}).status_code == 400


def test_nobody_acts_unknown_from_elsewhere_or_on_strangers_plans(site: Site) -> None:
    site.kube.put("ingestionplans", plan("p-1"), plan("theirs", labels={"app.kubernetes.io/instance": "other"}))

    def refused(data: dict[str, str], **headers: str) -> int:
        return site.client.post("/actions/delete", data=data, headers=headers).status_code

    assert refused({"plan": "p-1"}) == 401
    _signed_in(site)
    mark = _mark(site.client.get("/work/plans/p-1").text)
    assert refused({"plan": "p-1", "mark": "0" * 64}) == 403
    good = {"plan": "p-1", "mark": mark}
    assert refused(good, **{"Sec-Fetch-Site": "cross-site"}) == 403
    assert refused(good, Origin="https://evil.example") == 403
    assert refused({"plan": "theirs", "mark": mark}) == 404
    assert refused({"plan": "x" * 30_000, "mark": mark}) == 413
    assert site.client.post("/actions/explode", data=good).status_code == 404
    assert site.client.get("/actions/delete").status_code == 405
    assert site.kube.calls == []
    assert refused(good, **{"Sec-Fetch-Site": "same-origin", "Origin": "http://mars.example"}) == 200
    site.client.post("/sign-out")
    assert refused(good) == 401


def test_a_wrong_token_is_told_and_guessing_ends(site: Site) -> None:
    answers = [site.client.post("/sign-in", data={"name": "x", "token": f"guess-{i}"}) for i in range(11)]
    assert [answer.status_code for answer in answers] == [403] * 10 + [429]
    assert "That is not the token." in answers[0].text


def test_only_ways_within_the_page_are_gone_back_to(site: Site) -> None:
    for back in ("//evil.example", "https://evil.example", "/\\evil.example"):
        answer = site.client.post(f"/sign-in?back={back}", data={"name": "x", "token": TOKEN}, follow_redirects=False)
        assert answer.headers["location"] == "/"


def test_a_cookie_ends_and_cannot_be_made_up() -> None:
    def door(token: str) -> Doorkeeper:
        return Doorkeeper(Settings("mars", "mars", "", None, actions=True, token=token))

    cookie = door(TOKEN).sign_in("Ada", TOKEN)
    assert door(TOKEN)._signed_in(cookie) == "Ada"
    assert door("another")._signed_in(cookie) == ""
    assert door(TOKEN)._signed_in(cookie[:-1] + ("0" if cookie[-1] != "0" else "1")) == ""
    assert door(TOKEN)._signed_in("nonsense") == ""
    assert door(TOKEN)._signed_in(door(TOKEN).sign_in("Ada", TOKEN, now=0)) == ""
    with pytest.raises(Refused, match="Give your name"):
        door(TOKEN).sign_in(" \n", TOKEN)
    assert clean("  A\x00da\n B ") == "Ada B"


class TestProxy:
    """Behind an authenticating proxy."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """The proxy names visitors in a header."""
        return {"actions": True, "identity_header": "X-User"}

    def test_the_proxys_word_is_taken(self, site: Site) -> None:
        site.kube.put("ingestionplans", plan("p-1"))
        assert "/actions/" not in site.client.get("/work/plans/p-1").text
        named = {"X-User": "grace@example.org"}
        mark = _mark(site.client.get("/work/plans/p-1", headers=named).text)
        data = {"plan": "p-1", "mark": mark}
        assert site.client.post("/actions/suspend", data=data, headers={"X-User": "mallory"}).status_code == 403
        assert site.client.post("/actions/suspend", data=data, headers=named).status_code == 200
        event = site.kube.calls[-1][2]
        assert event is not None
        assert "grace@example.org" in event["message"]


class TestOff:
    """Where actions are off."""

    @pytest.fixture
    def options(self) -> dict[str, Any]:
        """A token alone does not switch anything on."""
        return {"token": TOKEN}

    def test_nothing_can_be_done(self, site: Site) -> None:
        site.kube.put("ingestionplans", plan("p-1"))
        assert "Sign in" not in site.client.get("/").text
        answer = site.client.post("/actions/delete", data={"plan": "p-1"})
        assert (answer.status_code, site.kube.calls) == (403, [])
        assert "dashboard.actions.enabled" in answer.text
