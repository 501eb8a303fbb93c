"""Sols, pictures and routes: what the pages say, and what they do with what makes no sense."""

from __future__ import annotations

import csv
import datetime
from typing import Any

import pytest
from mm_dashboard import queries
from mm_dashboard.export import as_text, cell, csv_lines
from mm_dashboard.filters import Filters, read
from mm_dashboard.pages.gallery import neighbours, twins
from mm_dashboard.solmap import bands, counts, state_of
from mm_dashboard.traverse import draw
from starlette.testclient import TestClient

from .conftest import Site
from .scripted import frame, picture, rover


def sol_row(sol: int, **changes: Any) -> dict[str, Any]:
    """A row of the sols' question: a sol that is complete."""
    row = {
        "rover_name": "Curiosity", "sol": sol, "promised_photos": 10, "photos": 10, "status": None, "reason": None,
        "attempts": None, "is_due": None, "is_newest": None,
    }  # fmt: skip
    return row | changes


GAP = {"status": "MISSING_SOL", "photos": 0, "attempts": 0, "is_due": True}


@pytest.mark.parametrize(
    ("row", "state"),
    [
        (sol_row(1), "c"),
        (sol_row(1, promised_photos=None), "e"),
        (sol_row(1, **GAP), "x"),
        (sol_row(1, **GAP | {"attempts": 1, "is_due": False}), "w"),
        (sol_row(1, **GAP | {"reason": "NoOutcome"}), "w"),
        (sol_row(1, **GAP | {"reason": "SourceError"}), "f"),
        (sol_row(1, **GAP | {"reason": "SomethingNew"}), "f"),
        (sol_row(1, status="PHOTO_COUNT_MISMATCH", photos=9, reason="StableMismatch"), "m"),
        (sol_row(1, status="PHOTO_COUNT_MISMATCH", photos=9, reason="ManifestGrew"), "g"),
        (sol_row(1, status="PHOTO_COUNT_MISMATCH", photos=9, is_newest=True), "g"),
        (sol_row(1, status="PHOTO_COUNT_MISMATCH", photos=9, is_newest=True, reason="SourceError"), "f"),
    ],
)
def test_a_sols_state(row: dict[str, Any], state: str) -> None:
    assert state_of(row) == state


def test_a_band_has_a_letter_for_every_sol() -> None:
    (band,) = bands([sol_row(0), sol_row(3, **GAP)], [rover(max_sol=5)])
    assert (band["states"], band["have"][3], band["want"][3]) == ("c  x  ", 0, 10)
    assert counts(band)["missing"] == 1
    assert band["conjunctions"] == []


def test_the_map_is_served_and_its_page_has_a_canvas_for_each_rover(site: Site) -> None:
    site.warehouse.answers[queries.SOLS] = [sol_row(0), sol_row(2, **GAP)]
    page = site.client.get("/sols?rover=curiosity").text
    assert 'data-rover="Curiosity"' in page
    assert "1 missing" in page
    assert "source failed" in page
    (band,) = site.client.get("/sols.json").json()
    assert band["states"].startswith("c x")


def test_a_sols_page_shows_promise_outcome_and_pictures(site: Site) -> None:
    answers: dict[str, Any] = {
        queries.PROMISE: [{"earth_date": datetime.date(2015, 5, 30), "promised_photos": 12, "promised_cameras": 2,
                           "camera_names": "FHAZ,NAVCAM", "ingested_at": None}],
        queries.GAP: [{"status": "PHOTO_COUNT_MISMATCH", "promised_photos": 12, "archived_photos": 1, "attempts": 2,
                       "last_attempt_at": None, "next_attempt_at": None, "is_due": True, "reason": "Mismatch",
                       "message": "11 are lacking <b>"}],
        queries.OUTCOMES: [{"requested_at": datetime.datetime(2025, 1, 1), "attempt": 1, "source": "simulator",
                            "status": "mismatch", "reason": None, "message": "", "promised_photos": 12,
                            "received_photos": 1, "plan": "p-1", "batch": 3, "object_key": "photos/curiosity/x.json",
                            "load_id": "l-1", "trace_id": "t-1", "is_latest_attempt": True, "ingested_at": None}],
        queries.PHOTOS_OF_SOL: [frame()],
    }  # fmt: skip
    site.warehouse.answers |= answers
    page = site.client.get("/sols/curiosity/1000").text
    for text in (
        "12 photos, 2 cameras",
        "1 photo, 1 camera",
        "11 are lacking &lt;b&gt;",
        "/work/plans/p-1",
        "l-1",
        "t-1",
    ):
        assert text in page
    assert "/thumbnails/curiosity/1000/NRA_486265257EDR_F0481570NCAM00323M_" in page


