"""All kinds of odd input at once, among good ones: every good sol is archived, each odd one is told with its reason.

What is odd: answers of the source (half a character, a sol listed twice, pages shorter than asked for, photos corrected
to another sol, a sol of more requests than the hour allows), objects that others left in the bucket (a count and a sol
that are texts, a time that is none, NaN, one that cannot be read), messages (no JSON, a header's name that is not
UTF-8), and a plan that a rule of the cluster denies.
"""

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from mm_contracts import topics
from mm_contracts.keys import photos_key
from mm_contracts.messages import schedule_message

from tests.cluster.archive import archived, built, duplicates, gaps, promised, wait_complete, wait_quiet
from tests.cluster.policies import priority_denied
from tests.cluster.system import System, wait_until
from tests.kafka.raw import publish_with_header

pytestmark = pytest.mark.long

STAMP = "20250101T000000Z"
MOVED = ("Opportunity", 2, 5)
"""This rover's first so many photos of this sol are corrected to the next one."""
TWICE, HALF, SHORT, BIG = 60, 61, 62, 10
"""Curiosity's sols that are listed twice, have half a character, and come in short pages; and one of many pages."""
PAGE = 10
"""Photos in a short page; each of those sols has more."""


def document(number: int, **change: Any) -> dict[str, Any]:
    """Return an object as an ingest Job writes it, of a sol of Spirit that nobody has, with one thing changed."""
    outcome = {
        "sol": number, "attempt": 1, "status": "complete", "reason": None, "message": "", "promised_photos": 1,
        "promised_cameras": ["FHAZ"], "received_photos": 1, "received_cameras": ["FHAZ"],
        "requested_at": "2025-01-01T00:00:00Z", "earlier": [],
    }  # fmt: skip
    photo = {
        "id": 990_000 + number,
        "sol": number,
        "camera": {"id": 20, "name": "FHAZ"},
        "img_src": f"http://x/{number}.jpg",
    }
    return {
        "filename": "f.json", "rover_name": "Spirit", "source": "simulator", "plan": "copied", "batch": 0, "attempt": 1,
        "trace_id": "0" * 31 + "1", "ingestion_date": "2025-01-01T00:00:00Z", "sol_start": number, "sol_end": number,
        "photo_count": 1, "sols": [outcome | change], "photos": [photo],
    }  # fmt: skip


def key(number: int) -> str:
    """Return the key of an object of one sol."""
    return f"photos/spirit/mars_rover_photos_batch_sol_{number}_to_{number}_{STAMP}-{number:08x}.json"


BAD_OBJECTS: dict[int, tuple[bytes, str]] = {
    9001: (json.dumps(document(9001, received_photos="1")).encode(), "received_photos is '1'"),
    9002: (json.dumps(document(9002, sol="9002a")).encode(), "sol is '9002a'"),
    9004: (b'{"some": "other document"}', "filename is None: a text was expected"),
}
UNREADABLE = 9005


@contextmanager
def unreadable_when_it_comes(system: System, name: str) -> Iterator[None]:
    """Have an object's bytes cut on the object store's own disk as soon as they are there, as a broken disk would."""
    (pod,) = system.get("pods", "-l", "app.kubernetes.io/component=minio")
    volumes = "/var/local-path-provisioner /opt/local-path-provisioner"
    find = f"find {volumes} -path '*/mars/{name}/*/part.1' 2>/dev/null"
    script = f'until f=$({find}); [ -n "$f" ]; do sleep 0.1; done; for one in $f; do truncate -s 10 "$one"; done'
    command = [system.docker, "exec", pod["spec"]["nodeName"], "timeout", "120", "sh", "-c", script]
    cutter = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        yield
        assert cutter.wait(timeout=125) == 0, "the object did not come to lie on the store's disk"
    finally:
        cutter.kill()


def older_copy(system: System) -> tuple[str, bytes]:
    """Return an object of the bucket under a key of years ago, with odd times, half a character and NaN in it."""
    s3 = system.s3()
    held = s3.list_objects_v2(Bucket="mars", Prefix="photos/spirit/mars_rover_photos")["Contents"]
    documents = (json.loads(s3.get_object(Bucket="mars", Key=one["Key"])["Body"].read()) for one in held)
    found = next(document for document in documents if document.get("photos"))
    found["ingestion_date"] = "2020-01-01T00:00:00Z"
    for outcome in found["sols"]:
        outcome["requested_at"], outcome["earlier"] = "soon", []
    found["photos"][0] |= {"title": "dust devil \ud83c", "width": float("nan")}
    name = photos_key("Spirit", found["sol_start"], found["sol_end"], "20200101T000000Z-00000001")
    return name, json.dumps(found).encode()


