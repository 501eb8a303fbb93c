"""Images for offline use: real file formats, the same bytes each time, only for photos that are there."""

from __future__ import annotations

import struct
import zlib
from typing import Any
from urllib.parse import urlsplit

import pytest
from mm_simulator.core.picture import Grid, jpeg, png, scene
from mm_simulator.core.rand import Rand
from mm_simulator.shell.images import partial


def path_of(api: Any, rover: str, sol: int, camera: str) -> str:
    return urlsplit(api.photos(rover, sol=sol, camera=camera)[0]["img_src"]).path


def jpeg_means(data: bytes) -> list[list[int]]:
    """Decode a JPEG whose blocks hold means only: luma of each block, row by row. Knows its own header reading."""
    at, tables, width, height = 2, {}, 0, 0
    while True:
        marker, size = data[at + 1], struct.unpack(">H", data[at + 2 : at + 4])[0]
        payload = data[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xC0:
            height, width = struct.unpack(">HH", payload[1:5])
        elif marker == 0xDB:
            quantum = payload[1]
        elif marker == 0xC4:
            while payload:
                count, code, where = sum(payload[1:17]), 0, 17
                table: dict[tuple[int, int], int] = {}
                for length, number in enumerate(payload[1:17], start=1):
                    for _ in range(number):
                        table[length, code] = payload[where]
                        code, where = code + 1, where + 1
                    code <<= 1
                tables[payload[0]] = table
                payload = payload[17 + count :]
        elif marker == 0xDA:
            break
    scan = data[at:-2].replace(b"\xff\0", b"\xff")
    bits = iter("".join(f"{byte:08b}" for byte in scan))

    def symbol(table: dict[tuple[int, int], int]) -> int:
        code, length = 0, 0
        while (length, code) not in table:
            code, length = code * 2 + int(next(bits)), length + 1
        return table[length, code]

    columns, rows = -(-width // 8), -(-height // 8)
    means, last = [], [0, 0, 0]
    for _ in range(rows):
        line = []
        for _ in range(columns):
            for channel in range(3):
                size = symbol(tables[0x00])
                raw = int("".join(next(bits) for _ in range(size)) or "0", 2)
                last[channel] += raw if not size or raw >> (size - 1) else raw - (1 << size) + 1
                assert symbol(tables[0x10]) == 0
            line.append(last[0] * quantum // 8 + 128)
        means.append(line)
    return means


def test_a_jpeg_holds_the_scene() -> None:
    grid = scene(Rand("x"), "NLF_0052.jpg", 330, 250)
    data = jpeg(grid, 330, 250)
    assert data[:2] == b"\xff\xd8"
    assert data[-2:] == b"\xff\xd9"
    assert jpeg_means(data) == [[color[0] for color in row] for row in grid]
    assert (len(grid), len(grid[0])) == (32, 42)


def test_a_png_holds_the_scene() -> None:
    grid: Grid = [[(0, 128, 128), (255, 128, 128)], [(128, 128, 128), (76, 85, 255)]]
    data = png(grid, 10, 9)
    width, height, depth, kind = struct.unpack(">IIBB", data[16:26])
    assert (width, height, depth, kind) == (10, 9, 8, 2)
    begin = data.index(b"IDAT") + 4
    size = struct.unpack(">I", data[begin - 8 : begin - 4])[0]
    rows = zlib.decompress(data[begin : begin + size])
    assert len(rows) == 9 * 31
    assert rows[1:4] == b"\0\0\0"
    assert rows[1 + 27 : 31] == b"\xff\xff\xff"
    assert rows[8 * 31 + 1 + 24 : 8 * 31 + 31] == b"\xfe\0\0" * 2  # red, but for the rounding of its luma


@pytest.mark.parametrize(
    ("ending", "size"), [("_1200.jpg", (1200, 900)), ("_320.jpg", (320, 240)), (".png", (1280, 960))]
)
def test_perseverance_has_siblings(tiny: Any, ending: str, size: tuple[int, int]) -> None:
    path = path_of(tiny, "perseverance", 52, "NAVCAM_LEFT").replace("_1200.jpg", ending)
    response = tiny.stranger.get(path)
    assert response.status_code == 200
    assert response.headers["content-type"] == ("image/png" if ending == ".png" else "image/jpeg")
    if ending == ".png":
        assert struct.unpack(">II", response.content[16:24]) == size
    else:
        begin = response.content.index(b"\xff\xc0")
        assert struct.unpack(">HH", response.content[begin + 5 : begin + 9]) == size[::-1]
    assert tiny.stranger.get(path).content == response.content


@pytest.mark.parametrize(
    ("rover", "sol", "camera"),
    [("curiosity", 1, "MAST"), ("curiosity", 10, "CHEMCAM"), ("spirit", 1, "FHAZ")],
)
def test_other_rovers(tiny: Any, rover: str, sol: int, camera: str) -> None:
    path = path_of(tiny, rover, sol, camera)
    assert tiny.stranger.get(path).status_code == 200
    assert (
        tiny.stranger.get(
            path.replace("/msss/00001/", "/msss/00077/").replace("2F", "2G").replace("CR0", "CR1")
        ).status_code
        == 404
    )
    if rover == "spirit":
        for other in ("-THM.JPG", ".JPG"):
            assert tiny.stranger.get(path.replace("-BR.JPG", other)).status_code == 200


def test_images_can_be_dead(tiny: Any) -> None:
    tiny.fault(kind="status", status=404, path="image", rover="Spirit")
    assert tiny.stranger.get(path_of(tiny, "spirit", 1, "FHAZ")).status_code == 404
    assert tiny.stranger.get(path_of(tiny, "opportunity", 1, "FHAZ")).status_code == 200


def test_head_and_range(tiny: Any) -> None:
    path = path_of(tiny, "spirit", 1, "FHAZ")
    whole = tiny.stranger.get(path).content
    assert int(tiny.stranger.head(path).headers["content-length"]) == len(whole)
    part = tiny.stranger.get(path, headers={"range": "bytes=10-19"})
    assert (part.status_code, part.content) == (206, whole[10:20])
    assert part.headers["content-range"] == f"bytes 10-19/{len(whole)}"


@pytest.mark.parametrize(
    ("wanted", "status", "body"),
    [
        (None, 200, b"0123456789"), ("bytes=8-", 206, b"89"), ("bytes=-3", 206, b"789"), ("bytes=5-99", 206, b"56789"),
        ("bytes=10-", 416, b""), ("bytes=-0", 416, b""), ("bytes=-", 200, b"0123456789"),
        ("lines=1-2", 200, b"0123456789"),
    ],
)  # fmt: skip
def test_ranges(wanted: str | None, status: int, body: bytes) -> None:
    response = partial(b"0123456789", "image/png", wanted)
    assert (response.status_code, response.body) == (status, body)
