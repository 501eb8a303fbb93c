"""Plans, sources, termination messages."""

import json

import pytest
from mm_contracts.batch import BatchSpec
from mm_contracts.gate import Closure, closure_path, permit_path
from mm_contracts.plan import PlanSpec, PlanStatus, parse_duration, plan_manifest
from mm_contracts.reasons import RETRYABLE, ExitCode
from mm_contracts.sources import Sources
from mm_contracts.terminations import TERMINATION_MESSAGE_LIMIT, Termination, TransformDetails, read_termination
from pydantic import ValidationError


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("15m", 900), ("1h30m", 5400), ("0s", 0)])
def test_durations(text: str, seconds: int) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "5", "m", "5d", "1h 2m", "-5s", "1.5h"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="1h30m"):
        parse_duration(text)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ({"rovers": []}, "at least 1 item"),
        ({"rovers": [{"name": "Spirit"}]}, "needs sols"),
        ({"dataset": "manifests", "rovers": [{"name": "Spirit", "sols": ["1"]}]}, "takes no sols"),
        ({"rovers": [{"name": "Spirit", "sols": ["1"]}, {"name": "Spirit", "sols": ["2"]}]}, "named twice"),
        ({"rovers": [{"name": "Spirit", "sols": ["9-1"]}]}, "backwards"),
        ({"rovers": [{"name": "Spirit", "sols": ["1-3,9-7"]}]}, "backwards"),
        ({"rovers": [{"name": "Rosalind", "sols": ["1"]}]}, "unknown rover"),
        ({"rovers": [{"name": "Spirit", "sols": ["1"]}], "paralelism": 3}, "paralelism"),
        ({"rovers": [{"name": "Spirit", "sols": ["1"]}], "retry": {"backoff": "soon"}}, "pattern"),
    ],
)
def test_impossible_plans_are_refused(spec: dict[str, object], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        PlanSpec.model_validate(spec)


def test_a_plan_survives_the_way_through_the_api() -> None:
    spec = PlanSpec.model_validate({"rovers": [{"name": "spirit", "sols": ["1-3"]}], "batch": {"maxSols": 2}})
    body = plan_manifest("p", "mars", spec, labels={"a": "b"})
    assert body["metadata"] == {"name": "p", "namespace": "mars", "labels": {"a": "b"}}
    assert body["spec"]["rovers"] == [{"name": "Spirit", "sols": ["1-3"]}]
    assert PlanSpec.model_validate(json.loads(json.dumps(body["spec"]))) == spec


def test_an_empty_status_is_a_status() -> None:
    assert PlanStatus.model_validate({}).phase == "Pending"


def test_every_exit_code_says_whether_to_retry() -> None:
    assert set(RETRYABLE) == set(ExitCode)
    assert [code.value for code in ExitCode if RETRYABLE[code]] == [74, 75, 1]


def test_a_batch_survives_the_environment() -> None:
    batch = BatchSpec(
        plan="p", batch=0, attempt=1, dataset="photos", rover="Spirit", source="", stamp="s", trace_id="t"
    )
    assert BatchSpec.model_validate_json(batch.model_dump_json()) == batch


def test_a_termination_message_of_many_failed_sols_still_parses_when_it_fits() -> None:
    end = Termination(status="failed", reason="SourceError", failed_sols={str(n): "BadResponse" for n in range(100)})
    text = end.model_dump_json()
    assert len(text) < TERMINATION_MESSAGE_LIMIT
    assert Termination.model_validate_json(text) == end
    assert Termination.model_validate({"status": "success", "later": "field"}).photos == 0


def test_details_are_read_by_kind_and_what_cannot_be_read_takes_nothing_else_with_it() -> None:
    said = {"status": "failed", "photos": 3, "details": {"models": 4, "next_due_at": "soon", "archive": [1], "new": 1}}
    end = read_termination(json.dumps(said), "transform")
    assert end is not None
    assert isinstance(end.details, TransformDetails)
    assert (end.photos, end.details.models, end.details.next_due_at, end.details.archive) == (3, 4, "soon", {})
    assert not isinstance(read_termination(json.dumps(said), "load").details, TransformDetails)  # type: ignore[union-attr]
    assert read_termination(json.dumps(said | {"details": "none"}), "ingest").photos == 3  # type: ignore[union-attr]
    for text in (None, "", "{", "[]", "1", '{"status": "well"}', "[" * 100_000):
        assert read_termination(text, "ingest") is None


def test_a_status_of_an_earlier_version_is_read() -> None:
    status = PlanStatus.model_validate({"done": "0-3", "failedBatches": "7", "photos": 2})
    assert (status.completed_indexes, status.failed_indexes, status.photos) == ("0-3", "7", 2)
    both = PlanStatus.model_validate({"done": "0", "completedIndexes": "0-5"})
    assert both.completed_indexes == "0-5"


SOURCES = {
    "default": "simulator",
    "sources": {"simulator": {"kind": "nasa-v1", "baseUrl": "http://s/api/v1", "requestsPerHour": None}},
}


def test_the_default_source_is_picked_where_none_is_named() -> None:
    sources = Sources.model_validate(SOURCES)
    assert sources.pick("")[0] == sources.pick("simulator")[0] == "simulator"
    with pytest.raises(ValueError, match="use one of simulator"):
        sources.pick("nasa")


@pytest.mark.parametrize("change", [{"default": "other"}, {"sources": {"simulator": {"kind": "nasa-v1"}}}])
def test_wrong_sources_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Sources.model_validate(SOURCES | change)


@pytest.mark.parametrize(
    ("source", "limit", "page"),
    [
        ({"baseUrl": "https://api.nasa.gov/mars-photos/api/v1/"}, 1_000, None),
        ({"baseUrl": "https://mirror.example/api/v1", "requestsPerHour": 7}, 7, None),
        ({"kind": "marsvista-v2", "baseUrl": "https://api.marsvista.dev/api/v2"}, 10_000, 100),
        ({"kind": "marsvista-v1", "baseUrl": "https://x.example", "requestsPerHour": None, "pageSize": 25}, None, 25),
        ({"kind": "msl-raw", "base_url": "https://x.example", "page_size": None}, None, 200),
    ],
)
def test_what_is_left_out_is_what_the_source_publishes(
    source: dict[str, object], limit: int | None, page: int | None
) -> None:
    read = Sources.model_validate({"default": "s", "sources": {"s": source}}).sources["s"]
    assert (read.requests_per_hour, read.page_size) == (limit, page)
    assert not read.base_url.endswith("/")
    # What one process writes, another reads as the same.
    assert type(read).model_validate_json(read.model_dump_json(by_alias=True)) == read


SEVERAL = {
    "default": "mirror",
    "sources": {
        "mirror": {"baseUrl": "http://mirror.example"},
        "raw": {"kind": "msl-raw", "baseUrl": "http://raw.example"},
        "maps": {"kind": "mmgis", "baseUrl": "http://maps.example"},
    },
    "rovers": {"curiosity": ["maps", "raw", "mirror"]},
}


def test_each_rover_has_its_own_order_of_sources() -> None:
    sources = Sources.model_validate(SEVERAL)
    assert sources.ordered("Curiosity", "photos") == ["raw", "mirror"]
    assert sources.pick("", "Curiosity", "photos")[0] == "raw"
    assert sources.pick("", "Curiosity", "coordinates")[0] == "maps"
    assert sources.pick("mirror", "Curiosity", "photos")[0] == "mirror"
    assert sources.pick("", "Spirit", "photos")[0] == "mirror"
    assert sources.ordered("Spirit", "coordinates") == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rovers": {"Curiosity": ["nobody"]}}, "names 'nobody', which is not among"),
        ({"rovers": {"Zhurong": ["raw"]}}, "unknown rover"),
        ({"sources": SEVERAL["sources"] | {"RAW": {"baseUrl": "http://x.example"}}}, "SOURCE_API_KEY_RAW"),  # type: ignore[operator]
        ({"sources": {"mirror": {"kind": "msl-raw", "baseUrl": "http://x.example", "rovers": ["Spirit"]}}}, "Spirit"),
        ({"sources": {"mirror": {"baseUrl": "ftp://x.example"}}}, "baseUrl"),
        ({"sources": {"mirror": {"baseUrl": "http://x.example", "requestPerHour": 3}}}, "requestPerHour"),
        ({"contact": "me@x.example\r\nX-Evil: 1"}, "printable ASCII"),
    ],
)
def test_sources_that_contradict_themselves_are_refused_in_a_sentence(change: dict[str, object], says: str) -> None:
    with pytest.raises(ValidationError, match=says):
        Sources.model_validate(SEVERAL | {"rovers": {}} | change)


def test_the_gate_s_paths_and_bounds() -> None:
    assert (permit_path("s"), closure_path("s")) == ("/v1/sources/s/permits", "/v1/sources/s/closures")
    for seconds in (0, -1, 10**6):
        with pytest.raises(ValidationError):
            Closure(retry_after_seconds=seconds)
