"""Which pictures a batch is about: from the archive's own objects, so that a Job needs no warehouse."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from mm_contracts.keys import PHOTOS, parse_key
from mm_contracts.photos import image_id
from mm_contracts.pictures import file_of
from mm_contracts.plan import ImageOptions
from mm_contracts.reasons import ExitCode, Reason
from pydantic import ValidationError

from mm_jobs.common.ending import JobError
from mm_jobs.ingest import clean, fields
from mm_jobs.ingest.spec import Batch


class Reader(Protocol):
    """The bucket, for reading."""

    def keys(self, prefix: str) -> Iterator[str]:
        """Yield the keys that begin so."""

    def read(self, key: str) -> bytes | None:
        """Return an object's bytes, or None."""


class Wanted(NamedTuple):
    """One picture: its identity, camera, address, and the name that it is kept under."""

    sol: int
    image_id: str
    camera: str
    address: str
    file: str


class Choice(NamedTuple):
    """What of a sol is wanted."""

    size: str
    cameras: tuple[str, ...]
    thumbnails: bool = False


def options_of(batch: Batch) -> ImageOptions:
    """Return a batch's options; what it lacks is the contract's default. Raises JobError where one cannot be used."""
    given = {name: value for name, value in batch.images.items() if name in ImageOptions.model_fields}
    try:
        return ImageOptions.model_validate(given)
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False)[0]
        message = f"images.{'.'.join(map(str, problem['loc']))}: {problem['msg']}"
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS, message) from None


def objects_of(store: Reader, rover: str) -> list[tuple[str, tuple[int, int]]]:
    """Return (key, first and last sol) of a rover's photo objects, the newest written first."""
    found = []
    for key in store.keys(f"{PHOTOS}/{rover.lower()}/"):
        try:
            parsed = parse_key(key)
        except ValueError:
            continue
        if parsed.sols is not None:
            found.append((parsed.stamp, key, parsed.sols))
    return [(key, sols) for _, key, sols in sorted(found, reverse=True)]


def photos_of(
    store: Reader, rover: str, source: str, sols: Sequence[int], newest: int
) -> dict[int, list[Mapping[str, Any]]]:
    """Return the photos of sols as the newest whole answer of a source has them.

    Args:
        store: the bucket.
        rover: its name.
        source: only what this one said.
        sols: these; empty means the newest ones that have photos.
        newest: how many of them.
    """
    wanted, found = set(sols), dict[int, list[Mapping[str, Any]]]()
    objects = objects_of(store, rover)
    if not wanted:
        objects.sort(key=lambda one: one[1][1], reverse=True)  # stable: of equal sols the newest written stays first
    for key, (first, last) in objects:
        if wanted and not any(first <= sol <= last for sol in wanted - found.keys()):
            continue
        if not wanted and len(found) >= newest and last < min(sorted(found, reverse=True)[:newest]):
            break
        document = _document(store.read(key))
        if document.get("source") != source:
            continue
        whole = {
            fields.whole(one.get("sol")) for one in _objects(document.get("sols")) if one.get("status") != "failed"
        }
        by_sol: dict[int, list[Mapping[str, Any]]] = {}
        for photo in _objects(document.get("photos")):
            if type(photo.get("sol")) is int:
                by_sol.setdefault(photo["sol"], []).append(photo)
        for sol, photos in by_sol.items():
            if sol in whole and sol not in found and (not wanted or sol in wanted):
                found[sol] = photos
    kept = sorted(found, reverse=True)[: newest if not wanted else None]
    return {sol: found[sol] for sol in sorted(kept)}


def choose(photos: Mapping[int, Sequence[Mapping[str, Any]]], choice: Choice) -> list[Wanted]:
    """Return the pictures of a choice, sol by sol, each once."""
    cameras = {name.upper() for name in choice.cameras}
    chosen: dict[tuple[int, str], Wanted] = {}
    for sol, listed in photos.items():
        for photo in listed:
            camera = photo.get("camera")
            name = str(camera.get("name") or "") if isinstance(camera, dict) else ""
            address = _address(photo, choice.size)
            file = file_of(address)
            identity = image_id(str(photo.get("img_src") or ""))
            if not (file and identity) or (cameras and name.upper() not in cameras):
                continue
            if not choice.thumbnails and (photo.get("is_thumbnail") or _is_thumbnail(file)):
                continue
            chosen.setdefault((sol, file), Wanted(sol, identity, name, address, file))
    return list(chosen.values())


def _address(photo: Mapping[str, Any], size: str) -> str:
    files = photo.get("files")
    named = files.get(size) if isinstance(files, dict) else None
    return str(named or photo.get("img_src") or "")


def _is_thumbnail(file: str) -> bool:
    return file.rpartition(".")[0].upper().endswith(("-THM", "_THM"))


def _document(body: bytes | None) -> dict[str, Any]:
    try:
        return fields.mapping(clean.parse(body)) if body else {}
    except ValueError:
        return {}


def _objects(value: Any) -> Iterator[dict[str, Any]]:
    yield from (one for one in value if isinstance(one, dict)) if isinstance(value, list) else ()
