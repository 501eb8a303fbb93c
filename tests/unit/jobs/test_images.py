"""The picture mirror: what is chosen, fetched, taken up again, noted, and left for the next time."""

from __future__ import annotations

import hashlib
import io
import json
import random
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from mm_contracts.keys import image_key, image_ledger_key, photos_key, thumbnail_key, video_key, work_key
from mm_contracts.origins import Origins
from mm_contracts.pictures import NoPicture, shrink
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.sources import Source, Sources
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.images import job, timelapse
from mm_jobs.images.choosing import Choice, choose, photos_of
from mm_jobs.images.fetching import Part, Pictures
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.spec import Batch
from PIL import Image

from tests.unit.jobs.test_ingest_fuzz import ANSWERS, SEED, _mutate, _paths


def jpeg(seed: int, size: tuple[int, int] = (400, 300)) -> bytes:
    """A picture of its own."""
    made = io.BytesIO()
    Image.effect_noise(size, 20 + seed).save(made, "JPEG", quality=92)
    return made.getvalue()


@dataclass
class Host:
    """A server of pictures: answers by path; ``breaks`` ends an answer after so many bytes, once."""

    pictures: dict[str, bytes] = field(default_factory=dict)
    statuses: dict[str, int] = field(default_factory=dict)
    breaks: dict[str, int] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    marked: bool = True
    redirects: dict[str, str] = field(default_factory=dict)
    url: str = ""


@pytest.fixture
def host() -> Iterator[Host]:
    """The server."""
    made = Host()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            made.asked.append((self.path, wanted))
            status = made.statuses.get(self.path, 200 if self.path in made.pictures else 404)
            body = made.pictures.get(self.path, b"no\n") if status == 200 else b"no\n"
            mark = '"' + hashlib.md5(body).hexdigest() + '"'
            first = 0
            if status == 200 and wanted and self.headers.get("If-Range") == mark:
                first, status = int(wanted.removeprefix("bytes=").rstrip("-")), 206
            if self.path in made.redirects:
                status, body, first = 302, b"", 0
            self.send_response(status)
            if status == 302:
                self.send_header("Location", made.redirects[self.path])
            if status == 206:
                self.send_header("Content-Range", f"bytes {first}-{len(body) - 1}/{len(body)}")
            if made.marked:
                self.send_header("ETag", mark)
            if status == 429:
                self.send_header("Retry-After", "77")
            self.send_header("Content-Length", str(len(body) - first))
            self.end_headers()
            end = made.breaks.pop(self.path, len(body))
            self.wfile.write(body[first:end])
            if end < len(body):
                self.close_connection = True

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    made.url = f"http://127.0.0.1:{server.server_address[1]}"
    yield made
    server.shutdown()
    server.server_close()


class Store:
    """A bucket in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, dict[str, str], str]] = {}

    def put(self, key: str, body: bytes, metadata: dict[str, str], content_type: str = "application/json") -> str:
        self.objects[key] = (body, dict(metadata), content_type)
        return "etag"

    def get(self, key: str) -> Stored | None:
        found = self.objects.get(key)
        return None if found is None else Stored(found[0], "etag", found[1])

    def read(self, key: str) -> bytes | None:
        return self.objects[key][0] if key in self.objects else None

    def delete(self, key: str) -> None:
        self.objects.pop(key, None)

    def keys(self, prefix: str) -> Iterator[str]:
        yield from sorted(key for key in self.objects if key.startswith(prefix))

    def ledger(self, sol: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.objects[image_ledger_key("Curiosity", sol)][0])["images"]
        return found


def photo(host: Host, sol: int, name: str, camera: str = "NAVCAM", **more: Any) -> dict[str, Any]:
    """A photo as an object of the archive has it."""
    return {"sol": sol, "camera": {"name": camera}, "img_src": f"{host.url}/{name}"} | more


def archive(
    store: Store, stamp: str, *photos: dict[str, Any], source: str = "live", failed: tuple[int, ...] = ()
) -> None:
    """Put a batch's object into the bucket."""
    sols = sorted({one["sol"] for one in photos} | set(failed))
    outcomes = [{"sol": sol, "status": "failed" if sol in failed else "complete"} for sol in sols]
    body = json.dumps({"source": source, "photos": photos, "sols": outcomes}).encode()
    store.put(photos_key("Curiosity", sols[0], sols[-1], stamp), body, {})


