"""What an ingest Job reads by hand is what the contracts' models say."""

import dataclasses
import json
import random
from pathlib import Path
from typing import Any

import msgspec
import pytest
from mm_contracts.batch import BATCH_ENV, BatchSpec
from mm_contracts.keys import DATASETS
from mm_contracts.rovers import ROVERS
from mm_contracts.source_kinds import KINDS
from mm_contracts.sources import Source, Sources
from mm_jobs.ingest import spec
from mm_jobs.ingest.spec import Batch, SourceSettings, SpecError, parse_batch, read_batch, read_source
from pydantic.alias_generators import to_camel

from tests.unit.jobs.test_ingest_fuzz import ANSWERS, SEED, _mutate, _paths

BATCH: dict[str, Any] = {
    "plan": "p",
    "batch": 0,
    "attempt": 1,
    "dataset": "photos",
    "rover": "Curiosity",
    "sols": "1-3,10",
    "source": "",
    "stamp": "20260102T030405Z-1a2b3c4d",
    "trace_id": "a" * 32,
}


def test_the_batch_mirrors_the_contract() -> None:
    assert {field.name for field in dataclasses.fields(Batch)} == set(BatchSpec.model_fields)
    assert spec.BATCH_ENV == BATCH_ENV
    wire = BatchSpec.model_validate(BATCH).model_dump_json()
    assert dataclasses.asdict(parse_batch(wire)) == BatchSpec.model_validate(BATCH).model_dump()


def test_the_source_mirrors_the_contract(tmp_path: Path) -> None:
    ours = {field.name for field in dataclasses.fields(SourceSettings)} - {"name", "contact"}
    assert ours <= set(Source.model_fields)
    source = Source(
        base_url="http://nasa/v1",
        traverse_urls={"Curiosity": "http://x"},
        rovers=["Curiosity"],
        max_concurrency=3,
        timeout_seconds=7,
        page_size=25,
        mmgis_url="http://maps",
        sample_types=["full"],
        api_key_secret="mine",
        api_key_secret_key="key",
    )
    path = tmp_path / "sources.json"
    path.write_text(
        Sources(default="nasa", sources={"nasa": source}, contact="me@x.example").model_dump_json(by_alias=True)
    )
    read = dataclasses.asdict(read_source(str(path), ""))
    expected = {name: getattr(source, name) for name in ours}
    expected |= {"name": "nasa", "contact": "me@x.example", "rovers": ("Curiosity",), "sample_types": ("full",)}
    assert read == expected


def test_defaults_are_the_contracts(tmp_path: Path) -> None:
    path = tmp_path / "sources.json"
    path.write_text(json.dumps({"default": "n", "sources": {"n": {to_camel("base_url"): "http://nasa/v1/"}}}))
    read, contract = read_source(str(path), "n"), Source(base_url="http://nasa/v1/")
    for name in {field.name for field in dataclasses.fields(SourceSettings)} - {"name", "contact"}:
        ours, theirs = getattr(read, name), getattr(contract, name)
        assert (list(ours) if isinstance(ours, tuple) else ours) == theirs, name


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_defaults_of_each_kind_are_the_contracts(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "sources.json"
    path.write_text(json.dumps({"default": "n", "sources": {"n": {"kind": kind, "baseUrl": "http://nasa/v1"}}}))
    read, contract = read_source(str(path), "n"), Source(kind=kind, base_url="http://nasa/v1")  # type: ignore[arg-type]
    assert (read.page_size, list(read.sample_types)) == (contract.page_size, contract.sample_types)
    assert list(read.rovers) == contract.rovers


def test_where_no_source_is_named_the_rovers_first_for_the_dataset_is_read(tmp_path: Path) -> None:
    body = {
        "default": "mirror",
        "sources": {
            "mirror": {"baseUrl": "http://mirror"},
            "raw": {"kind": "msl-raw", "baseUrl": "http://raw.example"},
            "maps": {"kind": "mmgis", "baseUrl": "http://maps.example"},
            "both": {"baseUrl": "http://both.example", "mmgisUrl": "http://maps.example"},
        },
        "rovers": {"Curiosity": ["maps", "raw", "mirror"], "Perseverance": ["mirror", "both"]},
    }
    path = tmp_path / "sources.json"
    path.write_text(json.dumps(body))
    contract = Sources.model_validate(body)
    for rover in ROVERS:
        for dataset in DATASETS:
            ours, theirs = read_source(str(path), "", rover, dataset).name, contract.pick("", rover, dataset)[0]
            assert ours == theirs, (rover, dataset)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"rover": "Zhurong"}, "unknown rover"),
        ({"rover": 7}, "rover must be a text"),
        ({"attempt": 0}, "attempt must be a whole number of at least 1"),
        ({"batch": True}, "batch must be a whole number"),
        ({"sols": ""}, "not a sol list"),
        ({"sols": "5-1"}, "runs backwards"),
        ({"dataset": "videos"}, "'videos' is none of"),
        ({"stamp": ""}, "stamp must be a text"),
    ],
)
def test_a_bad_batch_is_told_in_a_sentence(change: dict[str, Any], says: str) -> None:
    with pytest.raises(SpecError, match=says):
        parse_batch(json.dumps(BATCH | change))


