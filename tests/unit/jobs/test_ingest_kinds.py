"""Each kind of source, field by field, on answers of its shape; and all of them against the simulator's flavours."""

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import urllib3
from mm_contracts.photos import Photo, image_id
from mm_contracts.reasons import Reason
from mm_contracts.source_kinds import KINDS
from mm_jobs.common.log import Log
from mm_jobs.ingest.derived import derive
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.paging import Pulled, begin, pull
from mm_jobs.ingest.photos import fetch
from mm_jobs.ingest.retrying import RetryRules
from mm_jobs.ingest.sources import source_of
from mm_jobs.ingest.spec import SourceSettings

from tests.unit.jobs import recorded_shapes as shapes
from tests.unit.jobs.scripted_source import Reply, ScriptedSource, json_reply
from tests.unit.jobs.test_ingest_shelf import Shelf

PATHS = {
    "nasa-v1": "/mars-photos/api/v1",
    "marsvista-v1": "/marsvista/api/v1",
    "marsvista-v2": "/marsvista/api/v2",
    "m20-raw": "/rss/api/",
    "msl-raw": "/api/v1/raw_image_items",
}


def settings_of(kind: str, url: str, **more: Any) -> SourceSettings:
    default = KINDS[kind]
    given = {"page_size": default.page_size, "sample_types": default.sample_types} | more
    return SourceSettings("s", kind, f"{url}{PATHS[kind]}", **given)


def client_of(settings: SourceSettings, log: Log) -> SourceClient:
    rules = RetryRules(waits=())
    return SourceClient(OpenGate(), log, timeout=20, api_key="k" * 40, base_url=settings.base_url, rules=rules)


def pulled(settings: SourceSettings, rover: str, sol: int, log: Log) -> Pulled:
    source = source_of(settings, client_of(settings, log))
    return pull(source, rover, sol, None, begin(source))


COMMON = {"source": "s", "sol": 123, "rover": {"name": "Perseverance"}, "earth_date": "2021-06-24"}


def test_an_image_of_the_m20_feed(source: ScriptedSource, log: Log) -> None:
    source.on("/rss/api/", json_reply(shapes.m20_page([shapes.m20_image(7)])))
    (photo,) = pulled(settings_of("m20-raw", source.url), "Perseverance", 123, log).photos.values()
    stem = "NLF_0123_0677800007_111ECM_N0040218NCAM00503_01_295J01"
    assert set(photo) == set(Photo.__annotations__)
    assert photo == COMMON | {
        "id": None,
        "source_kind": "m20-raw",
        "image_id": stem,
        "nasa_id": stem[:-2],
        "camera": {"name": "NAVCAM_LEFT", "full_name": None},
        "img_src": f"{shapes.M20}/{stem}_1200.jpg",
        "files": {
            "small": f"{shapes.M20}/{stem}_320.jpg",
            "medium": f"{shapes.M20}/{stem}_800.jpg",
            "large": f"{shapes.M20}/{stem}_1200.jpg",
            "full": f"{shapes.M20}/{stem}.png",
        },
        "taken_at": "2021-06-24T10:11:12.345Z",
        "received_at": "2021-06-25T01:02:03.000Z",
        "local_time": "15:26:09.623",
        "sclk": 677800007.752,
        "site": 4,
        "drive": 218,
        "sample_type": "full",
        "is_thumbnail": False,
        "filter": None,
        "mast_azimuth": 91.75,
        "mast_elevation": None,
        "width": 1280,
        "height": 960,
        "title": "Mars Perseverance Sol 123: Left Navigation Camera (Navcam)",
        "caption": "A rover saw a rock.",
        "credit": "NASA/JPL-Caltech",
        "raw": shapes.m20_image(7),
    }
    (path,) = source.paths()
    for argument in ("feed=raw_images", "category=mars2020", "sol=123", "page=0", "num=100", "order=sol+desc"):
        assert argument in path


def test_the_m20_feed_ends_with_a_page_that_says_so(source: ScriptedSource, log: Log) -> None:
    first = shapes.m20_page([shapes.m20_image(n) for n in range(100)], total=150)
    second = shapes.m20_page([shapes.m20_image(n) for n in range(100, 140)], total=150)
    source.on("/rss/api/", json_reply(first), json_reply(second), json_reply(shapes.M20_END))
    found = pulled(settings_of("m20-raw", source.url), "Perseverance", 123, log)
    # Ten fewer came than the feed counted: that is told, not taken for an end.
    assert (len(found.photos), found.total, len(source.seen)) == (140, 150, 3)