EARLY, LATE = "20260101T000000Z-aaaaaaaa", "20260201T000000Z-bbbbbbbb"


def batch(sols: str = "", attempt: int = 1, dataset: str = "images", **images: Any) -> Batch:
    """A batch of pictures."""
    return Batch("p", 0, attempt, dataset, "Curiosity", "live", EARLY, "a" * 32, sols, images)


def pictures(host: Host, log: Log, allowed: tuple[str, ...] | None = None) -> Pictures:
    """The client, without waits."""
    sources = Sources(default="live", sources={"live": Source(base_url="https://api.example.org/v1")})
    origins = Origins((host.url,) if allowed is None else allowed, sources)
    return Pictures(OpenGate(), origins, "live", log, timeout=5, pause=lambda _: None)


def test_pictures_come_with_type_size_and_hash_and_thumbnails_beside(host: Host, log: Log) -> None:
    store = Store()
    host.pictures = {"/a.JPG": jpeg(1), "/b.JPG": jpeg(2)}
    archive(store, EARLY, photo(host, 7, "a.JPG"), photo(host, 8, "b.JPG", "FHAZ"))
    client = pictures(host, log)
    counts, sols = job.run(batch("7-8"), "live", client, store, log)
    assert (counts["photos"], counts["sols"], counts["requests"], sols) == (2, 2, 2, (7, 8))
    body, metadata, media = store.objects[image_key("Curiosity", 7, "a.JPG")]
    assert (body, media) == (host.pictures["/a.JPG"], "image/jpeg")
    entry = store.ledger(7)["a.JPG"]
    assert entry["sha256"] == metadata["sha256"] == hashlib.sha256(body).hexdigest()
    assert (entry["size"], entry["content_type"], entry["image_id"], entry["camera"]) == (
        len(body), "image/jpeg", "a", "NAVCAM",
    )  # fmt: skip
    for size, longest in (("small", 320), ("large", 400)):
        small, _, kind = store.objects[thumbnail_key("Curiosity", 7, "a", size)]
        assert kind == "image/webp"
        with Image.open(io.BytesIO(small)) as opened:
            assert max(opened.size) == longest
    host.asked.clear()
    counts, _ = job.run(batch("7-8", 2), "live", pictures(host, log), store, log)
    assert (counts["photos"], counts["details"]["were_here"], host.asked) == (0, 2, [])


def test_a_picture_that_breaks_off_is_taken_up_where_it_ended(host: Host, log: Log) -> None:
    store = Store()
    host.pictures = {"/a.JPG": jpeg(1, (900, 700))}
    host.breaks = {"/a.JPG": 5000}
    archive(store, EARLY, photo(host, 7, "a.JPG"))
    job.run(batch("7"), "live", pictures(host, log), store, log)
    assert [wanted for _, wanted in host.asked] == ["", "bytes=5000-"]
    assert store.objects[image_key("Curiosity", 7, "a.JPG")][0] == host.pictures["/a.JPG"]


def test_a_picture_that_has_changed_meanwhile_begins_anew(host: Host, log: Log) -> None:
    host.pictures = {"/a.JPG": jpeg(1)}
    part = Part(b"of another", '"old"')
    assert pictures(host, log).fetch(f"{host.url}/a.JPG", part) == host.pictures["/a.JPG"]
    host.marked = False
    host.breaks = {"/a.JPG": 500}
    assert pictures(host, log).fetch(f"{host.url}/a.JPG", Part()) == host.pictures["/a.JPG"]
    assert [wanted for _, wanted in host.asked] == ["bytes=10-", "", ""]