@pytest.mark.parametrize("text", ["", "[]", "{", "null"])
def test_what_is_no_batch(text: str) -> None:
    with pytest.raises(SpecError):
        parse_batch(text)


def test_a_batch_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "batch.json"
    path.write_text(json.dumps(BATCH))
    assert read_batch(str(path)).sol_numbers() == (1, 2, 3, 10)
    with pytest.raises(SpecError, match="cannot read the batch"):
        read_batch(str(tmp_path / "none.json"))


def test_an_unknown_source_names_the_known_ones(tmp_path: Path) -> None:
    path = tmp_path / "sources.json"
    path.write_text(json.dumps({"default": "a", "sources": {"a": {"baseUrl": "http://a"}}}))
    with pytest.raises(SpecError, match="'b' is configured: use one of a"):
        read_source(str(path), "b")


SOURCES: dict[str, Any] = {
    "default": "nasa",
    "contact": "me@x.example",
    "rovers": {"Curiosity": ["maps", "nasa"]},
    "sources": {
        "maps": {"kind": "mmgis", "baseUrl": "http://maps.example"},
        "nasa": {
            "kind": "nasa-v1", "baseUrl": "http://nasa/v1", "traverseUrls": {"Curiosity": "http://maps/t.json"},
            "mmgisUrl": "http://maps", "rovers": ["Curiosity"], "maxConcurrency": 3, "requestsPerHour": 900,
            "timeoutSeconds": 7.5, "pageSize": 25, "sampleTypes": ["full"], "apiKeySecret": "mine",
            "apiKeySecretKey": "key",
        },
    },
}  # fmt: skip


@pytest.mark.parametrize("dataset", ["photos", "coordinates"])
def test_odd_settings_are_told_in_a_sentence_or_are_of_their_types(tmp_path: Path, dataset: str) -> None:
    path, paths, chance = tmp_path / "sources.json", _paths(SOURCES), random.Random(f"{SEED}{dataset}")
    for number in range(max(ANSWERS // 100, 1)):
        mutated, what = _mutate(SOURCES, paths, chance)
        path.write_text(json.dumps(mutated))
        try:
            found = read_source(str(path), "", "Curiosity", dataset)
            msgspec.convert(dataclasses.asdict(found), SourceSettings)
            assert found.contact.isascii()
            assert "\n" not in found.contact
            assert 0 < found.timeout_seconds <= 600
            assert found.max_concurrency >= 1
        except SpecError:
            pass
        except Exception as error:
            raise AssertionError(f"settings {number}: {what}") from error


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"[" * 100_000, b"NaN", b"[]"])
def test_files_that_are_none(tmp_path: Path, body: bytes) -> None:
    path = tmp_path / "sources.json"
    path.write_bytes(body)
    with pytest.raises(SpecError, match=r"is not|cannot read"):
        read_source(str(path), "")
    with pytest.raises(SpecError, match=r"is not|cannot read"):
        read_batch(str(path))


@pytest.mark.parametrize("trace_id", ["a\r\nX: y", "ü" * 32, " ", "a" * 2000])
def test_a_trace_that_no_header_can_carry_costs_the_trace_alone(trace_id: str) -> None:
    assert parse_batch(json.dumps(BATCH | {"trace_id": trace_id})).trace_id == "0" * 32


def test_an_odd_batch_is_told_in_a_sentence() -> None:
    paths, chance = _paths(BATCH), random.Random(f"{SEED}batch")
    for number in range(max(ANSWERS // 100, 1)):
        mutated, what = _mutate(BATCH, paths, chance)
        try:
            msgspec.convert(dataclasses.asdict(parse_batch(json.dumps(mutated))), Batch)
        except SpecError:
            pass
        except Exception as error:
            raise AssertionError(f"batch {number}: {what}") from error
