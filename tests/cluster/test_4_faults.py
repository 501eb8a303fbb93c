"""Sources that fail, an operator that is killed, a Kafka that is away: the archive still ends complete."""

import collections
import time

from tests.cluster.archive import archived, duplicates, gaps, grow, promised, wait_complete, wait_quiet
from tests.cluster.system import System, wait_until


def test_an_operator_killed_three_times_loses_and_doubles_nothing(system: System) -> None:
    """SIGKILL while plans are made, while batches run and while loads are due."""
    system.simulator("POST", "/__sim/reset")
    before = len(system.get("iplan"))
    grow(system, Curiosity="12-17", Perseverance="17-24", Opportunity="4-9", Spirit="4-10")
    wait_until(lambda: len(system.get("iplan")) > before, "the manifests' plan")
    system.kill_operator()
    wait_until(lambda: any(p["spec"].get("dataset", "photos") == "photos" and
                           (p.get("status") or {}).get("phase") != "Complete" for p in system.get("iplan")),
               "a plan of the new sols")  # fmt: skip
    system.kill_operator()
    objects = len(system.s3().list_objects_v2(Bucket="mars", Prefix="photos/").get("Contents", []))
    wait_until(
        lambda: (
            len(system.s3().list_objects_v2(Bucket="mars", Prefix="photos/").get("Contents", [])) > objects
            or archived(system) == promised(system)
        ),
        "a new object",
    )
    system.kill_operator()
    wait_complete(system)
    assert duplicates(system) == []
    plans = {p["metadata"]["name"]: p["metadata"]["uid"] for p in system.get("iplan")}
    for job in system.jobs("ingest"):
        owners = {(o["name"], o["uid"]) for o in job["metadata"].get("ownerReferences", [])}
        assert owners <= set(plans.items()), f"{job['metadata']['name']} belongs to no plan"


def test_a_sol_that_fails_three_times_is_filled(system: System) -> None:
    """500 three times, then the photos: retried until they come."""
    system.simulator(
        "POST",
        "/__sim/faults",
        {"kind": "status", "status": 500, "path": "photos", "rover": "Curiosity", "sol": 19, "times": 3},
    )
    grow(system, Curiosity="19")
    wait_complete(system)
    log = system.simulator("GET", "/__sim/requests?kind=photos&rover=Curiosity&sol=19")["requests"]
    assert collections.Counter(r["status"] for r in log)[500] == 3


def test_a_sol_that_is_gone_ends_as_a_recorded_gap(system: System) -> None:
    """404 HTML forever: the others are filled, the gap has its reason and next attempt, the loop goes quiet; then
    the sol comes back and the gap is filled by itself."""
    fault = system.simulator(
        "POST", "/__sim/faults", {"kind": "gone", "path": "photos", "rover": "Curiosity", "sol": 20}
    )
    grow(system, Curiosity="20-22")
    wait_until(
        lambda: [g for g in gaps(system) if g[1] == 20 and g[5]] and len(gaps(system)) == 1,
        "one gap with a reason",
        300,
    )
    wait_quiet(system)
    (gap,) = gaps(system)
    rover, sol, status, attempts, next_attempt, reason = gap
    assert (rover, sol, status, reason) == ("Curiosity", 20, "MISSING_SOL", "SourceGone")
    assert int(str(attempts)) >= 1
    assert next_attempt is not None
    assert system.sql("select count(*) from silver.fact_photos where rover_name = 'Curiosity' and sol = 21")[0][0] > 0
    system.simulator("DELETE", f"/__sim/faults/{fault['id']}")
    wait_complete(system)


def test_retry_after_stops_all_jobs_for_that_long(system: System) -> None:
    """One 429 with Retry-After: no request of any Job reaches the source until then, and no sol is lost."""
    seconds, started = 20, time.time()
    system.simulator(
        "POST", "/__sim/faults", {"kind": "rate_limit", "path": "photos", "retry_after": seconds, "times": 1}
    )
    grow(system, Curiosity="23-27", Opportunity="10-16", Spirit="11-16")
    refused = wait_until(
        lambda: system.simulator("GET", f"/__sim/requests?status=429&since={started}")["requests"],
        "the first 429",
        every=0.5,
    )
    first = min(r["time"] for r in refused)
    wait_complete(system)
    log = system.simulator("GET", f"/__sim/requests?since={first}")["requests"]
    # Requests that were on their way when the 429 was answered cannot be called back.
    early = [r for r in log if first + 1.0 < r["time"] < first + seconds and r["path"].startswith("/mars-photos")]
    assert early == []


def test_kafka_away_while_objects_arrive_is_repaired_by_the_sweep(system: System) -> None:
    """Events of the outage are lost; the objects are loaded all the same when Kafka is back."""
    system.kubectl("scale", "statefulset/mars-kafka", "--replicas=0")
    wait_until(lambda: not system.get("pods", "-l", "app.kubernetes.io/component=kafka"), "Kafka to be gone")
    try:
        system.apply(
            {
                "apiVersion": "martian-moments.io/v1alpha1",
                "kind": "IngestionPlan",
                "metadata": {"name": "without-kafka"},
                "spec": {"rovers": [{"name": "Spirit", "sols": ["3"]}]},
            }
        )
        wait_until(lambda: system.phase("without-kafka") == "Complete", "the plan to complete without Kafka")
    finally:
        system.kubectl("scale", "statefulset/mars-kafka", "--replicas=1")
        system.kubectl("rollout", "status", "statefulset/mars-kafka", "--timeout=180s")
        system.forget_ports("kafka")
    loaded = "select count(*) from bronze.raw_photo_response where plan = 'without-kafka'"
    wait_until(lambda: system.sql(loaded)[0][0] == 1, "the object's load", 240)
    wait_complete(system)