def test_the_next_attempt_goes_on_with_what_came_of_a_large_picture(host: Host, log: Log) -> None:
    store = Store()
    whole = jpeg(1, (1400, 1200))
    host.pictures = {"/a.JPG": whole}
    archive(store, EARLY, photo(host, 7, "a.JPG"))
    key = work_key("images", image_key("Curiosity", 7, "a.JPG"))
    original = Pictures._ask
    tries = iter((100_000, 100_100, 100_200, 100_300))

    def breaking(client: Pictures, url: str, part: Part) -> Any:
        host.breaks = {"/a.JPG": next(tries)}
        return original(client, url, part)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pictures, "_ask", breaking)
        with pytest.raises(JobError) as caught:
            job.run(batch("7"), "live", pictures(host, log), store, log)
    assert (caught.value.code, caught.value.reason) == (ExitCode.TEMPORARY, Reason.SOURCE_ERROR)
    assert caught.value.counts["failed_sols"] == {"7": "SourceError"}
    assert len(store.objects[key][0]) == 100_300
    host.asked.clear()
    job.run(batch("7", 2), "live", pictures(host, log), store, log)
    assert [wanted for _, wanted in host.asked] == ["bytes=100300-"]
    assert store.objects[image_key("Curiosity", 7, "a.JPG")][0] == whole
    assert key not in store.objects


def test_what_is_gone_is_noted_and_what_is_no_picture_is_tried_again(host: Host, log: Log) -> None:
    store = Store()
    host.pictures = {"/b.JPG": b"<html>please wait</html>", "/c.JPG": jpeg(3)}
    archive(store, EARLY, *(photo(host, 7, name) for name in ("a.JPG", "b.JPG", "c.JPG")))
    with pytest.raises(JobError) as caught:
        job.run(batch("7"), "live", pictures(host, log), store, log)
    assert (caught.value.reason, caught.value.counts["photos"]) == (Reason.BAD_RESPONSE, 1)
    ledger = store.ledger(7)
    assert set(ledger) == {"a.JPG", "c.JPG"}
    assert ledger["a.JPG"]["gone_at"]
    host.pictures["/b.JPG"] = jpeg(2)
    host.asked.clear()
    counts, _ = job.run(batch("7", 2), "live", pictures(host, log), store, log)
    assert (counts["photos"], host.asked) == (1, [("/b.JPG", "")])


def test_a_budget_ends_a_batch_well_and_the_next_goes_on(host: Host, log: Log) -> None:
    store = Store()
    host.pictures = {f"/{n}.JPG": jpeg(n) for n in range(1, 6)}
    archive(store, EARLY, *(photo(host, 7, f"{n}.JPG") for n in range(1, 6)))
    counts, _ = job.run(batch("7", max_requests=2), "live", pictures(host, log), store, log)
    assert (counts["photos"], counts["details"]["left"]) == (2, 3)
    assert "2 requests" in counts["details"]["stopped"]
    counts, _ = job.run(batch("7", max_bytes=1), "live", pictures(host, log), store, log)
    assert (counts["photos"], counts["details"]["left"]) == (1, 2)
    counts, _ = job.run(batch("7"), "live", pictures(host, log), store, log)
    assert (counts["photos"], counts["details"]["left"], len(store.ledger(7))) == (2, 0, 5)


def test_a_source_that_limits_is_left_alone_until_it_says(host: Host, log: Log) -> None:
    store = Store()
    host.statuses = {"/a.JPG": 429}
    archive(store, EARLY, photo(host, 7, "a.JPG"), photo(host, 7, "b.JPG"))
    with pytest.raises(JobError) as caught:
        job.run(batch("7"), "live", pictures(host, log), store, log)
    assert (caught.value.reason, caught.value.retry_after, len(host.asked)) == (Reason.RATE_LIMITED, 77.0, 1)


def test_addresses_elsewhere_are_never_asked(host: Host, log: Log) -> None:
    store = Store()
    host.pictures = {"/a.JPG": jpeg(1)}
    archive(store, EARLY, photo(host, 7, "a.JPG"))
    counts, _ = job.run(batch("7"), "live", pictures(host, log, ()), store, log)
    assert (counts["photos"], counts["details"]["not_fetched"], host.asked) == (0, 1, [])


def test_the_newest_whole_answer_of_the_source_says_which_pictures_there_are(host: Host) -> None:
    store = Store()
    archive(store, EARLY, photo(host, 7, "old.JPG"), photo(host, 8, "eight.JPG"))
    archive(store, LATE, photo(host, 7, "new.JPG"), failed=(8,))
    archive(store, LATE, photo(host, 9, "theirs.JPG"), source="other")
    store.put("photos/curiosity/holiday.json", b"{}", {})
    found = photos_of(store, "Curiosity", "live", (7, 8, 9), 1)
    assert {sol: [one["img_src"].rpartition("/")[2] for one in photos] for sol, photos in found.items()} == {
        7: ["new.JPG"], 8: ["eight.JPG"],
    }  # fmt: skip
    assert list(photos_of(store, "Curiosity", "live", (), 1)) == [8]
    assert list(photos_of(store, "Curiosity", "live", (), 5)) == [7, 8]


