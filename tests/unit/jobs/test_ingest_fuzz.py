"""Mutated answers through every reader: nothing but the typed failure, and no neighbour lost.

Seeded, so that a failure comes again: its number and what was changed are in the message. MARS_FUZZ is the number of
answers (100,000 by default): ``MARS_FUZZ=5000000 pytest tests/unit/jobs/test_ingest_fuzz.py`` is the long run.
"""

import copy
import json
import os
import random
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from mm_contracts.source_kinds import KINDS
from mm_jobs.ingest import clean
from mm_jobs.ingest.answers import read_answer
from mm_jobs.ingest.budget import read_budget, seconds_closed
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.manifests import read_manifest
from mm_jobs.ingest.model import Page
from mm_jobs.ingest.paging import Pulled, begin, pull
from mm_jobs.ingest.sources import m20_raw, marsvista_v2, mmgis, msl_raw, nasa_v1, source_of
from mm_jobs.ingest.spec import SourceSettings

from tests.unit.jobs import recorded_shapes as shapes

ANSWERS = int(os.environ.get("MARS_FUZZ") or 100_000)
SEED = 20260102
ODD: list[Any] = [
    None, True, False, 0, -1, 1.5, 2**53, 2**63, 10**30, 1e300, -0.0, float("inf"), float("nan"), "", " ", "x", "0",
    "-7", "12abc", "NaN", "1e999", "\ud83c", "a\x00b", "UNK", "null", "2012-02-30", "9999-12-31", "(1,", "\n",
    "http://", "Sol-1M99:99:99", "https://x/" + "y" * 3000, "ﬀ١٢", "x" * 9000,
    [], {}, [[]], [None], {"": None}, {"a": {"a": {"a": {}}}}, [1, "2", {}],
]  # fmt: skip

Path = tuple[Any, ...]


def _paths(value: Any, here: Path = ()) -> list[Path]:
    found = [here] if here else []
    for key, item in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        found += _paths(item, (*here, key))
    return found


def _mutate(value: Any, paths: list[Path], chance: random.Random) -> tuple[Any, str]:
    """Return a copy with one thing changed, and what that was."""
    if not paths or chance.random() < 0.02:
        odd = chance.choice(ODD)
        return odd, f"all is {odd!r:.40}"
    path = chance.choice(paths)
    changed = _copied(value, path)
    holder = changed
    for step in path[:-1]:
        holder = holder[step]
    if chance.random() < 0.15:
        del holder[path[-1]]
        return changed, f"{path} is gone"
    odd = copy.deepcopy(chance.choice(ODD))
    holder[path[-1]] = odd
    return changed, f"{path} is {odd!r:.40}"


def _copied(value: Any, path: Path) -> Any:
    """Copy only what lies on the path."""
    copied = copy.copy(value)
    if len(path) > 1:
        copied[path[0]] = _copied(value[path[0]], path[1:])
    return copied


class OnePage:
    """A source whose only page is given."""

    first_page, page_size = 1, None

    def __init__(self, items: list[Any], read: Callable[[Any, str, int], Any]) -> None:
        self._items, self.read = items, read

    def page(self, rover: str, sol: int, number: int, size: int | None) -> Page:  # noqa: ARG002
        return Page(self._items if number == 1 else [], len(self._items))


def _settings(kind: str) -> SourceSettings:
    return SourceSettings("s", kind, "http://x.example", sample_types=KINDS[kind].sample_types)


ITEMS: dict[str, tuple[str, Callable[..., dict[str, Any]]]] = {
    "nasa-v1": ("Perseverance", shapes.v1_photo),
    "marsvista-v2": ("Perseverance", shapes.v2_photo),
    "m20-raw": ("Perseverance", shapes.m20_image),
    "msl-raw": ("Curiosity", shapes.msl_item),
}