def test_what_nobody_knows_is_not_found(site: Site) -> None:
    assert site.client.get("/sols/curiosity/99999").status_code == 404
    assert site.client.get("/sols/moon/1").status_code == 404
    assert site.client.get("/pictures/curiosity/1/NONE").status_code == 404


def test_filters_come_from_the_address_and_go_back_into_it() -> None:
    address = "/pictures?rover=curiosity&camera=MAST&first=3&last=9&from=6.5&to=18&phase=during&thumbnails=1&page=2"
    filters = read(dict(pair.split("=") for pair in address.partition("?")[2].split("&")))
    assert filters == Filters("Curiosity", "MAST", 3, 9, 6.5, 18.0, "during", True, "newest", 2)
    assert filters.address() == address


@pytest.mark.parametrize(
    "query",
    [
        {"rover": "moon"},
        {"first": "-1"},
        {"first": "1e9"},
        {"from": "nan"},
        {"from": "25"},
        {"order": "1; drop"},
        {"phase": "x"},
    ],
)
def test_filters_that_make_no_sense_are_left_out(query: dict[str, str]) -> None:
    assert read(query) == Filters()


def test_a_strangers_text_never_becomes_part_of_a_question() -> None:
    evil = "x' or 1=1 --"
    sql, binds = read({"camera": evil}).question(10, 0)
    assert evil not in sql
    assert binds == (evil,)
    assert "'x'' or 1=1 --'" in as_text(sql, binds)


def test_hours_over_midnight_are_one_night() -> None:
    sql, binds = read({"from": "22", "to": "4"}).question(10, 0)
    assert "(photo.lmst >= ? or photo.lmst <= ?)" in sql
    assert binds == (22.0, 4.0)


def _gallery(site: Site, address: str, rows: list[dict[str, Any]]) -> str:
    query = dict(pair.split("=") for pair in address.partition("?")[2].split("&") if pair)
    for limit, offset in ((61, 0), (20_000, 0)):
        sql, _ = read(query).question(limit, offset)
        site.warehouse.answers[sql] = rows
    return site.client.get(address).text


def test_the_gallery_shows_pictures_a_page_at_a_time(site: Site) -> None:
    page = _gallery(site, "/pictures?rover=curiosity", [frame(f"P{i:03d}.JPG") for i in range(61)])
    assert page.count('class="frame"') == 60
    assert 'href="/pictures?rover=curiosity&amp;page=2"' in page
    assert "P060" not in page.partition('id="frames"')[2]


def test_the_gallerys_file_has_the_same_pictures(site: Site) -> None:
    _gallery(site, "/pictures?camera=MAST", [frame(camera_name="=cmd()"), frame("B.JPG")])
    answer = site.client.get("/pictures.csv?camera=MAST")
    rows = list(csv.DictReader(answer.text.splitlines()))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [row["file_name"] for row in rows] == ["NRA_486265257EDR_F0481570NCAM00323M_.JPG", "B.JPG"]
    assert rows[0]["camera_name"] == "'=cmd()"


def test_the_gallerys_file_while_the_warehouse_is_away_is_a_sentence(site: Site) -> None:
    site.warehouse.away = True
    answer = site.client.get("/pictures.csv")
    assert answer.status_code == 503
    assert "The warehouse does not answer." in answer.text


def test_numbers_in_files_stay_numbers() -> None:
    assert [cell(value) for value in (-1.5, None, "-x", "ok", "-1e-07")] == ["-1.5", "", "'-x", "ok", "-1e-07"]
    assert list(csv_lines([])) == ["\r\n"]


