"""What may be deleted, and what a decision still leans on."""

from dataclasses import replace

from factories import NOW, seconds, settings, work
from mm_operator.core.observe import Job
from mm_operator.core.retention import deletable_ingest, deletable_others

KEEP = settings(keepSucceededJobs="5m", keepFailedJobs="1h")


def ingest(name: str, state: str, end: float) -> Job:
    return replace(Job(name, "ingest", created_at=NOW), state=state, finished_at=NOW + seconds(end))


def test_only_old_and_recorded_ingest_jobs_go() -> None:
    jobs = [
        ingest("old", "succeeded", 0),
        ingest("unrecorded", "succeeded", 0),
        ingest("new", "succeeded", 200),
        ingest("failed", "failed", 0),
        Job("running", "ingest", created_at=NOW),
    ]
    names = deletable_ingest(jobs, lambda job: job.name != "unrecorded", KEEP, NOW + seconds(400))
    assert names == ["old"]
    assert deletable_ingest(jobs, lambda _job: True, KEEP, NOW + seconds(4000)) == [
        "old",
        "unrecorded",
        "new",
        "failed",
    ]


def test_the_last_sweep_and_run_stay_because_intervals_are_counted_from_them() -> None:
    jobs = [work("sweep", "succeeded", at=n) for n in (0, 100)] + [
        work("transform", "succeeded", at=n) for n in (0, 100)
    ]
    assert deletable_others(jobs, KEEP, NOW + seconds(9000)) == ["sweep-0", "transform-0"]


def test_failures_stay_until_they_are_made_good() -> None:
    lost = [work("sweep", "succeeded", at=0), work("load", "failed", at=100), work("load", "succeeded", at=200)]
    assert deletable_others(lost, KEEP, NOW + seconds(90_000)) == []
    swept = [*lost, work("sweep", "succeeded", at=300)]
    assert deletable_others(swept, KEEP, NOW + seconds(90_000)) == ["sweep-0", "load-100"]


def test_endless_failures_are_bounded() -> None:
    jobs = [work("transform", "failed", at=n * 100) for n in range(50)]
    assert len(jobs) - len(deletable_others(jobs, KEEP, NOW + seconds(90_000))) == 10