@pytest.mark.parametrize("answer", [shapes.M20_END, shapes.m20_page([shapes.m20_image(n, sol=99) for n in range(3)])])
def test_a_sol_without_images_is_none_also_where_the_feed_shows_others(
    source: ScriptedSource, log: Log, answer: dict[str, Any]
) -> None:
    source.on("/rss/api/", json_reply(answer))
    settings = settings_of("m20-raw", source.url)
    fetched = fetch(source_of(settings, client_of(settings, log)), "Perseverance", [123], log)
    assert [(sol["status"], sol["received_photos"]) for sol in fetched.sols] == [("not_promised", 0)]
    assert {one["reason"] for one in fetched.sols[0]["set_aside"]} <= {"OtherSol"}


def test_a_sol_of_a_feed_is_complete_if_all_came_that_it_counts(source: ScriptedSource, log: Log) -> None:
    images = [shapes.m20_image(n) for n in range(3)]
    settings = settings_of("m20-raw", source.url)
    source.on("/rss/api/", json_reply(shapes.m20_page(images)), json_reply(shapes.m20_page(images, total=4)))
    outcomes = []
    for _ in range(2):
        fetched = fetch(source_of(settings, client_of(settings, log)), "Perseverance", [123], log)
        outcomes.append((fetched.sols[0]["status"], fetched.sols[0]["promised_photos"], len(fetched.photos)))
    assert outcomes == [("complete", 3, 3), ("mismatch", 4, 3)]


def test_an_item_of_msl_and_the_thumbnails_beside_it(source: ScriptedSource, log: Log) -> None:
    items = [
        shapes.msl_item(1),
        shapes.msl_item(2, sample_type="thumbnail"),
        shapes.msl_item(3, sample_type="subframe"),
    ]
    source.on("/api/v1/raw_image_items/", json_reply(shapes.msl_page(items)))
    settings = settings_of("msl-raw", source.url)
    fetched = fetch(source_of(settings, client_of(settings, log)), "Curiosity", [123], log)
    assert [photo["id"] for photo in fetched.photos] == [1, 3]
    assert (fetched.sols[0]["status"], fetched.sols[0]["promised_photos"]) == ("complete", 2)
    photo = fetched.photos[0]
    assert set(photo) == set(Photo.__annotations__)
    stem = "NLA_405140001EDR_F0050104NCAM00534M_"
    expected = {
        "image_id": stem,
        "nasa_id": stem,
        "img_src": f"{shapes.MSL}/{stem}.JPG".replace("http:", "https:"),
        "camera": {"name": "NAV_LEFT_A", "full_name": None},
        "earth_date": "2012-12-10",
        "taken_at": "2012-12-10T15:18:29.000Z",
        "received_at": "2012-12-11T09:37:03.000Z",
        "local_time": "16:17:07.006",
        "sclk": 405140001.5,
        "site": 5,
        "drive": 104,
        "sample_type": "full",
        "is_thumbnail": False,
        "filter": None,
        "mast_azimuth": 172.5,
        "mast_elevation": 36.25,
        "title": "Sol 123: Left Navigation Camera",
        "caption": "This image was taken on Sol 123.",
        "raw": items[0],
    }
    assert {name: photo[name] for name in expected} == expected


@pytest.mark.parametrize("nested", [True, False])
def test_a_photo_of_marsvista_v2_in_both_forms(source: ScriptedSource, log: Log, nested: bool) -> None:
    source.on("/marsvista/api/v2/photos", json_reply(shapes.v2_page([shapes.v2_photo(7, nested=nested)])))
    (photo,) = pulled(settings_of("marsvista-v2", source.url), "Perseverance", 123, log).photos.values()
    assert set(photo) == set(Photo.__annotations__)
    stem = "NLF_0123_0677800007_111ECM_N0040218NCAM00503_01_295J01"
    expected = COMMON | {
        "id": 7,
        "image_id": stem,
        "img_src": f"{shapes.M20}/{stem}_1200.jpg",
        "camera": {"name": "NAVCAM_LEFT", "full_name": "Navigation Camera - Left"},
        "taken_at": "2021-06-24T10:11:12.345Z",
        "local_time": "15:26:09.623",
        "site": 4,
        "drive": 218,
        "sample_type": "full",
        "mast_azimuth": 91.75,
        "mast_elevation": None,
        "width": 1280,
        "height": 960,
    }
    assert {name: photo[name] for name in expected} == expected
    assert photo["nasa_id"] == (stem[:-2] if nested else None)
    assert "rovers=perseverance&sol_min=123&sol_max=123" in source.paths()[0]


def test_a_manifest_of_marsvista_v2(source: ScriptedSource, log: Log) -> None:
    attributes = {"name": "Curiosity", "max_sol": 1, "photos": [{"sol": 1, "total_photos": 16, "cameras": ["MAST"]}]}
    body = {"data": {"id": "curiosity", "type": "manifest", "attributes": attributes}}
    source.on("/marsvista/api/v2/rovers/curiosity/manifest", json_reply(body))
    settings = settings_of("marsvista-v2", source.url)
    assert source_of(settings, client_of(settings, log)).manifest("Curiosity").promises == {1: (16, ["MAST"])}