@pytest.mark.parametrize("kind", sorted(ITEMS))
def test_an_odd_photo_takes_no_neighbour_with_it(kind: str, log: Any) -> None:
    rover, make = ITEMS[kind]
    source = source_of(_settings(kind), SourceClient(OpenGate(), log, timeout=1))
    neighbours = [make(101), make(102)]
    expected = [source.read(copy.deepcopy(one), rover, 123) for one in neighbours]
    middle = make(3)
    paths, chance = _paths(middle), random.Random(f"{SEED}{kind}")
    for number in range(ANSWERS * (30 if kind == "nasa-v1" else 10) // 100):
        mutated, what = _mutate(middle, paths, chance)
        page = OnePage([neighbours[0], clean.clean(mutated), neighbours[1]], source.read)
        try:
            pulled: Pulled = pull(page, rover, 123, None, begin(page))
            photos = list(pulled.photos.values())
            mine = [one for one in photos if any(one.get("raw", one) is neighbour for neighbour in neighbours)]
            assert mine == expected
            assert pulled.known in (2, 3)
            if number % 20 == 0:
                json.dumps(photos, allow_nan=False, ensure_ascii=False).encode()
        except Exception as error:
            raise AssertionError(f"answer {number} of {kind}: {what}") from error


MANIFEST = {
    "name": "Curiosity",
    "landing_date": "2012-08-06",
    "launch_date": "2011-11-26",
    "status": "active",
    "max_sol": 3,
    "max_date": "2012-08-09",
    "total_photos": 30,
    "photos": [
        {"sol": sol, "earth_date": f"2012-08-0{6 + sol}", "total_photos": 10, "cameras": ["FHAZ"]} for sol in (1, 2, 3)
    ],
}


def test_an_odd_manifest_is_a_failure_or_keeps_its_other_sols() -> None:
    paths, chance = _paths(MANIFEST), random.Random(f"{SEED}manifest")
    for number in range(ANSWERS // 10):
        mutated, what = _mutate(MANIFEST, paths, chance)
        try:
            found = read_manifest(clean.clean(mutated), "Curiosity")
            clean.dumps(found.body).decode()
            touched = {1, 2, 3} - {sol for sol in (1, 2, 3) if found.promises.get(sol) == (10, ["FHAZ"])}
            assert len(touched) <= 1 or what.startswith("('photos',)")
            assert all(
                type(entry["sol"]) is int and type(entry["total_photos"]) is int for entry in found.body["photos"]
            )
        except SourceFailure:
            pass
        except Exception as error:
            raise AssertionError(f"manifest {number}: {what}") from error


@pytest.mark.parametrize(("layer", "make"), [("traverse", shapes.drive), ("waypoints", shapes.waypoint)])
def test_an_odd_feature_takes_no_neighbour_with_it(layer: str, make: Callable[[int], dict[str, Any]]) -> None:
    def read(features: list[Any]) -> list[Any]:
        found = mmgis.read_layer({"features": features}, layer, "Perseverance")
        return [*found.features, *found.places]

    neighbours = [make(101), make(102)]
    expected, middle = read(neighbours), make(103)
    paths, chance = _paths(middle), random.Random(f"{SEED}{layer}")
    for number in range(ANSWERS // 10):
        mutated, what = _mutate(middle, paths, chance)
        try:
            found = read([neighbours[0], clean.clean(mutated), neighbours[1]])
            assert [one for one in found if one in expected] == expected
            for one in found:
                assert layer == "traverse" or one["lon"] is None or (abs(one["lon"]) <= 360 and abs(one["lat"]) <= 90)
        except Exception as error:
            raise AssertionError(f"feature {number} of {layer}: {what}") from error


PAGES: dict[str, tuple[Callable[[dict[str, Any]], Page], dict[str, Any]]] = {
    "nasa-v1": (nasa_v1.read_page, {"photos": [1], "pagination": {"total_count": 1, "page": 1, "total_pages": 1}}),
    "marsvista-v2": (marsvista_v2.read_page, shapes.v2_page([1])),
    "m20-raw": (m20_raw.read_page, shapes.m20_page([1])),
    "msl-raw": (msl_raw.read_page, shapes.msl_page([1])),
}


@pytest.mark.parametrize("kind", sorted(PAGES))
def test_an_odd_page_is_a_failure_or_a_page(kind: str) -> None:
    read, answer = PAGES[kind]
    paths, chance = _paths(answer), random.Random(f"{SEED}{kind}")
    for number in range(ANSWERS // 400):
        mutated, what = _mutate(answer, paths, chance)
        if not isinstance(mutated, dict):
            continue  # the client refuses what is no object
        try:
            page = read(clean.clean(mutated))
            assert isinstance(page.items, list)
            assert page.total is None or page.total >= 0
        except SourceFailure:
            pass
        except Exception as error:
            raise AssertionError(f"page {number} of {kind}: {what}") from error


def test_odd_bytes_are_a_failure_or_an_object() -> None:
    body = json.dumps(shapes.m20_page([shapes.m20_image(1)])).encode()
    chance = random.Random(SEED)
    for number in range(ANSWERS // 5):
        odd = bytearray(body)
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(odd))
            odd[at : at + chance.choice((0, 1, 9))] = chance.choice(
                (b"", b"\xff", b"\\ud83c", b'"', b"}", b"\x00", b"[", b"9" * 30)
            )
        try:
            value = clean.parse(bytes(odd))
        except ValueError:
            continue
        except Exception as error:
            raise AssertionError(f"bytes {number}") from error
        json.loads(clean.dumps(value).decode(), parse_constant=pytest.fail)


def test_odd_headers_are_no_more_than_a_failure() -> None:
    now, chance = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), random.Random(f"{SEED}headers")
    waits: set[Any] = set()
    values = ("Fri, 02 Jan 2026 03:05:05 +0100", "2026-01-02T03:05:05+01:00", "1767323105", "60")
    for number in range(ANSWERS // 20):
        odd = list(chance.choice(values))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(odd) + 1)
            odd[at : at + chance.choice((0, 1, 4))] = chance.choice(
                ("", "9" * 20, "9" * 5000, "-", "+", "e", ".", ":", ",", " ", "²", "١", "\x00", "inf", "nan", "Jan")
            )
        text = "".join(odd)
        headers = {name: text for name in ("Retry-After", "X-RateLimit-Remaining", "X-RateLimit-Reset", "Location")}
        headers |= chance.choice(({}, {"X-RateLimit-Remaining": "0"}))
        try:
            budget = read_budget(headers, now)
            assert budget is None or 0 <= (seconds_closed(budget, now) or 0) <= 86_400
            read_answer(chance.choice((301, 400, 404, 429, 500, 503)), headers, b"{}", "photos", now)
        except SourceFailure as failure:
            waits.add(failure.retry_after)
        except Exception as error:
            raise AssertionError(f"headers {number}: {text!r:.80}") from error
    assert all(1 <= wait <= 86_400 for wait in waits - {None})