@contextmanager
def fault(system: System, **given: Any) -> Iterator[None]:
    """While this holds, the simulator's source is odd in one way."""
    made = system.simulator("POST", "/__sim/faults", given)
    try:
        yield
    finally:
        system.simulator("DELETE", f"/__sim/faults/{made['id']}")


def counts(system: System, rover: str, *sols: int) -> list[int]:
    """Return how many photos the archive holds of each of some sols."""
    listed = ", ".join(map(str, sols))
    query = (
        f"select sol, count(*) from silver.fact_photos where rover_name = '{rover}' and sol in ({listed}) group by 1"
    )
    found = dict(system.sql(query))
    return [int(str(found.get(sol, 0))) for sol in sols]


def titles(system: System, sol: int) -> set[str]:
    """Return the titles that bronze has of Curiosity's photos of a sol."""
    query = (
        "select distinct photo.value:title::varchar from bronze.raw_photo_response as answer, "
        "lateral flatten(input => answer.photos) as photo where answer.rover_name = 'Curiosity' "
        f"and photo.value:sol::varchar = '{sol}' and photo.value:title::varchar is not null"
    )
    return {str(title) for (title,) in system.sql(query)}


def failures(system: System, since: set[str]) -> Counter[tuple[str, ...]]:
    """Return the Jobs that failed and are new, by what they were for and why."""
    found: Counter[tuple[str, ...]] = Counter()
    for job in system.get("jobs", "-l", "martian-moments.io/kind"):
        labels, name = job["metadata"]["labels"], job["metadata"]["name"]
        if name in since or not any(c["type"] == "Failed" for c in job["status"].get("conditions", [])):
            continue
        pods = system.get("pods", "-l", f"batch.kubernetes.io/job-name={name}")
        ends = [s["state"].get("terminated", {}) for pod in pods for s in pod["status"].get("containerStatuses", [])]
        words = [json.loads(end["message"]) for end in ends if end.get("message", "").startswith("{")]
        why = words[0].get("reason", "") if words else str(ends)
        what = labels.get("martian-moments.io/plan", ""), labels.get("martian-moments.io/batch", "")
        found[labels["martian-moments.io/kind"], *what, why] += 1
    return found


def told(system: System) -> dict[str, str]:
    """Return the sentence about each object that is set aside as a whole."""
    return dict(system.sql("select object_key, message from silver.set_aside where grain = 'object'"))