def _latest(sol: int) -> Reply:
    return json_reply({"latest": "2026-01-02T03:04:05Z", "latest_sol": sol, "type": "mars2020-latest-images-1.1"})


def _counts(source: ScriptedSource, counts: dict[int, int]) -> None:
    """Answer count queries of the feed, whatever the order of their arguments."""

    def path(sol: int) -> str:
        fixed = "/rss/api/?feed=raw_images&category=mars2020&feedtype=json&ver=1.2"
        return f"{fixed}&sol={sol}&page=0&num=1&order=sol+desc&extended=sample_type%3A%3Afull%2C"

    for sol, count in counts.items():
        images = [shapes.m20_image(1, sol=sol if count else 999)]
        source.on(path(sol), json_reply(shapes.m20_page(images, total=count or 5)))


def test_a_manifest_is_derived_and_says_so_and_old_sols_are_counted_once(source: ScriptedSource, log: Log) -> None:
    settings, shelf = settings_of("m20-raw", source.url), Shelf()
    source.on("/rss/api/", _latest(12))
    _counts(source, {sol: 10 + sol for sol in range(13)} | {5: 0})
    manifest = derive(source_of(settings, client_of(settings, log)), "s", "Perseverance", shelf, log)
    assert {sol: promise.photos for sol, promise in manifest.promises.items()} == {
        sol: 10 + sol for sol in range(13) if sol != 5
    }
    assert (manifest.body["derived"], manifest.body["uncounted_sols"], manifest.max_sol) == (True, 0, 12)
    assert manifest.body["photos"][0] == {"sol": 0, "earth_date": "2021-02-18", "total_photos": 10, "cameras": None}
    source.seen.clear()
    _counts(source, {12: 50})
    grown = derive(source_of(settings, client_of(settings, log)), "s", "Perseverance", shelf, log)
    assert grown.promises[12].photos == 50
    assert len(source.seen) == 1 + 10


def test_counting_that_is_cut_short_goes_on_in_the_next_run(source: ScriptedSource, log: Log) -> None:
    settings, shelf = settings_of("m20-raw", source.url), Shelf()
    source.on("/rss/api/", _latest(20))
    _counts(source, {sol: 1 for sol in range(6, 21)})
    source.on("/rss/api/?feed=raw_images", Reply(500))
    for sol in range(6):
        source.replies.pop(f"/rss/api/?sol={sol}", None)
    first = derive(source_of(settings, client_of(settings, log)), "s", "Perseverance", shelf, log)
    assert first.body["uncounted_sols"] == 6  # the others answer with no images at all, which is no count
    _counts(source, {sol: 1 for sol in range(6)})
    assert (
        derive(source_of(settings, client_of(settings, log)), "s", "Perseverance", shelf, log).body["uncounted_sols"]
        == 0
    )


def test_counting_leaves_most_of_the_hours_requests_to_photos(source: ScriptedSource, log: Log) -> None:
    settings, shelf = settings_of("m20-raw", source.url), Shelf()
    source.on("/rss/api/", _latest(99))
    _counts(source, {sol: 1 for sol in range(100)})
    for run, uncounted in ((1, 100 - 24), (2, 100 - 24 - 14)):  # the newest sol, ten sols that grow, and older ones
        client = client_of(settings, log)
        read = derive(
            source_of(settings, client),
            "s",
            "Perseverance",
            shelf,
            log,
            per_hour=100,
            spent=lambda c=client: c.requests,
        )
        assert (read.body["uncounted_sols"], client.requests) == (uncounted, 25), run
    client = client_of(settings, log)
    derive(source_of(settings, client), "s", "Perseverance", shelf, log, per_hour=8, spent=lambda: client.requests)
    assert client.requests == 1 + 10 + 1, "what grows is counted all the same, and an older sol, or they never were"


class Limited:
    """A client of msl-raw whose source answers so many requests an hour; it notes the pages of each sol."""

    requests = 0

    def __init__(self, sols: dict[int, int], an_hour: int) -> None:
        self._sols, self._left, self.pages = sols, an_hour, list[tuple[int, int]]()

    def get(self, url: str, root: str, query: dict[str, Any] | None = None) -> dict[str, Any]:
        if self._left == 0:
            raise SourceFailure(Reason.RATE_LIMITED, "the source is closed", retry_after=1800)
        self._left -= 1
        if root == "latest_data":
            assert url.endswith("/latest/")
            return {root: {"latest_sol": max(self._sols)}}
        assert query is not None
        sol, page, size = int(query["condition_2"].partition(":")[0]), query["page"], query["per_page"]
        self.pages.append((sol, page))
        numbers = range(page * size, min((page + 1) * size, self._sols[sol]))
        return shapes.msl_page([shapes.msl_item(number, sol) for number in numbers], self._sols[sol])