def test_a_pictures_neighbours_and_twins() -> None:
    rows = [frame("A.JPG", sclk=1), frame("B.JPG", sclk=2), frame("C.JPG", sclk=2), frame("D.JPG", sclk=None)]
    before, after = neighbours(rows, "B")
    assert (before and before["file_name"], after and after["file_name"]) == ("A.JPG", "C.JPG")
    assert neighbours(rows, "A")[0] is None
    assert neighbours(rows, "D")[1] is None
    assert neighbours(rows, "Z") == (None, None)
    assert [row["file_name"] for row in twins(rows, rows[1])] == ["C.JPG"]
    assert twins(rows, rows[3]) == []


def test_a_pictures_page_tells_all_that_is_known(site: Site) -> None:
    site.warehouse.answers[queries.PHOTO] = [picture(disagreements="sol,site")]
    site.warehouse.answers[queries.SAID] = [
        {"source": s, "is_listed": s == "nasa"} for s in ("nasa", "simulator", "old")
    ]
    site.warehouse.answers[queries.PHOTOS_OF_SOL] = [frame("A.JPG", sclk=1), frame("B.JPG"), frame("C.JPG")]
    site.warehouse.answers[queries.PLACE] = [
        {"drive_number": 1, "longitude": 137.4, "latitude": -4.6, "elevation_m": -4500.0}
    ]
    page = site.client.get("/pictures/curiosity/1000/B").text
    for text in (
        "Navigation Camera",
        "486265257.042",
        "site 48, drive 1570",
        "-4.60000°",
        "E01, tile 3",
        "Of the same second",
    ):
        assert text in page
    assert 'data-key="ArrowLeft" href="/pictures/curiosity/1000/A"' in page
    assert 'data-key="ArrowRight" href="/pictures/curiosity/1000/C"' in page


def _points() -> list[dict[str, Any]]:
    return [
        {"drive_number": 1, "point_number": i, "longitude": 77.45 + i * 1e-4, "latitude": 18.44,
         "elevation_m": -2570 + i, "sol": 14, "length_m": 6.5, "to_site": 3, "to_drive": 10 * i}
        for i in range(5)
    ]  # fmt: skip


def test_a_traverse_is_measured_in_metres() -> None:
    spot = {"site": 3, "drive": 40, "photos": 9, "first_sol": 14, "last_sol": 15}
    spots = [spot, spot | {"site": 9}]
    drawing = draw(_points(), spots)
    assert drawing is not None
    # 4e-4 degrees of longitude at 18.44 N: 3,396.19 km * cos(18.44) * 4e-4 * pi / 180.
    assert drawing.length_m == pytest.approx(22.49, abs=0.02)
    assert (drawing.lowest, drawing.highest, drawing.drives) == (-2570, -2566, 1)
    (drawn,) = drawing.spots
    assert (drawn.x, drawn.y) == drawing.end
    assert draw(_points()[:1], []) is None


def test_the_route_is_drawn_and_one_without_drives_says_so(site: Site) -> None:
    site.warehouse.answers[queries.ROUTE] = lambda binds: _points() if binds == ("Perseverance",) else []
    assert 'class="route-line" d="M' in site.client.get("/route").text
    assert "No drive of Curiosity is archived yet." in site.client.get("/route?rover=curiosity").text
    assert "Route of Perseverance" in site.client.get("/route?rover=moon").text


def test_a_page_that_is_sent_too_early_asks_for_itself_again(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    import asyncio

    async def never(_sql: str, _binds: object = ()) -> list[Any]:
        await asyncio.Event().wait()
        return []

    monkeypatch.setattr(site.warehouse, "rows", never)
    monkeypatch.setattr("mm_dashboard.snapshots.PATIENCE", 0)
    client: TestClient = site.client
    answer = client.get("/sols/curiosity/5")
    assert answer.headers["refresh"] == "2"
    assert "Reading the archive" in answer.text
    assert "nothing: no manifest" not in answer.text
