"""Data tests run after each build: one that fails is told by name, and neither data nor runs stop for it."""

import json
from typing import Any

import requests
from mm_contracts import topics
from mm_contracts.plan import ANNOTATION_SPEC
from prometheus_client.parser import text_string_to_metric_families

from tests.cluster.archive import archived, grow, promised, wait_complete, wait_quiet
from tests.cluster.system import System, wait_until

TEST = "fact_photos__clock"
SPOILT = "(select min(photo_id) from silver.fact_photos where rover_name = 'Spirit' and sol = 2 and sclk_ms is null)"
"""A photo whose name tells no milliseconds, of a sol that nobody asks for here: no run works it out anew."""


def loads_of(run: dict[str, Any]) -> set[str]:
    """Return the ids of the loads that a dbt run was started for."""
    return set(json.loads(run["metadata"]["annotations"][ANNOTATION_SPEC])["load_ids"])


def ended_runs(system: System, sol: int) -> list[dict[str, Any]]:
    """Return the dbt runs that were started for the load of a sol of Opportunity and have ended."""
    holds = f"rover_name = 'Opportunity' and {sol} between sol_start and sol_end"
    loads = {row[0] for row in system.sql(f"select load_id from bronze.raw_photo_response where {holds}")}
    return [run for run in system.jobs("transform") if loads & loads_of(run) and outcome(run)]


def outcome(run: dict[str, Any]) -> str:
    """Return how a Job ended, ``Complete`` or ``Failed``; empty while it runs."""
    conditions = {c["type"] for c in run["status"].get("conditions", []) if c["status"] == "True"}
    return next(iter(conditions & {"Complete", "Failed"}), "")


def last_word(system: System, run: dict[str, Any]) -> dict[str, Any]:
    """Return the termination message of a run's pod."""
    (pod,) = system.get("pods", "-l", f"batch.kubernetes.io/job-name={run['metadata']['name']}")
    return dict(json.loads(pod["status"]["containerStatuses"][0]["state"]["terminated"]["message"]))


def told_by_metric(system: System) -> float:
    """Return how many runs the operator has counted as ended by a failed test."""
    text = requests.get(f"http://127.0.0.1:{system.port('operator', 8080)}/metrics", timeout=30).text
    wanted = {"kind": "transform", "reason": "TestFailed"}
    (found,) = [
        sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "mars_jobs_ended_total" and sample.labels == wanted
    ]
    return float(found)


def test_a_failed_test_is_told_by_name_and_good_data_flow_on(system: System) -> None:
    """The run fails with the test's name, in the Job, an Event and a metric; new photos are in; it is not repeated."""
    wait_complete(system)
    wait_quiet(system)
    counted = told_by_metric(system)
    ((photo,),) = system.sql(f"select {SPOILT}")
    system.sql(f"update silver.fact_photos set sclk_ms = 1000 where photo_id = {photo}")
    try:
        grow(system, Opportunity="17")
        (run,) = wait_until(lambda: ended_runs(system, 17), "the end of the new sol's dbt run", 300)
        assert outcome(run) == "Failed"
        word = last_word(system, run)
        assert (word["status"], word["reason"]) == ("failed", "TestFailed")
        assert TEST in word["message"]
        assert word["details"]["failed"] == [TEST]
        told = f"involvedObject.kind=Job,involvedObject.name={run['metadata']['name']},reason=TestFailed"
        (event,) = wait_until(lambda: system.get("events", "--field-selector", told), "the Event")
        assert event["type"] == "Warning"
        assert TEST in event["message"]
        assert told_by_metric(system) > counted
        assert archived(system) == promised(system)
        # A run that counts as failed would keep its loads' events, and be made again for them.
        wait_until(lambda: system.uncommitted(topics.LOAD_COMPLETE) == 0, "the loads to count as seen by a run")
        wait_quiet(system)
        again = [job["metadata"]["name"] for job in system.jobs("transform") if loads_of(job) & loads_of(run)]
        assert again == [run["metadata"]["name"]]
    finally:
        system.sql(f"update silver.fact_photos set sclk_ms = null where photo_id = {photo}")


def test_once_the_data_are_right_the_next_run_succeeds(system: System) -> None:
    """A failed test leaves nothing behind that would have to be cleared."""
    grow(system, Opportunity="18")
    (run,) = wait_until(lambda: ended_runs(system, 18), "the end of the next sol's dbt run", 300)
    assert outcome(run) == "Complete", last_word(system, run)
    wait_complete(system)