def test_a_newest_sol_of_more_pages_than_an_hour_allows_is_counted_hour_by_hour(log: Log) -> None:
    settings, shelf = settings_of("msl-raw", "http://x", page_size=20), Shelf()
    sols, asked = {0: 30, 1: 130, 2: 210}, list[tuple[int, int]]()

    def hour() -> Any:
        client = Limited(sols, 5)
        try:
            return derive(source_of(settings, client), "s", "Curiosity", shelf, log)  # type: ignore[arg-type]
        finally:
            asked.extend(client.pages)

    for pages in (4, 8):
        with pytest.raises(SourceFailure, match=f"{pages * 20} of 210 photos came in {pages} pages") as caught:
            hour()
        assert caught.value.retry_after == 1800
    manifest = hour()  # the newest sol, and the first page of the one before it
    assert {sol: promise.photos for sol, promise in manifest.promises.items()} == {2: 210}
    assert asked == [(2, page) for page in range(11)] + [(1, 0)]
    assert len(shelf.objects["work/parts/counts/s/curiosity.json"]) < 2000
    sols[2] = 10  # so that the hour suffices for the rest
    manifest = hour()
    assert (2, 0) in asked[12:]
    assert (1, 0) not in asked[12:]
    sols[1] = 130
    while manifest.body["uncounted_sols"]:
        manifest = hour()
    assert {sol: promise.photos for sol, promise in manifest.promises.items()} == {0: 30, 1: 130, 2: 10}


def test_without_a_newest_sol_there_is_no_manifest(source: ScriptedSource, log: Log) -> None:
    settings = settings_of("m20-raw", source.url)
    for answer in (json_reply({"latest_sol": "soon"}), json_reply({"latest_sol": 10**7}), Reply(404)):
        source.on("/rss/api/", answer)
        with pytest.raises(SourceFailure):
            derive(source_of(settings, client_of(settings, log)), "s", "Perseverance", Shelf(), log)


@pytest.fixture(scope="module")
def simulator() -> Iterator[str]:
    """The simulator as a process of its own: its URL."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    settings = {"SIM_HOST": "127.0.0.1", "SIM_PORT": str(port), "SIM_PROFILE": "tiny"}
    process = subprocess.Popen(
        [sys.executable, "-m", "mm_simulator"],
        env=os.environ | settings,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    url, http = f"http://127.0.0.1:{port}", urllib3.PoolManager(retries=False, timeout=5)
    deadline = time.monotonic() + 120
    try:
        while process.poll() is None and time.monotonic() < deadline:
            try:
                if http.request("GET", f"{url}/healthz").status == 200:
                    break
            except urllib3.exceptions.HTTPError:
                time.sleep(0.1)  # nothing tells when another process begins to listen
        yield url
    finally:
        process.terminate()
        process.wait()


@pytest.mark.parametrize(
    ("rover", "sol", "kinds"),
    [
        ("Perseverance", 14, ("nasa-v1", "marsvista-v1", "marsvista-v2", "m20-raw")),
        ("Perseverance", 52, ("nasa-v1", "m20-raw")),
        ("Curiosity", 10, ("nasa-v1", "marsvista-v1", "marsvista-v2", "msl-raw")),
        ("Spirit", 1, ("nasa-v1", "marsvista-v1", "marsvista-v2")),
    ],
)
def test_all_kinds_see_the_same_pictures(
    simulator: str, log: Log, rover: str, sol: int, kinds: tuple[str, ...]
) -> None:
    seen = {}
    for kind in kinds:
        found = pulled(settings_of(kind, simulator, sample_types=ALL_TYPES), rover, sol, log)
        assert not found.set_aside
        seen[kind] = {image_id(photo["img_src"]) for photo in found.photos.values()}
        assert len(seen[kind]) == len(found.photos)
    first = seen.pop(kinds[0])
    assert first
    for kind, pictures in seen.items():
        if kind in ("m20-raw", "msl-raw"):  # they have thumbnails that v1 has not, or not all of
            assert first < pictures
            found = pulled(settings_of(kind, simulator), rover, sol, log)
            chosen = {image_id(photo["img_src"]) for photo in found.photos.values()}
            assert chosen == first if kind == "m20-raw" else chosen < first
            assert not any(photo["is_thumbnail"] for photo in found.photos.values())
        else:
            assert pictures == first, kind


ALL_TYPES = ("full", "subframe", "downsampled", "chemcam prc", "thumbnail")
