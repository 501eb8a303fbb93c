"""The loop closes by itself, and doing it all again changes nothing."""

import json
import subprocess

import pytest
from mm_contracts import topics
from mm_contracts.messages import schedule_message
from mm_hack import release

from tests.cluster.archive import archived, duplicates, fingerprint, gaps, promised, wait_complete, wait_quiet
from tests.cluster.conftest import NAMESPACE
from tests.cluster.system import System, wait_until


def test_first_schedule_ends_in_a_complete_quiet_archive(system: System) -> None:
    """Nobody but the post-install hook asked for anything: manifests, gaps, photos and drives came by themselves."""
    wait_complete(system)
    assert archived(system) == promised(system)
    assert gaps(system) == []
    assert duplicates(system) == []
    state = system.simulator("GET", "/__sim/state")
    drives = system.sql("select count(*) from silver.fact_path where rover_name = 'Perseverance'")[0][0]
    assert drives == state["rovers"]["Perseverance"]["drives"]


def test_every_plan_says_how_it_ended(system: System) -> None:
    """Plans end Complete with the counts that the archive confirms, and their columns are filled."""
    wait_quiet(system)
    photos_plans = [p for p in system.get("iplan") if p["spec"].get("dataset", "photos") == "photos"]
    assert photos_plans
    assert {p["status"]["phase"] for p in photos_plans} == {"Complete"}
    assert sum(p["status"]["photos"] for p in photos_plans) == sum(n for _, n in promised(system).values())
    header = system.kubectl("get", "iplan").splitlines()[0].split()
    assert header == ["NAME", "DATASET", "ROVERS", "PHASE", "DONE", "FAILED", "PHOTOS", "REASON", "AGE"]


def test_what_ran_is_in_the_history_with_its_cost(system: System) -> None:
    """Each batch that is done is a succeeded Job there, whether the cluster still has it or not."""
    wait_quiet(system)
    for plan in (p for p in system.get("iplan") if p["spec"].get("dataset", "photos") == "photos"):
        ((jobs, photos, requests, timed),) = system.sql(
            "select count(*), coalesce(sum(photos), 0), coalesce(sum(requests), 0),"
            " coalesce(count_if(run_seconds is not null and cpu_seconds > 0), 0)"
            f" from gold.work_history where plan = '{plan['metadata']['name']}' and kind = 'ingest'"
            " and outcome = 'succeeded'"
        )
        status = plan["status"]
        assert (jobs, photos, requests) == (status["batches"]["succeeded"], status["photos"], status["requests"])
        assert timed == jobs
    kinds = {kind for (kind,) in system.sql("select distinct kind from gold.work_history")}
    assert {"plan", "ingest", "transform"} <= kinds


def test_a_second_schedule_of_the_same_sols_changes_no_row(system: System) -> None:
    """Every archived sol is asked for again, under a new id; photos and drives stay as they are."""
    before = fingerprint(system)
    sols = system.sql("select distinct rover_name, sol from silver.fact_photos")
    tasks = [{"rover_name": rover, "sol": int(sol)} for rover, sol in sols]
    message = schedule_message("photos", tasks, schedule_id="all-again", timestamp="2026-01-01T00:00:00Z")
    plans = {p["metadata"]["name"] for p in system.get("iplan")}
    system.publish(topics.SCHEDULING, message)
    new = wait_until(
        lambda: [p for p in system.get("iplan") if p["metadata"]["name"] not in plans], "a plan of the second schedule"
    )
    name = new[0]["metadata"]["name"]
    wait_until(lambda: system.phase(name) in ("Complete", "Failed"), "the second plan's end", 240)
    assert system.phase(name) == "Complete"
    wait_quiet(system)
    assert fingerprint(system) == before
    assert gaps(system) == []


def test_helm_test_proves_the_loop_and_shows_what_it_saw(system: System) -> None:
    command = [*release.helm(NAMESPACE), "test", release.RELEASE, "--logs", "--timeout", "10m"]
    answer = subprocess.run(command, capture_output=True, text=True)
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert "the loop works" in answer.stdout
    wait_quiet(system)


def test_the_same_message_twice_is_one_plan(system: System) -> None:
    """Redelivery changes nothing: the plan's name comes from the schedule's id."""
    message = schedule_message(
        "photos", [{"rover_name": "Spirit", "sol": 1}], schedule_id="delivered-twice", timestamp="2026-01-01T00:00:00Z"
    )
    plans = {p["metadata"]["name"] for p in system.get("iplan")}
    for _ in range(3):
        system.publish(topics.SCHEDULING, message)
    marker = system.publish(topics.SCHEDULING, b"null")
    system.dead_letter(topics.SCHEDULING, *marker)
    new = wait_until(
        lambda: [p for p in system.get("iplan") if p["metadata"]["name"] not in plans], "the plan of the message"
    )
    assert len(new) == 1
    wait_quiet(system)


def test_the_earlier_pipelines_message_is_accepted_as_it_is(system: System) -> None:
    """No schedule_id, no dataset, two tasks: the form that the earlier pipeline published."""
    value = json.dumps(
        {
            "ingestion_schedule": {
                "tasks": [{"rover_name": "Curiosity", "sol": 1}, {"rover_name": "Curiosity", "sol": 2}],
                "sol_range": [1, 2],
            },
            "status": "success",
            "timestamp": "2025-10-09T12:00:00",
        }
    ).encode()
    before = {p["metadata"]["name"] for p in system.get("iplan")}
    system.publish(topics.SCHEDULING, value)
    plan = wait_until(
        lambda: [p for p in system.get("iplan") if p["metadata"]["name"] not in before], "a plan of the message"
    )[0]
    assert [r["name"] for r in plan["spec"]["rovers"]] == ["Curiosity"]
    wait_until(lambda: system.phase(plan["metadata"]["name"]) == "Complete", "its end")
    wait_quiet(system)


@pytest.mark.parametrize("table", ["photos", "manifests", "coordinates"])
def test_objects_carry_what_made_them(system: System, table: str) -> None:
    """Source, plan, batch and trace id stand in each object, and the load ledger holds each object once."""
    wait_quiet(system)
    s3 = system.s3()
    keys = [o["Key"] for o in s3.list_objects_v2(Bucket="mars", Prefix=f"{table}/")["Contents"]]
    document = json.loads(s3.get_object(Bucket="mars", Key=keys[0])["Body"].read())
    assert document["source"] == "simulator"
    assert system.plan(document["plan"]) is not None
    assert len(document["trace_id"]) == 32
    ledger = system.sql(
        f"select object_key, count(*) from bronze.load_ledger where object_key like '{table}/%' group by 1"
    )
    assert sorted(keys) == sorted(key for key, _ in ledger)
    assert {count for _, count in ledger} == {1}
