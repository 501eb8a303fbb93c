"""Records of ended work travel in one variable of an environment."""

import base64
import random
import zlib

import pytest
from mm_contracts.history import PACKED_LIMIT, WorkRecord, pack, unpack


def record(number: int, **more: object) -> WorkRecord:
    told = {"uid": f"uid-{number}", "kind": "ingest", "name": f"p-{number}-1", "outcome": "succeeded"}
    return WorkRecord.model_validate(told | {"ended_at": "2026-01-01T00:00:00Z"} | more)


def test_records_come_out_as_they_went_in() -> None:
    records = [record(0, details={"a": [1]}), record(1, batch=0, attempt=2, log_tail="Ü\n", cpu_seconds=0.5)]
    text, number = pack(records)
    assert number == 2
    assert unpack(text) == tuple(records)
    assert pack([]) == ("", 0)


def test_as_many_go_along_as_fit_into_a_variable_oldest_first() -> None:
    chance = random.Random(1)
    many = [record(n, log_tail=chance.randbytes(1000).hex()) for n in range(400)]
    text, number = pack(many)
    assert len(text) <= PACKED_LIMIT
    assert 30 < number < 400
    assert unpack(text) == tuple(many[:number])
    assert pack([record(0, log_tail=chance.randbytes(PACKED_LIMIT).hex())]) == ("", 0)


def test_what_is_no_record_is_left_out_and_what_is_no_package_is_refused() -> None:
    def packed(text: bytes) -> str:
        return base64.b64encode(zlib.compress(text)).decode()

    good = record(0).model_dump_json()
    text = packed(f'[1, {{"uid": "x"}}, {good}, {good}]'.encode())
    assert unpack(text) == (record(0),)
    for bad in ("", "?", "AAAA", packed(b"{}"), packed(b"["), packed(b"\xff")):
        with pytest.raises(ValueError, match="no package"):
            unpack(bad)
