"""Sol texts, object keys, rover names, trace headers: read back what was written, and refuse the rest in a sentence."""

import random

import pytest
from mm_contracts.keys import dataset_key, parse_key, photos_key, plan_stamp
from mm_contracts.rovers import ROVERS, canonical_rover
from mm_contracts.sols import MAX_SOL, format_sols, merge_sols, parse_sols
from mm_contracts.topics import dead_letter_topic, new_trace_id, trace_id_of, traceparent


@pytest.mark.parametrize("seed", range(20))
def test_sols_survive_being_written(seed: int) -> None:
    chance = random.Random(seed)
    sols = {chance.randint(0, 300) for _ in range(chance.randint(1, 200))}
    assert parse_sols(format_sols(sols)) == tuple(sorted(sols))


@pytest.mark.parametrize(
    ("text", "sols"), [("0", (0,)), ("3-5", (3, 4, 5)), ("7, 1-2,7", (1, 2, 7)), (f"{MAX_SOL}", (MAX_SOL,))]
)
def test_sols_are_read(text: str, sols: tuple[int, ...]) -> None:
    assert parse_sols(text) == sols


@pytest.mark.parametrize("text", ["", "a", "-1", "1-", "5-3", "1,,2", "1.5", "100000", "٣", "1-2-3", "0x1"])
def test_what_is_no_sol_list_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"sol|backwards|beyond"):
        parse_sols(text)


def test_texts_are_short_and_merge() -> None:
    assert format_sols([]) == ""
    assert format_sols([3, 1, 2, 9]) == "1-3,9"
    assert merge_sols(["1-3", "2-5", "9"]) == (1, 2, 3, 4, 5, 9)


def test_keys_are_read_as_they_were_written() -> None:
    stamp = plan_stamp("2025-11-23T12:59:50Z", "1a2b3c4d-5e6f-7081-92a3-b4c5d6e7f809")
    assert stamp == "20251123T125950Z-1a2b3c4d"
    key = photos_key("Curiosity", 3, 12, stamp)
    assert key == "photos/curiosity/mars_rover_photos_batch_sol_3_to_12_20251123T125950Z-1a2b3c4d.json"
    assert parse_key(key) == ("photos", "curiosity", stamp, (3, 12))
    for dataset in ("manifests", "coordinates"):
        assert parse_key(dataset_key(dataset, "Spirit", stamp)) == (dataset, "spirit", stamp, None)


@pytest.mark.parametrize(
    "key",
    [
        "photos/spirit/other.json",
        "photos/spirit/mars_rover_photos_batch_sol_1_to_2_20251123T125950Z.json.tmp",
        "coordinates/spirit/mars_rover_manifests_batch_20251123T125950Z.json",
        "photos/Spirit/mars_rover_photos_batch_sol_1_to_2_20251123T125950Z.json",
        "x/photos/spirit/mars_rover_photos_batch_sol_1_to_2_20251123T125950Z.json",
        "",
    ],
)
def test_keys_that_are_not_ours_are_refused(key: str) -> None:
    with pytest.raises(ValueError, match="is not the key"):
        parse_key(key)


def test_keys_of_one_rover_and_range_sort_by_time() -> None:
    early = photos_key("Spirit", 1, 2, plan_stamp("2025-01-01T00:00:00Z", "f" * 32))
    late = photos_key("Spirit", 1, 2, plan_stamp("2025-01-01T00:00:01Z", "0" * 32))
    assert early < late


def test_rovers_are_known_in_any_case() -> None:
    assert canonical_rover(" cUriosity ") == "Curiosity"
    for wrong in ("Ingenuity", "", None, 5):
        with pytest.raises(ValueError, match=", ".join(ROVERS)):
            canonical_rover(wrong)  # type: ignore[arg-type]


def test_trace_ids_travel_in_headers() -> None:
    trace_id = new_trace_id()
    assert trace_id_of(traceparent(trace_id)) == trace_id
    assert trace_id_of(traceparent(trace_id).encode()) == trace_id
    assert traceparent(trace_id) != traceparent(trace_id)
    for bad in (None, b"", "00-xyz-1-01", b"\xff\xfe", f"00-{'0' * 32}-{'1' * 16}-01"):
        assert trace_id_of(bad) is None
    assert dead_letter_topic("minio-events") == "minio-events.dlq"