def test_every_odd_input_is_told_and_every_good_one_is_archived(system: System) -> None:
    """They come at the same time; nothing fails twice for one cause; planning and dbt are green; then all is mended."""
    wait_complete(system)
    wait_quiet(system)
    before = {job["metadata"]["name"] for job in system.get("jobs", "-l", "martian-moments.io/kind")}
    plans = {p["metadata"]["name"] for p in system.get("iplan")} | {"too-much"}
    rover, sol, moved = MOVED
    first, second = counts(system, rover, sol, sol + 1)
    assert first > moved
    with ExitStack() as odd:
        odd.enter_context(priority_denied(system, 500))
        odd.enter_context(fault(system, kind="half_character", rover="Curiosity", sol=HALF, count=2))
        odd.enter_context(fault(system, kind="sol_twice", rover="Curiosity", sol=TWICE))
        odd.enter_context(fault(system, kind="page_limit", rover="Curiosity", sol=SHORT, count=PAGE))
        odd.enter_context(fault(system, kind="page_limit", rover="Curiosity", sol=BIG, count=PAGE))
        odd.enter_context(fault(system, kind="moved_photos", rover=rover, sol=sol, count=moved))

        system.simulator(
            "POST", "/__sim/sols", {"Curiosity": f"{TWICE}-{SHORT}", "Spirit": "60-61", "Perseverance": "60"}
        )
        s3 = system.s3()
        for number, (body, _) in BAD_OBJECTS.items():
            s3.put_object(Bucket="mars", Key=key(number), Body=body)
        s3.put_object(Bucket="mars", Key=f"photos/spirit/\n{key(9006)[14:]}", Body=b"{}")
        mended, body = older_copy(system)
        s3.put_object(Bucket="mars", Key=mended, Body=body)
        with unreadable_when_it_comes(system, key(UNREADABLE)):
            large = json.dumps(document(UNREADABLE) | {"padding": "x" * 300_000}).encode()
            s3.put_object(Bucket="mars", Key=key(UNREADABLE), Body=large)

        letters = {"NotJson": system.publish(topics.SCHEDULING, b"\x00\xff")}
        tasks = [{"rover_name": "Spirit", "sol": 1}]
        denied = schedule_message("photos", tasks, schedule_id="denied", timestamp="2026-01-01T00:00:00Z", priority=900)
        letters["PlanRefused"] = system.publish(topics.SCHEDULING, denied)
        odd_header = schedule_message("photos", tasks, schedule_id="odd-header", timestamp="2026-01-01T00:00:00Z")
        publish_with_header(system.bootstrap, topics.SCHEDULING, odd_header, b"\xff\xfeorigin")
        system.apply(plan("short-pages", "paged", str(SHORT)))
        system.apply(plan("too-much", "thrifty", str(BIG)))
        system.kubectl("exec", "deploy/mars-operator", "--", "mars", "schedule", "--dataset", "manifests")

        wait_until(lambda: built(system) and archived(system) == promised(system) and not gaps(system),
                   "all good sols, and no gap", 300, every=2)  # fmt: skip
        # The rover's total is as before, so that its own sols tell when its correction has come.
        wait_until(lambda: counts(system, rover, sol, sol + 1) == [first - moved, second + moved] and not gaps(system),
                   "the photos in the sol to which they were corrected", 240, every=2)  # fmt: skip
        assert min(counts(system, "Curiosity", TWICE, HALF, SHORT)) > PAGE
        assert titles(system, HALF) == {"dust devil \ufffd"}
        assert duplicates(system) == []
        for reason, place in letters.items():
            assert system.dead_letter(topics.SCHEDULING, *place)[topics.DLQ_REASON] == reason
        wait_until(lambda: set(map(key, [*BAD_OBJECTS, UNREADABLE])) <= set(told(system)), "a word on each object")
        said = told(system)
        assert [number for number, (_, words) in BAD_OBJECTS.items() if words not in said[key(number)]] == []
        assert not [one for one in said if "\n" in one]
        fields = f"select message from silver.set_aside where grain = 'field' and object_key = '{mended}'"
        kinds = ("half a character", "is NaN", "requested_at is 'soon'")
        wait_until(lambda: all(words in str(system.sql(fields)) for words in kinds), "a word on each field")
        twice = "select message from silver.set_aside where grain = 'sol' and reason = 'ListedTwice'"
        assert f"sol {TWICE} is listed 2 times" in str(system.sql(twice))
        wait_until(lambda: system.phase("short-pages") == "Complete", "all pages of the source with short ones")
        record = wait_until(lambda: waiting(system, "too-much"), "a word on the sol that needs too many requests")
        assert record["reason"] == "RateLimited", record
        assert "photos came in" in record["message"], record
        wait_until(lambda: set(new_plans(system, plans).values()) == {"Complete"}, "the ends of all other plans")
        assert len(new_plans(system, plans)) >= 3, "manifests, gaps, and the message with the odd header"
        failed = failures(system, before)
        assert {(kind, name, why) for kind, name, _, why in failed} == {("ingest", "too-much", "RateLimited")}
        assert max(failed.values()) == 1, failed
        system.kubectl("delete", "iplan", "too-much")
    for number in (*BAD_OBJECTS, UNREADABLE):
        s3.delete_object(Bucket="mars", Key=key(number))
    s3.delete_object(Bucket="mars", Key=mended)
    s3.delete_object(Bucket="mars", Key=f"photos/spirit/\n{key(9006)[14:]}")
    # The source takes its correction back: so does the archive, without anybody's help.
    system.kubectl("exec", "deploy/mars-operator", "--", "mars", "schedule", "--dataset", "manifests")
    wait_until(lambda: counts(system, rover, sol, sol + 1) == [first, second], "the photos to be where they were", 240)
    wait_complete(system)


def plan(name: str, source: str, sols: str) -> dict[str, Any]:
    """Return a plan by hand of a source that is not in charge."""
    return {
        "apiVersion": "martian-moments.io/v1alpha1",
        "kind": "IngestionPlan",
        "metadata": {"name": name},
        "spec": {"rovers": [{"name": "Curiosity", "sols": [sols]}], "source": source},
    }


def new_plans(system: System, known: set[str]) -> dict[str, str]:
    """Return the phases of plans that are not among those known."""
    found = {p["metadata"]["name"]: (p.get("status") or {}).get("phase", "") for p in system.get("iplan")}
    return {name: phase for name, phase in found.items() if name not in known}


def waiting(system: System, name: str) -> dict[str, Any] | None:
    """Return the record of a plan's batch that waits for its next attempt."""
    records = ((system.plan(name) or {}).get("status") or {}).get("records") or []
    return next((record for record in records if record["state"] == "Waiting"), None)
