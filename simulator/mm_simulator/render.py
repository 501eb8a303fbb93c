"""JSON as the API writes it: compact, keys in its order, one fragment of bytes per photo."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from typing import Any

from mm_simulator.core.facts import CAMERA_BY_ID, Camera, Rover
from mm_simulator.core.photos import Photo
from mm_simulator.core.timebase import earth_date


def dump(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def camera_object(camera: Camera, extended: bool = False) -> dict[str, Any]:
    """A camera as in a rover's list; the extended era listed names only."""
    if extended:
        return {"name": camera.name, "full_name": camera.full_name}
    return {"id": camera.id, "name": camera.name, "rover_id": camera.rover_id, "full_name": camera.full_name}


def short_rover(rover: Rover) -> dict[str, Any]:
    """A rover as embedded in a photo."""
    return {
        "id": rover.id,
        "name": rover.name,
        "landing_date": rover.landing_date.isoformat(),
        "launch_date": rover.launch_date.isoformat(),
        "status": rover.status,
    }


def full_rover(rover: Rover, max_sol: int, total: int, extended: bool = False) -> dict[str, Any]:
    """A rover as /rovers tells it; extended: as photos of other years embedded it."""
    return short_rover(rover) | {
        "max_sol": max_sol,
        "max_date": earth_date(rover.landing_date, max_sol).isoformat(),
        "total_photos": total,
        "cameras": [camera_object(camera, extended) for camera in rover.cameras],
    }


@cache
def _camera_json(camera_id: int) -> str:
    return dump(camera_object(CAMERA_BY_ID[camera_id])).decode()


@cache
def _rover_json(rover: Rover) -> str:
    return dump(short_rover(rover)).decode()


def photo_fragments(rover: Rover, sol: int, photos: Iterable[Photo], image_base: str | None) -> list[bytes]:
    """One JSON object per photo; ``image_base`` (scheme and host) replaces those of the image addresses."""
    day, tail = earth_date(rover.landing_date, sol).isoformat(), _rover_json(rover)
    fragments = []
    for photo in photos:
        source = rebased(photo.img_src, image_base) if image_base else photo.img_src
        fragments.append(
            f'{{"id":{photo.id},"sol":{sol},"camera":{_camera_json(photo.camera_id)},"img_src":"{source}",'
            f'"earth_date":"{day}","rover":{tail}}}'.encode("ascii")
        )
    return fragments


def rebased(address: str, base: str) -> str:
    """An address with its scheme and host replaced."""
    return base.rstrip("/") + "/" + address.split("/", 3)[3]


def listing(root: str, fragments: Iterable[bytes]) -> bytes:
    """``{"<root>":[...]}``."""
    return b'{"' + root.encode() + b'":[' + b",".join(fragments) + b"]}"
