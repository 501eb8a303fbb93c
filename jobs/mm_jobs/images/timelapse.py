"""A video of one camera over sols, from mirrored pictures, by FFmpeg's libraries (PyAV)."""

import io
import tempfile
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Protocol

from mm_contracts.keys import image_key, image_ledger_key, video_key
from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.images.choosing import options_of
from mm_jobs.images.ledger import entries_of
from mm_jobs.ingest.spec import Batch

WIDTH, HEIGHT = 1280, 960
"""Pixels of the video: frames are fitted into them, with black beside."""
_TOLD_EVERY: Final = 25
_BIT_RATE: Final = 4_000_000


class Store(Protocol):
    """The bucket."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin so."""

    def put(self, key: str, body: bytes, metadata: dict[str, str], content_type: str = ...) -> str:
        """Write an object."""


def frames_of(store: Store, rover: str, camera: str, sols: tuple[int, ...]) -> list[tuple[int, str]]:
    """Return (sol, file) of a camera's mirrored pictures, by sol and then by name, which begins with the clock."""
    found = []
    for sol in sols:
        stored = store.get(image_ledger_key(rover, sol))
        found += [
            (sol, file)
            for file, entry in entries_of(stored.body if stored else None).items()
            if entry.get("sha256") and str(entry.get("camera", "")).upper() == camera.upper()
        ]
    return sorted(found, key=lambda one: (one[0], one[1]))


def make(batch: Batch, sols: tuple[int, ...], store: Store, log: Log) -> dict[str, Any]:
    """Make the video, write it, and return what the termination message says of it.

    Raises:
        JobError: there are no pictures to make it of, or the store failed.
    """
    options = options_of(batch)
    camera, speed = next(iter(options.cameras), ""), options.frames_per_second
    frames = frames_of(store, batch.rover, camera, sols)
    if len(frames) < 2:
        message = f"the mirror has {len(frames)} pictures of {camera} in these sols: a video wants two at least"
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS, message)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "video.mp4"
        shown = _encode(path, batch.rover, frames, speed, store, log)
        key = video_key(batch.rover, camera, frames[0][0], frames[-1][0])
        metadata = {
            "plan": batch.plan, "trace-id": batch.trace_id, "rover": batch.rover, "camera": camera,
            "first-sol": str(frames[0][0]), "last-sol": str(frames[-1][0]), "frames": str(shown),
        }  # fmt: skip
        store.put(key, path.read_bytes(), metadata, "video/mp4")
    log.info("video", key=key, frames=shown, seconds=shown / speed)
    return {"video": key, "frames": shown}


def _encode(path: Path, rover: str, frames: list[tuple[int, str]], speed: int, store: Store, log: Log) -> int:
    import av

    shown = 0
    with av.open(str(path), "w", options={"movflags": "+faststart"}) as video:
        stream = video.add_stream("h264", rate=Fraction(speed))
        # An ingest pod has 256 MiB: as many frames as each thread and the lookahead would hold do not fit.
        stream.options = {"preset": "veryfast", "tune": "zerolatency"}
        stream.thread_count = 1
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = WIDTH, HEIGHT, "yuv420p", _BIT_RATE
        for number, (sol, file) in enumerate(frames, 1):
            stored = store.get(image_key(rover, sol, file))
            picture = None if stored is None else _fitted(stored.body)
            if picture is not None:
                frame = av.VideoFrame.from_image(picture)  # type: ignore[no-untyped-call]
                for packet in stream.encode(frame):
                    video.mux(packet)
                shown += 1
            if number % _TOLD_EVERY == 0 or number == len(frames):
                log.info("progress", done=number, of=len(frames), sol=sol)
        for packet in stream.encode(None):
            video.mux(packet)
    return shown


def _fitted(body: bytes) -> Any:
    """Return a picture in the video's size, or None where it cannot be read: a film goes on without a frame."""
    from PIL import Image, ImageOps

    try:
        with Image.open(io.BytesIO(body)) as opened:
            return ImageOps.pad(opened.convert("RGB"), (WIDTH, HEIGHT), color="black")
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return None
