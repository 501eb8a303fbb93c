"""What needs a person, and what is at work now, from what Kubernetes and the warehouse say. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from mm_dashboard.cluster import Job, Plan, State
from mm_dashboard.warehouse import Row

STUBBORN_ATTEMPTS: Final = 5
"""A gap that was asked for so often does not fill by itself."""
STARTING: Final = timedelta(minutes=2)
"""A part that has not been ready for less is starting."""
RECENT: Final = timedelta(hours=24)
"""Failures older than this, with nothing like them since, are history."""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing to look at: what, since when, what to do, and where."""

    level: Literal["bad", "warn"]
    title: str
    sentence: str
    advice: str
    link: str
    since: datetime | None = None


def needs_a_person(state: State, gaps: Sequence[Row], tests: str | None, now: datetime | None = None) -> list[Item]:
    """Return what is wrong, the worst first.

    Args:
        state: what Kubernetes knows.
        gaps: rows of ``queries.GAPS``.
        tests: how the data tests of the last build went, "passed" or "failed", None where unknown.
        now: the time; by default the clock's.
    """
    now = now or datetime.now(UTC)
    items = [*_parts(state, now), *_plans(state.plans, now), *_jobs(state.jobs, now)]
    if tests == "failed" and not any(item.title == "Data tests failed" for item in items):
        advice = "See which, and the rows that break them."
        items.append(Item("bad", "Data tests failed", "The last build's data tests found rows.", advice, "/tests"))
    items += _gaps(gaps)
    return sorted(items, key=lambda item: item.level)


def _parts(state: State, now: datetime) -> list[Item]:
    return [
        Item(
            "bad", f"{part.name} is not ready", part.sentence, "See its pod: kubectl describe pod.", "/work", part.since
        )
        for part in state.parts
        if not part.ready and (part.since is None or now - part.since > STARTING)
    ]


def _plans(plans: Sequence[Plan], now: datetime) -> list[Item]:
    found = []
    for plan in plans:
        ended = plan.finished_at or plan.created_at
        if plan.phase in ("Failed", "Invalid") and ended and now - ended < RECENT:
            failed = next((record for record in plan.records if record.get("state") == "Failed"), {})
            sentence = str(failed.get("message") or plan.message or plan.reason or "It could not be done.")
            advice = str(failed.get("advice") or "Open the plan: it says why, and can be tried again from there.")
            found.append(
                Item(
                    "bad", f"Plan {plan.name} {plan.phase.lower()}", sentence, advice, f"/work/plans/{plan.name}", ended
                )
            )
        elif plan.is_live and plan.failed:
            sentence = f"{plan.failed} of {plan.total} batches failed for good."
            advice = "The others go on; open the plan to see why."
            found.append(
                Item(
                    "warn",
                    f"Plan {plan.name} has failures",
                    sentence,
                    advice,
                    f"/work/plans/{plan.name}",
                    plan.started_at,
                )
            )
        elif plan.is_live and plan.reason in ("RateLimited", "ImagePull", "Unschedulable", "Quota", "ConfigError"):
            advice = "It goes on by itself once the cause is gone."
            found.append(
                Item(
                    "warn",
                    f"Plan {plan.name}: {plan.reason}",
                    plan.message,
                    advice,
                    f"/work/plans/{plan.name}",
                    plan.started_at,
                )
            )
    return found


def _jobs(jobs: Sequence[Job], now: datetime) -> list[Item]:
    found = []
    for kind, title, advice in (
        ("transform", "A dbt run failed", "It is tried again by itself; its pod's log says why."),
        ("load", "A load failed", "A sweep loads what it left out; its pod's log says why."),
        ("sweep", "A sweep failed", "It is tried again by itself; its pod's log says why."),
    ):
        ended = [job for job in jobs if job.kind == kind and job.finished_at]
        newest = max(ended, key=lambda job: job.finished_at or now, default=None)
        if newest and newest.state == "failed" and now - (newest.finished_at or now) < RECENT:
            found.append(Item("warn", title, newest.message or newest.name, advice, "/work", newest.finished_at))
    return found


def _gaps(gaps: Sequence[Row]) -> list[Item]:
    found = []
    for gap in gaps:
        rover, reason, sols = gap["rover_name"], gap["reason"], gap["sols"]
        if reason == "Unauthorized":
            sentence = f"The source refuses the key for {sols} sols of {rover}."
            advice = "Put a valid key into the Secret of source.apiKey."
            found.append(Item("bad", "The source refuses the key", sentence, advice, f"/sols?rover={rover}"))
        elif reason in ("SourceError", "SourceGone", "BadResponse") and (gap["attempts"] or 0) >= STUBBORN_ATTEMPTS:
            sentence = f"{sols} sols of {rover} still fail after {gap['attempts']} attempts ({reason})."
            advice = "Look at one of them; another source may have them."
            found.append(Item("warn", f"{rover}: sols that do not come", sentence, advice, f"/sols?rover={rover}"))
    return found


@dataclass(frozen=True, slots=True)
class Now:
    """What runs at this moment, counted by kind, and the plans at work."""

    jobs: dict[str, int]
    plans: tuple[Plan, ...]
    queued: int

    @property
    def is_quiet(self) -> bool:
        """Whether nothing runs and nothing waits to."""
        return not self.jobs and not self.plans


def at_work(state: State) -> Now:
    """Return what runs now."""
    jobs: dict[str, int] = {}
    for job in state.jobs:
        if job.state == "active" and not job.suspended:
            jobs[job.kind] = jobs.get(job.kind, 0) + 1
    live = tuple(plan for plan in state.plans if plan.is_live)
    return Now(jobs, live, sum(1 for plan in live if not plan.active and not plan.suspend))
