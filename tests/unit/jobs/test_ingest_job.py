"""The ingest Job's body with a scripted source and a store in memory: what is written, and how the Job ends."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from mm_contracts.documents import Attempt, CoordinatesDocument, ManifestsDocument, PhotosDocument, Place, SolOutcome
from mm_contracts.keys import WORK_PREFIX, parse_key
from mm_contracts.reasons import ExitCode, Reason
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.ingest import job
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.spec import Batch, SourceSettings

from tests.unit.jobs.scripted_source import Reply, ScriptedSource, json_reply

MANIFEST = {
    "name": "Curiosity",
    "max_sol": 4,
    "photos": [
        {"sol": 0, "total_photos": 2, "cameras": ["FHAZ", "MAST"]},
        {"sol": 1, "total_photos": 1, "cameras": ["FHAZ"]},
        {"sol": 2, "total_photos": 3, "cameras": ["FHAZ"]},
        {"sol": 4, "total_photos": 1, "cameras": ["FHAZ"]},
    ],
}
GONE = Reply(404, b"<html>No such app</html>")
LIMITED = json_reply({"error": {"code": "OVER_RATE_LIMIT"}}, 429, **{"Retry-After": "300"})


def photo(number: int, sol: int, camera: str = "FHAZ") -> dict[str, Any]:
    return {"id": number, "sol": sol, "camera": {"name": camera}, "img_src": f"http://mars/{number}.jpg"}


def photos(sol: int) -> Reply:
    """What the manifest promises for a sol."""
    entry: dict[str, Any] = next(entry for entry in MANIFEST["photos"] if entry["sol"] == sol)  # type: ignore[union-attr,index]
    cameras = entry["cameras"]
    count = entry["total_photos"]
    return json_reply({"photos": [photo(sol * 10 + i, sol, cameras[i % len(cameras)]) for i in range(count)]})


@dataclass
class MemoryStore:
    objects: dict[str, Stored] = field(default_factory=dict)
    fails: bool = False

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> str:
        if self.fails:
            raise JobError(ExitCode.STORAGE_ERROR, Reason.STORAGE_ERROR, "the object store refused to write")
        self.objects[key] = Stored(body, f"etag-{len(body)}", metadata)
        return self.objects[key].etag

    def put_new(self, key: str, body: bytes) -> bool:
        if key in self.objects:
            return False
        self.put(key, body, {})
        return True

    def get(self, key: str) -> Stored | None:
        return self.objects.get(key)

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)


Run = Callable[..., dict[str, Any]]


@pytest.fixture
def store() -> MemoryStore:
    return MemoryStore()


@pytest.fixture
def run(source: ScriptedSource, store: MemoryStore, log: Log) -> Run:
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": MANIFEST}))
    settings = SourceSettings(
        "nasa", "nasa-v1", source.url, {"Curiosity": f"{source.url}/traverse"}, rovers=("Curiosity",), max_concurrency=1
    )

    def go(sols: str = "0-4", dataset: str = "photos", attempt: int = 1, rover: str = "Curiosity") -> dict[str, Any]:
        batch = Batch("the-plan", 7, attempt, dataset, rover, "", "20260102T030405Z-1a2b3c4d", "a" * 32, sols)
        client = SourceClient(OpenGate(), log, timeout=5, pause=lambda _: None)
        return job.run(batch, settings, client, store, log)

    return go


def serve(source: ScriptedSource, *sols: int, **others: Reply) -> None:
    for sol in sols:
        source.on(f"/rovers/Curiosity/photos?sol={sol}", photos(sol))
    for sol, reply in others.items():
        source.on(f"/rovers/Curiosity/photos?sol={sol.removeprefix('sol')}", reply)


def written(store: MemoryStore) -> dict[str, Any]:
    (stored,) = (stored for key, stored in store.objects.items() if not key.startswith(WORK_PREFIX))
    document: dict[str, Any] = json.loads(stored.body)
    return document


def statuses(store: MemoryStore) -> dict[int, tuple[str, str | None]]:
    return {sol["sol"]: (sol["status"], sol["reason"]) for sol in written(store)["sols"]}


def test_a_batch_becomes_one_object_that_says_what_made_it(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    serve(source, 0, 1, 2, 4)
    counts = run("0-5")
    ((key, stored),) = store.objects.items()
    assert parse_key(key).sols == (0, 5)
    assert stored.metadata == {"trace-id": "a" * 32, "plan": "the-plan", "batch": "7"}
    document = written(store)
    assert set(document) == set(PhotosDocument.__annotations__)
    assert all(set(sol) == set(SolOutcome.__annotations__) for sol in document["sols"])
    assert (document["sol_start"], document["sol_end"], document["photo_count"]) == (0, 5, 7)
    assert [p["sol"] for p in document["photos"]] == [0, 0, 1, 2, 2, 2, 4]
    assert (document["plan"], document["batch"], document["attempt"], document["source"]) == ("the-plan", 7, 1, "nasa")
    assert (counts["sols"], counts["photos"], counts["requests"]) == (6, 7, 5)


def test_sols_that_the_manifest_does_not_list_are_not_asked_for(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    serve(source, 4)
    counts = run("3-5")
    assert (counts["sols"], counts["not_promised"], counts["mismatched"]) == (3, 2, 0)
    assert counts["details"]["not_promised_sols"] == "3,5"
    assert source.paths() == ["/manifests/Curiosity", "/rovers/Curiosity/photos?sol=4"]
    assert statuses(store) == {
        3: ("not_promised", "SolNotPromised"),
        4: ("complete", None),
        5: ("not_promised", "SolNotPromised"),
    }
    assert "beyond the rover's last sol 4" in written(store)["sols"][2]["message"]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (json_reply({"photos": []}), "PhotoCountMismatch"),
        (json_reply({"photos": [photo(1, 0), photo(2, 0)]}), "CameraMismatch"),
        (json_reply({"photos": [photo(1, 0, "MAST"), photo(2, 0), photo(3, 0)]}), "PhotoCountMismatch"),
    ],
    ids=["empty", "cameras", "more"],
)
def test_a_whole_answer_that_disagrees_is_recorded_as_such(
    run: Run, source: ScriptedSource, store: MemoryStore, answer: Reply, reason: str
) -> None:
    serve(source, sol0=answer)
    counts = run("0")
    assert statuses(store) == {0: ("mismatch", reason)}
    assert counts["details"]["mismatched_sols"] == "0"
    assert (counts["not_promised"], counts["mismatched"]) == (0, 1)


def test_one_bad_sol_is_a_failure_on_record_and_stops_no_other(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    serve(source, 0, 2, sol1=GONE)
    with pytest.raises(JobError, match=r"1 of 3 sols failed \(1\)") as caught:
        run("0-2")
    assert (caught.value.code, caught.value.reason) == (ExitCode.SOURCE_GONE, Reason.SOURCE_GONE)
    assert caught.value.counts["failed_sols"] == {"1": "SourceGone"}
    assert (caught.value.counts["sols"], caught.value.counts["photos"]) == (2, 5)
    assert statuses(store)[1] == ("failed", "SourceGone")
    assert written(store)["photo_count"] == 5


@pytest.mark.parametrize(
    "echo",
    [
        json_reply({"error": "Rover not found: /photos?sol=1&api_key=the-secret-key"}, 404),
        Reply(404, b"<html>" + b"x" * 148 + b" the-secret-key"),  # would be cut in the middle of the key
    ],
)
def test_a_key_that_a_source_repeats_stays_out_of_the_object(
    run: Run, source: ScriptedSource, store: MemoryStore, monkeypatch: pytest.MonkeyPatch, echo: Reply
) -> None:
    monkeypatch.setenv("SOURCE_API_KEY_NASA", "the-secret-key")
    serve(source, 0, 2, sol1=echo)
    with pytest.raises(JobError) as caught:
        run("0-2")
    assert statuses(store)[1][0] == "failed"
    assert "the-s" not in json.dumps(written(store)) + str(caught.value) + str(caught.value.counts)


def test_a_failure_that_can_pass_makes_the_batch_worth_another_try(run: Run, source: ScriptedSource) -> None:
    serve(source, 0, sol1=GONE, sol2=Reply(500))
    with pytest.raises(JobError) as caught:
        run("0-2")
    assert (caught.value.code, caught.value.reason) == (ExitCode.TEMPORARY, Reason.SOURCE_ERROR)
    assert caught.value.counts["failed_sols"] == {"1": "SourceGone", "2": "SourceError"}


def test_a_rate_limit_midway_keeps_what_came_and_asks_no_more(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    serve(source, 0, 2, 4, sol1=LIMITED)
    with pytest.raises(JobError) as caught:
        run("0-4")
    assert (caught.value.code, caught.value.reason, caught.value.retry_after) == (75, Reason.RATE_LIMITED, 300)
    assert source.paths()[-1] == "/rovers/Curiosity/photos?sol=1"
    assert statuses(store)[0] == ("complete", None)
    assert statuses(store)[4] == ("failed", "RateLimited")


def test_a_rate_limit_before_the_first_photo_writes_nothing(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    serve(source, sol0=LIMITED)
    with pytest.raises(JobError):
        run("0-2")
    assert store.objects == {}


def test_a_retry_asks_only_for_what_an_earlier_attempt_did_not_bring(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    serve(source, 0, 2, sol1=Reply(500))
    with pytest.raises(JobError):
        run("0-2")
    first_asked = written(store)["sols"][0]["requested_at"]
    source.seen.clear()
    serve(source, 1)
    counts = run("0-2", attempt=2)
    assert source.paths() == ["/manifests/Curiosity", "/rovers/Curiosity/photos?sol=1"]
    assert {sol: status for sol, (status, _) in statuses(store).items()} == dict.fromkeys((0, 1, 2), "complete")
    assert [p["id"] for p in written(store)["photos"]] == [0, 1, 10, 20, 21, 22]
    assert (counts["photos"], written(store)["attempt"]) == (6, 2)
    assert written(store)["sols"][0]["requested_at"] == first_asked
    on_record = {
        sol["sol"]: [(a["attempt"], a["status"]) for a in [*sol["earlier"], sol]] for sol in written(store)["sols"]
    }
    assert on_record == {0: [(1, "complete")], 1: [(1, "failed"), (2, "complete")], 2: [(1, "complete")]}
    assert set(written(store)["sols"][1]["earlier"][0]) == set(Attempt.__annotations__)
    assert written(store)["sols"][1]["earlier"][0]["reason"] == "SourceError"


def test_attempts_on_record_are_bounded(run: Run, source: ScriptedSource, store: MemoryStore) -> None:
    serve(source, 0, sol1=GONE)
    for attempt in range(1, 31):
        with pytest.raises(JobError):
            run("0-1", attempt=attempt)
    attempts = [one["attempt"] for one in written(store)["sols"][1]["earlier"]]
    assert attempts == list(range(10, 30))


def test_an_object_of_an_older_version_is_continued(run: Run, source: ScriptedSource, store: MemoryStore) -> None:
    serve(source, 0, sol1=GONE)
    with pytest.raises(JobError):
        run("0-1")
    ((key, stored),) = store.objects.items()
    document = json.loads(stored.body)
    for sol in document["sols"]:
        del sol["attempt"], sol["earlier"]
    store.objects[key] = Stored(json.dumps(document).encode(), "x", {})
    serve(source, 1)
    run("0-1", attempt=2)
    assert [(one["attempt"], len(one["earlier"])) for one in written(store)["sols"]] == [(1, 0), (2, 1)]


def test_a_retry_asks_again_for_a_sol_whose_promise_changed(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    serve(source, 1)
    run("1")
    grown = {**MANIFEST, "photos": [{"sol": 1, "total_photos": 2, "cameras": ["FHAZ"]}]}
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": grown}))
    serve(source, sol1=json_reply({"photos": [photo(10, 1), photo(11, 1)]}))
    run("1", attempt=2)
    assert written(store)["photo_count"] == 2


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"sols":[{}]}', b'{"photos":[1],"sols":[]}', b"[" * 9000])
def test_somebody_elses_bytes_under_our_key_are_overwritten(
    run: Run, source: ScriptedSource, store: MemoryStore, body: bytes
) -> None:
    serve(source, 1)
    key = "photos/curiosity/mars_rover_photos_batch_sol_1_to_1_20260102T030405Z-1a2b3c4d.json"
    store.objects[key] = Stored(body, "x", {})
    run("1", attempt=2)
    assert statuses(store) == {1: ("complete", None)}


@pytest.mark.parametrize(
    ("answer", "code", "reason"),
    [
        (GONE, ExitCode.SOURCE_GONE, Reason.SOURCE_GONE),
        (Reply(500), ExitCode.TEMPORARY, Reason.SOURCE_ERROR),
        (LIMITED, ExitCode.TEMPORARY, Reason.RATE_LIMITED),
        (json_reply({"errors": "Invalid Rover Name"}, 400), ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS),
    ],
)
def test_without_a_manifest_nothing_is_said_of_any_sol(
    run: Run, source: ScriptedSource, store: MemoryStore, answer: Reply, code: ExitCode, reason: Reason
) -> None:
    source.on("/manifests/Curiosity", answer)
    with pytest.raises(JobError) as caught:
        run("0-2")
    assert (caught.value.code, caught.value.reason) == (code, reason)
    assert store.objects == {}


def test_a_manifest_object(run: Run, store: MemoryStore) -> None:
    counts = run("", dataset="manifests")
    ((key, _),) = store.objects.items()
    assert key == "manifests/curiosity/mars_rover_manifests_batch_20260102T030405Z-1a2b3c4d.json"
    assert set(written(store)) == set(ManifestsDocument.__annotations__)
    (manifest,) = written(store)["manifests"]
    assert manifest.items() >= {"name": "Curiosity", "max_sol": 4, "landing_date": "2012-08-06"}.items()
    assert manifest["photos"] == [{**entry, "earth_date": None} for entry in MANIFEST["photos"]]  # type: ignore[dict-item,attr-defined]
    assert counts["sols"] == 4


def test_a_coordinates_object(run: Run, source: ScriptedSource, store: MemoryStore) -> None:
    source.on("/traverse", json_reply({"features": [{"geometry": {}, "properties": {"Length": 1.5}}]}))
    run("", dataset="coordinates")
    assert set(written(store)) == set(CoordinatesDocument.__annotations__)
    assert written(store)["coordinates"][0]["rover_name"] == "Curiosity"
    assert written(store)["coordinate_count"] == 1


def test_a_rover_that_the_source_lacks(run: Run, source: ScriptedSource) -> None:
    with pytest.raises(JobError, match="has no rover Spirit: it has Curiosity") as caught:
        run(rover="Spirit")
    assert caught.value.code is ExitCode.BAD_ARGUMENTS
    assert source.seen == []


def test_a_storage_failure_is_the_stores(run: Run, source: ScriptedSource, store: MemoryStore) -> None:
    serve(source, 1)
    store.fails = True
    with pytest.raises(JobError) as caught:
        run("1")
    assert caught.value.code is ExitCode.STORAGE_ERROR


def test_half_an_emoji_in_a_caption_costs_one_character(run: Run, source: ScriptedSource, store: MemoryStore) -> None:
    odd = json_reply({"photos": [photo(10, 1) | {"title": "dust devil \ud83c", "size": float("inf")}]})
    assert b"\\ud83c" in odd.body
    serve(source, 0, 2, sol1=odd)
    run("0-2")
    (stored,) = (one for key, one in store.objects.items() if key.startswith("photos/"))
    document = json.loads(stored.body.decode("utf-8"), parse_constant=pytest.fail)
    assert [sol["status"] for sol in document["sols"]] == ["complete"] * 3
    odd_photo = document["photos"][2]
    assert (odd_photo["title"], odd_photo["size"]) == ("dust devil \ufffd", None)


def test_what_was_set_aside_is_kept_beside_what_could_be_used_and_counted(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    stray = photo(99, 7)
    serve(source, 0, sol1=json_reply({"photos": [photo(10, 1), stray, "what?"]}))
    counts = run("0-1")
    sol = written(store)["sols"][1]
    assert (sol["status"], sol["received_photos"]) == ("complete", 1)
    assert [(one["reason"], one["raw"]) for one in sol["set_aside"]] == [("OtherSol", stray), ("NotAnObject", "what?")]
    assert "2 set aside" in sol["message"]
    assert counts["details"]["set_aside"] == {"photo": 2}


def test_a_sol_that_the_manifest_lists_without_a_count_is_a_failure_and_not_empty(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    odd = {**MANIFEST, "photos": [*MANIFEST["photos"], {"sol": 3, "total_photos": None}]}  # type: ignore[misc]
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": odd}))
    serve(source, 2)
    with pytest.raises(JobError) as caught:
        run("2-3")
    assert caught.value.counts["failed_sols"] == {"3": "BadResponse"}
    assert statuses(store) == {2: ("complete", None), 3: ("failed", "BadResponse")}


class Hourly:
    """A gate that gives so many permits to each Job and says when to come back."""

    def __init__(self, permits: int) -> None:
        self.left = permits

    def wait(self) -> str:
        if self.left == 0:
            raise SourceFailure(Reason.RATE_LIMITED, "source nasa is closed for another 1800 s", retry_after=1800)
        self.left -= 1
        return ""

    def give_back(self, permit: str) -> None:
        """Nobody else waits."""

    def close(self, seconds: float, reason: str) -> None:
        """Nobody else asks."""


def test_a_sol_of_more_pages_than_an_hour_allows_is_had_hour_by_hour(
    source: ScriptedSource, store: MemoryStore, log: Log
) -> None:
    many = [photo(number, 1) for number in range(1, 851)]
    for page in range(1, 36):
        path = f"/rovers/Curiosity/photos?sol=1&page={page}&per_page=25"
        source.on(path, json_reply({"photos": many[(page - 1) * 25 : page * 25]}))
    promised = {"name": "Curiosity", "max_sol": 1, "photos": [{"sol": 1, "total_photos": 850, "cameras": ["FHAZ"]}]}
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": promised}))
    settings = SourceSettings("nasa", "nasa-v1", source.url, page_size=25, max_concurrency=1)

    def attempt(number: int) -> dict[str, Any]:
        batch = Batch("p", 0, number, "photos", "Curiosity", "", "20260102T030405Z-1a2b3c4d", "a" * 32, "1")
        return job.run(batch, settings, SourceClient(Hourly(16), log, timeout=5), store, log)

    for number, pages in ((1, 15), (2, 30)):
        with pytest.raises(JobError) as caught:
            attempt(number)
        assert (caught.value.code, caught.value.retry_after) == (ExitCode.TEMPORARY, 1800)
        assert f"{pages * 25} of 850 photos came in {pages} pages" in str(caught.value)
        (kept,) = store.objects
        assert kept == "work/parts/photos/curiosity/mars_rover_photos_batch_sol_1_to_1_20260102T030405Z-1a2b3c4d.json"
    counts = attempt(3)
    assert (counts["photos"], statuses(store)) == (850, {1: ("complete", None)})
    assert [p["id"] for p in written(store)["photos"]] == list(range(1, 851))
    asked = [path for path in source.paths() if "/photos?" in path]
    assert len(asked) == len(set(asked)) == 35
    assert len(store.objects) == 1


def test_pages_of_a_sol_that_has_grown_since_are_asked_for_again(run: Run, source: ScriptedSource) -> None:
    paging = {"page": 1, "total_pages": 2, "total_count": 3}
    first = json_reply({"photos": [photo(20, 2), photo(21, 2)], "pagination": paging})
    serve(source, sol2=first)
    source.on("/rovers/Curiosity/photos?sol=2&page=2", LIMITED)
    with pytest.raises(JobError):
        run("2")
    grown = {**MANIFEST, "photos": [{"sol": 2, "total_photos": 4, "cameras": ["FHAZ"]}]}
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": grown}))
    serve(source, sol2=json_reply({"photos": [photo(number, 2) for number in (20, 21, 22, 23)]}))
    source.seen.clear()
    assert run("2", attempt=2)["photos"] == 4
    assert "/rovers/Curiosity/photos?sol=2" in source.paths()


@pytest.mark.parametrize("body", [b"not json", b"[]", b'{"source":"nasa","sols":{"1":{}}}', b"[" * 9000])
def test_kept_pages_that_are_none_cost_no_more_than_themselves(
    run: Run, source: ScriptedSource, store: MemoryStore, body: bytes
) -> None:
    serve(source, 1)
    key = "work/parts/photos/curiosity/mars_rover_photos_batch_sol_1_to_1_20260102T030405Z-1a2b3c4d.json"
    store.objects[key] = Stored(body, "x", {})
    run("1", attempt=2)
    assert statuses(store) == {1: ("complete", None)}


def _maps(source: ScriptedSource, store: MemoryStore, log: Log, attempt: int = 1) -> dict[str, Any]:
    settings = SourceSettings("maps", "mmgis", source.url, rovers=("Curiosity",))
    batch = Batch("p", 0, attempt, "coordinates", "Curiosity", "", "20260102T030405Z-1a2b3c4d", "a" * 32)
    return job.run(batch, settings, SourceClient(OpenGate(), log, timeout=5, pause=lambda _: None), store, log)


def test_a_layer_that_fails_takes_no_other_with_it_and_is_alone_asked_for_again(
    source: ScriptedSource, store: MemoryStore, log: Log
) -> None:
    base = "/MSL/Layers/json/MSL"
    line = {
        "geometry": {"type": "LineString", "coordinates": [[137.4, -4.5], [137.5, -4.5]]},
        "properties": {"Length": 9},
    }
    point = {"geometry": {"type": "Point", "coordinates": [137.4, -4.5]}, "properties": {"sol": 3, "RMC": "2_0"}}
    source.on(f"{base}_traverse.json", json_reply({"features": [line, {"geometry": None}]}))
    source.on(f"{base}_waypoints.json", json_reply({"features": [{}]}))
    source.on(f"{base}_waypoints_current.json", json_reply({"features": [point]}))
    with pytest.raises(JobError, match=r"1 of 3 layers failed \(waypoints\)") as caught:
        _maps(source, store, log)
    assert (caught.value.code, caught.value.reason) == (ExitCode.TEMPORARY, Reason.BAD_RESPONSE)
    document = written(store)
    assert (document["coordinate_count"], len(document["places"]), len(document["set_aside"])) == (1, 1, 1)
    assert [one["status"] for one in document["layers"]] == ["complete", "failed", "complete"]
    source.seen.clear()
    source.on(f"{base}_waypoints.json", json_reply({"features": [point, point]}))
    counts = _maps(source, store, log, attempt=2)
    assert source.paths() == [f"{base}_waypoints.json"]
    assert (counts["details"]["drives"], counts["details"]["places"]) == (1, 3)
    assert set(written(store)["places"][0]) == set(Place.__annotations__)


def test_a_field_that_cannot_be_used_is_null_and_its_value_is_kept_and_counted(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    odd = photo(10, 1) | {"id": "7x", "earth_date": "soon"}
    fine = [photo(0, 0) | {"id": "0", "earth_date": "2012-08-06"}, photo(1, 0, "MAST") | {"earth_date": None}]
    serve(source, sol0=json_reply({"photos": fine}), sol1=json_reply({"photos": [odd]}))
    counts = run("0-1")
    zero, one = written(store)["sols"]
    assert (zero["status"], zero["set_aside"]) == ("complete", [])
    assert (one["status"], one["received_photos"]) == ("complete", 1)
    assert [(a["what"], a["reason"], a["raw"]) for a in one["set_aside"]] == [
        ("field", "BadField", "7x"),
        ("field", "BadField", "soon"),
    ]
    assert one["set_aside"][1]["message"] == "earth_date of photo http://mars/10.jpg cannot be used: 'soon'"
    assert counts["details"]["set_aside"] == {"field": 2}
    assert [p["id"] for p in written(store)["photos"]] == [0, 1, None]


def test_a_manifests_field_that_cannot_be_used_is_kept_and_counted(
    run: Run, source: ScriptedSource, store: MemoryStore
) -> None:
    entries = [{"sol": 0, "total_photos": 2, "earth_date": "soon", "cameras": 7}, {"sol": 1, "total_photos": 1}]
    odd = {"name": "Curiosity", "max_sol": 4, "max_date": ["x"], "landing_date": "2012-08-06", "photos": entries}
    source.on("/manifests/Curiosity", json_reply({"photo_manifest": odd}))
    counts = run("", dataset="manifests")
    assert [(one["what"], one["raw"]) for one in written(store)["set_aside"]] == [
        ("field", "soon"), ("field", 7), ("field", ["x"]),
    ]  # fmt: skip
    assert counts["details"]["set_aside"] == {"field": 3}
    assert counts["sols"] == 2
