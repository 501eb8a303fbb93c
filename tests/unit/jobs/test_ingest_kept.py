"""What Jobs keep in the bucket for later ones, with anything in it: a Job goes on without it, and fails over none."""

import json
import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
from mm_contracts.reasons import Reason
from mm_contracts.source_kinds import KINDS
from mm_jobs.common.log import Log
from mm_jobs.ingest import clean, parts
from mm_jobs.ingest.derived import derive
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.http import Remembered
from mm_jobs.ingest.layers import fetch_layers, former_layers
from mm_jobs.ingest.manifests import read_manifest
from mm_jobs.ingest.model import Manifest, Page, PhotoDict
from mm_jobs.ingest.paging import Interrupted, begin, pull
from mm_jobs.ingest.photos import fetch, former_sols
from mm_jobs.ingest.shelf import SharedAnswers
from mm_jobs.ingest.sources import source_of
from mm_jobs.ingest.sources.nasa_v1 import read_photo
from mm_jobs.ingest.spec import SourceSettings

from tests.unit.jobs import recorded_shapes as shapes
from tests.unit.jobs.test_ingest_fuzz import ANSWERS, SEED, _mutate, _paths
from tests.unit.jobs.test_ingest_shelf import Shelf

CASES: Final = max(ANSWERS // 100, 1)
DEEP: Final = b'{"a":' * 5000 + b"1" + b"}" * 5000


def photo(number: int, sol: int) -> dict[str, Any]:
    return {"id": number, "sol": sol, "camera": {"name": "FHAZ"}, "img_src": f"http://mars/{number}.jpg"}


class Source:
    """A source in memory of three sols with six photos each, in pages of two; ``most`` pages come before it fails."""

    has_manifest = True
    first_page, page_size = 1, 2

    def __init__(self, most: int = 10**9) -> None:
        self.most = most

    def manifest(self, rover: str) -> Manifest:
        sols = [{"sol": sol, "total_photos": 6, "cameras": ["FHAZ"]} for sol in (1, 2, 3)]
        return read_manifest({"name": rover, "max_sol": 3, "photos": sols}, rover)

    def page(self, rover: str, sol: int, number: int, size: int | None) -> Page:  # noqa: ARG002
        if self.most == 0:
            raise SourceFailure(Reason.RATE_LIMITED, "closed", retry_after=60)
        self.most -= 1
        assert 1 <= number <= 5, "a page that nobody needs"
        return Page([photo(sol * 10 + 2 * (number - 1) + one, sol) for one in (1, 2) if number <= 3] or [])

    def read(self, item: Any, rover: str, sol: int) -> PhotoDict | None:  # noqa: ARG002
        return read_photo(item, sol)

    def newest(self, rover: str) -> int:  # noqa: ARG002
        return 3

    def count(self, rover: str, sol: int, so_far: Any = None) -> int:  # noqa: ARG002
        return 6


def attempt(number: int, former: Any, kept: Any, log: Log, most: int = 10**9) -> Any:
    """An attempt at three sols after one that left these objects."""
    found = {} if former is None else former_sols(former)
    pages = {} if kept is None else parts.read(kept, "nasa")
    return fetch(Source(most), "Curiosity", (1, 2, 3), log, threads=1, attempt=number, former=found, parts=pages)


def left_behind(log: Log) -> tuple[dict[str, Any], dict[str, Any]]:
    """The object and the pages that two attempts leave, which ended in the middle of the second sol."""
    first = attempt(1, None, None, log, most=1)
    pages = json.loads(clean.dumps(parts.written(first.parts, "nasa")))
    before = {"attempt": 1, "photos": first.photos, "sols": first.sols}
    second = attempt(2, json.loads(clean.dumps(before)), pages, log, most=5)
    pages = json.loads(clean.dumps(parts.written(second.parts, "nasa")))
    document = json.loads(clean.dumps({"attempt": 2, "photos": second.photos, "sols": second.sols}))
    assert [(one["status"], len(one["earlier"])) for one in document["sols"]] == [("complete", 1)] + [("failed", 1)] * 2
    assert list(pages["sols"]) == ["2"]
    return document, pages


@pytest.mark.parametrize("which", ["object", "pages"])
def test_an_odd_object_or_odd_pages_of_an_earlier_attempt_cost_no_more_than_themselves(which: str, log: Log) -> None:
    document, pages = left_behind(log)
    held = document if which == "object" else pages
    paths, chance = _paths(held), random.Random(f"{SEED}{which}")
    for number in range(CASES):
        mutated, what = _mutate(held, paths, chance)
        odd = clean.parse(json.dumps(mutated).encode())
        try:
            found = attempt(3, *((odd, pages) if which == "object" else (document, odd)), log)
        except ValueError:
            continue  # it is none, which the Job logs
        except Exception as error:
            raise AssertionError(f"{which} {number}: {what}") from error
        assert not found.failures, what
        clean.dumps(found.sols).decode()
        for sol in found.sols:
            # A photo that is lost in the pages themselves is missed: the sol says so, and is asked for again.
            whole = sol["status"] == "complete" and sol["received_photos"] == 6
            assert whole or (which == "pages" and sol["sol"] == 2 and sol["status"] == "mismatch"), what


def test_one_odd_sol_of_an_earlier_attempt_lets_the_others_be_used(log: Log) -> None:
    document, pages = left_behind(log)
    sols = former_sols(document | {"sols": [*document["sols"], {"sol": 9}, 7], "photos": [*document["photos"], 1, {}]})
    assert sorted(sols) == [1, 2, 3]
    assert sols[1].photos == document["photos"]
    assert list(parts.read(pages | {"sols": pages["sols"] | {"3": {}, "x": pages["sols"]["2"]}}, "nasa")) == [2]


ANSWER: Final[dict[str, Callable[[list[Any], int], dict[str, Any]]]] = {
    "nasa-v1": lambda photos, _: {"photos": photos},
    "marsvista-v1": lambda photos, total: {"photos": photos, "pagination": {"total_count": total}},
    "marsvista-v2": shapes.v2_page,
    "m20-raw": shapes.m20_page,
    "msl-raw": shapes.msl_page,
}
ITEM: Final[dict[str, Callable[[int], dict[str, Any]]]] = {
    "nasa-v1": shapes.v1_photo,
    "marsvista-v1": shapes.v1_photo,
    "marsvista-v2": shapes.v2_photo,
    "m20-raw": shapes.m20_image,
    "msl-raw": shapes.msl_item,
}


class Hour:
    """A client whose source serves the pages of one sol, and so many requests."""

    def __init__(self, kind: str, photos: int, requests: int, asked: list[int]) -> None:
        self._kind, self._photos, self._left, self._asked = kind, photos, requests, asked

    def get(self, url: str, root: str, query: dict[str, Any]) -> dict[str, Any]:  # noqa: ARG002
        if self._left == 0:
            raise SourceFailure(Reason.RATE_LIMITED, "closed", retry_after=1800)
        self._left -= 1
        first, size = FIRST_PAGE[self._kind], query.get("per_page") or query["num"]
        self._asked.append(query["page"])
        begin_at = (query["page"] - first) * size
        numbers = range(begin_at, max(begin_at, min(begin_at + size, self._photos)))
        return ANSWER[self._kind]([ITEM[self._kind](number) for number in numbers], self._photos)


FIRST_PAGE: Final = {"nasa-v1": 1, "marsvista-v1": 1, "marsvista-v2": 1, "m20-raw": 0, "msl-raw": 0}


@pytest.mark.parametrize("kind", sorted(ITEM))
def test_pages_of_every_kind_are_had_hour_by_hour_and_each_once(kind: str) -> None:
    settings = SourceSettings("s", kind, "http://x", page_size=20, sample_types=KINDS[kind].sample_types)
    asked: list[int] = []
    kept: dict[int, parts.Part] = {}
    for hour in (1, 2, 3):
        source = source_of(settings, Hour(kind, 150, 3, asked))  # type: ignore[arg-type]
        assert source.first_page == FIRST_PAGE[kind]
        try:
            found = pull(source, "Perseverance", 123, 150, kept[123].pulled if kept else begin(source))
            break
        except Interrupted as interrupted:
            came = interrupted.so_far
        assert (came.pages, len(came.photos)) == (3 * hour, 60 * hour)
        kept = parts.read(clean.parse(clean.dumps(parts.written({123: parts.Part(came, 150)}, "s"))), "s")
    assert len(found.photos) == 150
    assert asked == list(range(FIRST_PAGE[kind], FIRST_PAGE[kind] + 8))


class Maps:
    """A source of layers in memory."""

    def get(self, url: str, root: str, **_: Any) -> dict[str, Any]:
        point = {"geometry": {"type": "Point", "coordinates": [137.4, -4.5]}, "properties": {"sol": 3}}
        line = {"geometry": {"type": "LineString", "coordinates": [[137.4, -4.5], [137.5, -4.5]]}}
        return {root: [line, line, None] if "traverse" in url else [point]}


def test_odd_layers_of_an_earlier_attempt_cost_no_more_than_a_request(log: Log) -> None:
    settings = SourceSettings("maps", "mmgis", "http://maps", rovers=("Curiosity",))
    whole = fetch_layers(settings, Maps(), "Curiosity", None, log)  # type: ignore[arg-type]
    held = {"coordinates": whole.features, "places": whole.places, "layers": whole.layers, "set_aside": whole.set_aside}
    held = json.loads(clean.dumps(held))
    again = fetch_layers(settings, Maps(), "Curiosity", former_layers(held), log)  # type: ignore[arg-type]
    assert (again.features, again.places, again.set_aside) == (whole.features, whole.places, whole.set_aside)
    paths, chance = _paths(held), random.Random(f"{SEED}layers")
    for number in range(CASES):
        mutated, what = _mutate(held, paths, chance)
        odd = clean.parse(json.dumps(mutated).encode())
        try:
            found = fetch_layers(settings, Maps(), "Curiosity", former_layers(odd), log)  # type: ignore[arg-type]
            assert (len(found.features), len(found.places), len(found.failures)) == (2, 2, 0)
            clean.dumps(found.places).decode()
        except Exception as error:
            raise AssertionError(f"layers {number}: {what}") from error


def test_an_odd_answer_on_the_shelf_costs_no_more_than_a_request(log: Log) -> None:
    shelf, answer = Shelf(), {"photo_manifest": {"name": "Curiosity"}}
    made = datetime.now(UTC) - timedelta(seconds=5)

    def ask(known: Remembered | None) -> Remembered:
        # As a client does: what is known goes into headers, and an answer without the root is refused.
        assert known is None or "photo_manifest" in known.content
        for text in (known.etag, known.last_modified) if known else ():
            assert text.isascii()
            assert not set(text) & set("\r\n\0")
        return Remembered(answer, '"tag"', "Fri, 02 Jan 2026 03:05:05 GMT")

    def recall() -> dict[str, Any]:
        # Of a Job that asks, and of one that is content with what is there.
        SharedAnswers(shelf, "nasa", "p", made, log, always_ask=True).recall("http://x", "photo_manifest", ask)
        return SharedAnswers(shelf, "nasa", "p", made, log).recall("http://x", "photo_manifest", ask)

    assert recall() == answer
    ((key, body),) = shelf.objects.items()
    held = json.loads(body)
    paths, chance = _paths(held), random.Random(f"{SEED}answer")
    for number in range(CASES):
        mutated, what = _mutate(held, paths, chance)
        for odd in (json.dumps(mutated).encode(), DEEP) if number == 0 else (json.dumps(mutated).encode(),):
            shelf.objects = {key: odd}
            try:
                assert "photo_manifest" in SharedAnswers(shelf, "nasa", "p", made, log).recall(
                    "http://x", "photo_manifest", ask
                )
                shelf.objects = {key: odd}
                assert "photo_manifest" in recall()
            except Exception as error:
                raise AssertionError(f"answer {number}: {what}") from error


@pytest.mark.parametrize("body", [DEEP, b"[]", b"7", b'{"1":"x","2":-1,"x":3,"3":null}', b"\xff", b"[" * 100_000])
def test_odd_counts_are_counted_again(body: bytes, log: Log) -> None:
    shelf = Shelf()
    shelf.objects = {"work/counts/feed/curiosity.json": body}
    manifest = derive(Source(), "feed", "Curiosity", shelf, log)  # type: ignore[arg-type]
    assert {sol: promise.photos for sol, promise in manifest.promises.items()} == {0: 6, 1: 6, 2: 6, 3: 6}