def test_size_camera_and_thumbnails_are_chosen(host: Host) -> None:
    sizes = {"small": f"{host.url}/a_320.jpg", "full": f"{host.url}/a.png"}
    photos = {
        7: [
            photo(host, 7, "a_1200.jpg", files=sizes),
            photo(host, 7, "b-thm.JPG"),
            photo(host, 7, "c.JPG", "FHAZ", is_thumbnail=True),
            photo(host, 7, "../../etc"),
            photo(host, 7, ""),
        ]
    }

    def files(*choice: Any) -> list[str]:
        return [one.file for one in choose(photos, Choice(*choice))]

    assert files("full", ()) == ["a.png", "etc"]
    assert files("small", ("navcam",)) == ["a_320.jpg", "etc"]
    assert files("medium", ("FHAZ",), True) == ["c.JPG"]
    assert {one.image_id for one in choose(photos, Choice("small", ()))} == {"a", "etc"}


def test_a_video_is_made_of_a_cameras_pictures_in_their_order(host: Host, log: Log) -> None:
    import av

    store = Store()
    host.pictures = {f"/n{n}.JPG": jpeg(n) for n in range(4)} | {"/f.JPG": jpeg(9)}
    archive(
        store, EARLY, *(photo(host, 7 + n // 2, f"n{n}.JPG") for n in (3, 1, 0, 2)), photo(host, 7, "f.JPG", "FHAZ")
    )
    wanted = batch("7-8", dataset="timelapse", cameras=["NAVCAM"], frames_per_second=5)
    _, sols = job.run(wanted, "live", pictures(host, log), store, log)
    assert [file for _, file in timelapse.frames_of(store, "Curiosity", "navcam", sols)] == [
        "n0.JPG", "n1.JPG", "n2.JPG", "n3.JPG",
    ]  # fmt: skip
    said = timelapse.make(wanted, sols, store, log)
    assert said == {"video": video_key("Curiosity", "NAVCAM", 7, 8), "frames": 4}
    body, metadata, media = store.objects[said["video"]]
    assert (media, metadata["frames"]) == ("video/mp4", "4")
    with av.open(io.BytesIO(body)) as film:
        frames = [frame.to_image().size for frame in film.decode(video=0)]
        assert (frames, float(film.streams.video[0].average_rate)) == ([(1280, 960)] * 4, 5.0)
    with pytest.raises(JobError, match="the mirror has 0 pictures of FHAZ"):
        timelapse.make(batch("7", dataset="timelapse", cameras=["FHAZ"]), (7,), store, log)


def test_a_host_that_answers_badly_is_told_as_that(host: Host, log: Log) -> None:
    host.statuses = {"/a.JPG": 503}
    with pytest.raises(SourceFailure, match="HTTP 503"):
        pictures(host, log).fetch(f"{host.url}/a.JPG", Part())
    assert len(host.asked) == 4


@pytest.mark.parametrize("location", ["http://[", "http://h:99999999999/", "javascript:1", "\x7f"])
def test_a_redirect_to_nowhere_refuses_one_picture_and_no_other(host: Host, log: Log, location: str) -> None:
    store = Store()
    host.redirects = {"/a.JPG": location}
    host.pictures = {"/b.JPG": jpeg(2)}
    archive(store, EARLY, photo(host, 7, "a.JPG"), photo(host, 7, "b.JPG"))
    counts, _ = job.run(batch("7"), "live", pictures(host, log), store, log)
    assert (counts["photos"], counts["details"]["not_fetched"]) == (1, 1)


def test_half_a_picture_that_its_host_calls_whole_is_tried_again_and_stops_no_other(host: Host, log: Log) -> None:
    store = Store()
    host.pictures = {"/a.JPG": jpeg(1)[:3000], "/b.JPG": jpeg(2)}
    archive(store, EARLY, photo(host, 7, "a.JPG"), photo(host, 7, "b.JPG"))
    with pytest.raises(JobError, match="1 pictures did not come; 1 did") as caught:
        job.run(batch("7"), "live", pictures(host, log), store, log)
    assert caught.value.reason is Reason.BAD_RESPONSE
    assert (set(store.ledger(7)), image_key("Curiosity", 7, "a.JPG") in store.objects) == ({"b.JPG"}, False)


def test_odd_bytes_are_a_picture_or_none() -> None:
    bodies, chance = [], random.Random(f"{SEED}pictures")
    for form in ("JPEG", "PNG", "GIF", "WEBP"):
        made = io.BytesIO()
        Image.effect_noise((40, 30), 30).save(made, form)
        bodies.append(made.getvalue())
    for number in range(max(ANSWERS // 200, 1)):
        odd = bytearray(chance.choice(bodies))
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(min(len(odd), chance.choice((60, 400, 10**6))))
            odd[at : at + chance.choice((0, 1, 4))] = chance.randbytes(chance.choice((0, 1, 4)))
        try:
            shrink(bytes(odd), 320)
        except NoPicture:
            pass
        except Exception as error:
            raise AssertionError(f"picture {number}") from error


def test_an_odd_object_of_the_archive_names_fewer_pictures_and_fails_over_none(host: Host) -> None:
    sound, held = Store(), Store()
    archive(held, EARLY, photo(host, 7, "a.JPG", files={"large": f"{host.url}/b.JPG"}), photo(host, 8, "c.JPG"))
    ((key, (body, _, _)),) = held.objects.items()
    archive(sound, LATE, photo(host, 9, "d.JPG"))
    document = json.loads(body)
    paths, chance = _paths(document), random.Random(f"{SEED}archive")
    for number in range(max(ANSWERS // 200, 1)):
        mutated, what = _mutate(document, paths, chance)
        store = Store()
        store.objects = sound.objects | {key: (json.dumps(mutated).encode(), {}, "")}
        try:
            found = photos_of(store, "Curiosity", "live", (7, 8, 9), 1)
            assert [one.file for one in choose({9: found[9]}, Choice("large", ()))] == ["d.JPG"]
            choose(found, Choice("large", ("NAVCAM",)))
        except Exception as error:
            raise AssertionError(f"object {number}: {what}") from error


@pytest.mark.parametrize(
    "body", [b"[" * 100_000, b"[]", b'{"images":[]}', b'{"images":{"a.JPG":7}}', b'{"images":null}', b"\xff"]
)
def test_a_ledger_that_is_none_is_begun_anew(host: Host, log: Log, body: bytes) -> None:
    store = Store()
    host.pictures = {"/a.JPG": jpeg(1), "/b.JPG": jpeg(2)}
    archive(store, EARLY, photo(host, 7, "a.JPG"), photo(host, 7, "b.JPG"))
    store.put(image_ledger_key("Curiosity", 7), body, {})
    assert timelapse.frames_of(store, "Curiosity", "NAVCAM", (7,)) == []
    job.run(batch("7"), "live", pictures(host, log), store, log)
    assert set(store.ledger(7)) == {"a.JPG", "b.JPG"}


@pytest.mark.parametrize("options", [{"newest": "soon"}, {"max_bytes": []}, {"cameras": 7}, {"frames_per_second": 0}])
def test_options_that_cannot_be_used_are_told_by_name(host: Host, log: Log, options: dict[str, Any]) -> None:
    with pytest.raises(JobError, match=next(iter(options))) as caught:
        job.run(batch("7", **options), "live", pictures(host, log), Store(), log)
    assert caught.value.code is ExitCode.BAD_ARGUMENTS


def test_a_mark_that_no_header_can_carry_is_none(host: Host, log: Log) -> None:
    host.pictures = {"/a.JPG": jpeg(1)}
    store = Store()
    archive(store, EARLY, photo(host, 7, "a.JPG"))
    store.put(work_key("images", image_key("Curiosity", 7, "a.JPG")), b"half", {"mark": "a\r\nb"})
    counts, _ = job.run(batch("7", 2), "live", pictures(host, log), store, log)
    assert (counts["photos"], host.asked) == (1, [("/a.JPG", "")])
