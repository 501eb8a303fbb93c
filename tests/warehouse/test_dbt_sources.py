"""One picture, several sources: whose manifest is the promise, and whose pictures keep it."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from mm_cli import main
from mm_contracts.messages import parse_schedule
from mm_contracts.photos import image_id
from mm_jobs.common.log import Log
from mm_jobs.common.warehouse import Warehouse as Client
from mm_jobs.transform import charging

from tests.warehouse.bronze import TRACE, coordinates_batch, later, manifest_batch, outcome, photo, photo_batch
from tests.warehouse.dbt_runs import Dbt, running

DAY = timedelta(days=1)
ORDER = {"Curiosity": ["first", "second"]}
AT = "2025-10-07T12:00:00"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        opened.variables = {"source_order": ORDER}
        opened("run")
        yield opened


@pytest.fixture
def dbt(server: Dbt) -> Dbt:
    server.clear()
    server("run")
    return server


def manifest(counts: dict[int, int]) -> dict[str, Any]:
    entries = [
        {"sol": sol, "earth_date": "2012-08-06", "total_photos": count, "cameras": ["MAST"]}
        for sol, count in counts.items()
    ]
    return {"name": "Curiosity", "landing_date": "2012-08-06", "launch_date": "2011-11-26", "status": "active",
            "max_sol": max(counts), "max_date": "2012-08-06", "total_photos": sum(counts.values()),
            "photos": entries}  # fmt: skip


def pictures(sol: int, count: int, source: str) -> list[dict[str, Any]]:
    """The same pictures for every source, under addresses and numbers of its own."""
    base = 1000 if source == "first" else 5000
    return [
        photo(base + sol * 10 + n, sol, "Curiosity", "MAST", f"https://{source}.example/{sol:04}MR00000{n}.jpg")
        for n in range(count)
    ]


def archive(dbt: Dbt, source: str, sols: dict[int, int], at: str = AT) -> None:
    photos = {sol: pictures(sol, count, source) for sol, count in sols.items()}
    told = [outcome(sol, None, found, at) | {"status": "complete"} for sol, found in photos.items()]
    every = [one for found in photos.values() for one in found]
    dbt.put(photo_batch("Curiosity", told, every, at, f"{source}-{min(sols)}", source))


def gaps(dbt: Dbt) -> list[tuple[Any, ...]]:
    return dbt.rows("select SOURCE, SOL, STATUS from SILVER.INGESTION_PLANNING order by 1, 2")


SUMMARY = "select SOURCE, SOLS_PROMISED, SOLS_ARCHIVED, PHOTOS_PROMISED, PHOTOS_ARCHIVED, GAPS from GOLD.ROVER_SUMMARY"


def summary(dbt: Dbt) -> tuple[Any, ...]:
    return dbt.rows(f"{SUMMARY} where ROVER_NAME = 'Curiosity'")[0]


def test_a_second_sources_manifest_changes_no_promise(dbt: Dbt) -> None:
    dbt.put(manifest_batch("Curiosity", manifest({1: 3, 2: 2, 3: 4}), AT, "first"))
    archive(dbt, "first", {1: 3, 2: 2})
    dbt("run")
    assert summary(dbt) == ("first", 3, 2, 9, 5, 1)
    dbt.put(manifest_batch("Curiosity", manifest({1: 3, 2: 2}), "2025-10-08T12:00:00", "second"))
    dbt("run")
    assert summary(dbt) == ("first", 3, 2, 9, 5, 1)
    assert gaps(dbt) == [("first", 3, "MISSING_SOL")]
    # Neither does one that nobody has put into the list, however good it is.
    dbt.put(manifest_batch("Curiosity", manifest({1: 3}), "2025-10-09T12:00:00", "a-stranger"))
    dbt("run")
    assert summary(dbt) == ("first", 3, 2, 9, 5, 1)
    statuses = dbt("test", "--select", "tag:loop", "source_comparison", "--exclude", "test_type:unit")
    assert set(statuses.values()) <= {"pass", "warn"}


def charge(now: datetime, published: list[Any] | None = None) -> list[tuple[str, str, str]]:
    """Decide as a transform run does at its beginning, at a time of the test's own."""
    log = Log("transform", stream=io.StringIO())
    with Client(query_tag="test") as warehouse:
        deciding = charging.Charging(warehouse, ORDER, DAY, now)
        changes = deciding.hand_over(log)
        if published is not None:
            deciding.ask(TRACE, log)
    return [(change.former, change.source, change.reason) for change in changes]


def test_hand_over_and_return_fetch_nothing_that_is_archived_and_lose_nothing(
    dbt: Dbt, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, value in dbt.environment.items():
        monkeypatch.setenv(name, value)
    asked: list[Any] = []

    def publish(_topic: str, messages: list[tuple[str, bytes]], _trace: str) -> None:
        for _, value in messages:
            schedule = parse_schedule(value)
            asked.append((schedule.source, schedule.dataset, [task.rover_name for task in schedule.tasks]))

    monkeypatch.setattr(charging, "publish", publish)
    sols = {1: 3, 2: 2, 3: 4}
    begun = datetime(2025, 10, 7, 12)
    dbt.put(manifest_batch("Curiosity", manifest(sols), begun.isoformat(), "first"))
    archive(dbt, "first", sols)
    dbt("run")
    assert charge(begun + timedelta(hours=1), asked) == []
    assert asked == []
    # The first grows old: the next of the list is asked for its manifest, once in a while and not in every run.
    for hours in (13, 13.1):
        assert charge(begun + timedelta(hours=hours), asked) == []
    assert asked == [("first", "manifests", ["Curiosity"]), ("second", "manifests", ["Curiosity"])]
    grown = sols | {3: 6, 4: 1}
    dbt.put(manifest_batch("Curiosity", manifest(grown), (begun + timedelta(hours=14)).isoformat(), "second"))
    assert charge(begun + timedelta(hours=20)) == []
    assert charge(begun + timedelta(hours=25)) == [("first", "second", "SourceStale")]
    assert charge(begun + timedelta(hours=25)) == []
    with Client(query_tag="test") as warehouse:
        standing = charging.Charging(warehouse, ORDER, DAY, begun + timedelta(hours=25.5))
        assert [(one["rover"], one["former"], one["source"]) for one in standing.recent()] == [
            ("Curiosity", "first", "second")
        ]
        note = standing.note("second", {"Curiosity", "Spirit"})
        assert note is not None
        assert (note.preferred, note.reason) == (False, "SourceStale")
        assert "25 hours old" in note.message
        assert standing.note("first", {"Curiosity"}) is None
        assert standing.note("second", {"Spirit"}) is None
        assert charging.Charging(warehouse, ORDER, DAY, begun + timedelta(hours=27)).recent() == []
    dbt("run")
    told = dbt.rows("select ROVER_NAME, SOURCE, FORMER_SOURCE, REASON, MESSAGE from SILVER.SOURCE_CHARGE")
    assert [row[:4] for row in told] == [("Curiosity", "second", "first", "SourceStale")]
    assert "25 hours old" in told[0][4]
    # Only what is new is asked for, and of the new source; all that was there still counts.
    assert gaps(dbt) == [("second", 3, "MISSING_SOL"), ("second", 4, "MISSING_SOL")]
    assert summary(dbt) == ("second", 4, 2, 12, 5, 2)
    assert dbt.rows("select count(*), count_if(IS_LISTED) from SILVER.FACT_PHOTOS") == [(9, 9)]
    archive(dbt, "second", {3: 6, 4: 1}, (begun + timedelta(hours=26)).isoformat())
    dbt("run")
    assert gaps(dbt) == []
    assert summary(dbt) == ("second", 4, 4, 12, 12, 0)
    shared = "select SOURCE, SOURCES, SOURCE_COUNT, DISAGREEMENTS, IMG_SRC from SILVER.FACT_PHOTOS where SOL = 3"
    assert sorted(dbt.rows(shared))[0] == (
        "first", "first,second", 2, None, "https://first.example/0003MR000000.jpg",
    )  # fmt: skip
    compared = "select SOL, SOURCE, PHOTOS, PHOTOS_COMMON, PHOTOS_ONLY_HERE from GOLD.SOURCE_COMPARISON where SOL > 2"
    assert sorted(dbt.rows(compared)) == [(3, "first", 4, 4, 0), (3, "second", 6, 4, 2), (4, "second", 1, 0, 1)]
    # The first comes back: not with its first manifest, but with its second.
    for hours, change in ((30, []), (31, [("second", "first", "SourceWell")])):
        at = begun + timedelta(hours=hours)
        dbt.put(manifest_batch("Curiosity", manifest(grown), at.isoformat(), "first"))
        assert charge(at + timedelta(minutes=1)) == change
    dbt("run")
    assert gaps(dbt) == []
    assert summary(dbt) == ("first", 4, 4, 12, 12, 0)
    health = dbt.rows(
        "select SOURCE, PRECEDENCE, IS_IN_CHARGE, NEWEST_SOL, NEWEST_ARCHIVED_SOL, FRESHNESS_HOURS > 0"
        " from SILVER.SOURCE_HEALTH where ROVER_NAME = 'Curiosity' order by 1"
    )
    assert health == [("first", 1, True, 4, 3, True), ("second", 2, False, 4, 4, True)]
    capsys.readouterr()
    assert main.run(["status"]) == 0
    lines = capsys.readouterr().out.splitlines()
    heading = next(number for number, line in enumerate(lines) if "IN CHARGE" in line)
    assert [line.split()[:3] for line in lines[heading + 2 :] if line.startswith("Curiosity")] == [
        ["Curiosity", "first", "yes"],
        ["Curiosity", "second", "no"],
    ]
    assert main.run(["status", "-o", "json"]) == 0
    rover = next(one for one in json.loads(capsys.readouterr().out) if one["rover_name"] == "Curiosity")
    assert [(one["source"], one["in_charge"], one["newest_sol"]) for one in rover["sources"]] == [
        ("first", True, 4),
        ("second", False, 4),
    ]


def test_a_change_of_the_source_on_a_full_archive_plans_nothing(dbt: Dbt) -> None:
    sols = dict.fromkeys(range(1, 30), 2)
    dbt.put(manifest_batch("Curiosity", manifest(sols), AT, "second"))
    archive(dbt, "second", sols)
    dbt("run")
    assert summary(dbt)[0] == "second"
    assert gaps(dbt) == []
    # The first of the list gets its first manifest: it takes charge, and finds all it promises.
    dbt.put(manifest_batch("Curiosity", manifest(sols), "2025-10-08T12:00:00", "first"))
    dbt("run")
    assert summary(dbt) == ("first", 29, 29, 58, 58, 0)
    assert gaps(dbt) == []


@pytest.mark.parametrize(
    "url",
    [
        "https://m/ncam/NLF_0458_0707590354_274ECM_N0260218NCAM13457_04_195J01_1200.jpg",
        "https://m/ncam/NLF_0458_0707590354_274ECM_N0260218NCAM13457_04_195J01_320.jpg?x=a/b.c",
        "https://m/ncam/NLF_0458_0707590354_274ECM_N0260218NCAM13457_04_195J01.png#top",
        "http://m/mcam/1000MR0044630000103744E01_DXXX.jpg",
        "http://m/2P126468064ESFA2B7P2001R7M2-THM.JPG",
        "http://m/2P126468064ESFA2B7P2001R7M2-BR.JPG",
        "http://m/2P126468064ESFA2B7P2001R7M2.JPG",
        "noslash.jpg", "http://m/", "http://m/.jpg", "", "http://m/a.b.c", "http://m/_320.jpg",
    ],
)  # fmt: skip
def test_the_models_read_an_image_id_as_the_contract_does(server: Dbt, url: str) -> None:
    from tests.warehouse.dbt_runs import PROJECT

    macro = (PROJECT / "macros" / "image_id.sql").read_text()
    body = macro[macro.index("-%}\n    nullif") + 3 : macro.index("{%- endmacro")]
    assert server.rows(f"select {body.replace('{{ img_src }}', repr(url))}") == [(image_id(url),)]


def test_values_of_any_kind_become_null_and_stop_nothing(dbt: Dbt) -> None:
    odd: list[Any] = [
        None, True, -1, 0.5, 1e300, 10**30, "", "soon", "1e5", "9" * 40, "\ufffd", "x" * 5000, [], [1], {}, {"a": 1},
        "99999-01-01", "0000-00-00", "2012-02-30", "1e999", "-Infinity",
    ]  # fmt: skip
    good = pictures(1, 2, "first")
    fields = [*good[0], "image_id", "taken_at", "sclk", "site", "width", "is_thumbnail", "mast_azimuth"]
    spoilt = [good[0] | {"id": 7000 + n, "img_src": f"https://x/odd{n}.jpg", fields[n % len(fields)]: value}
              for n, value in enumerate(odd * 3)]  # fmt: skip
    told = [
        outcome(1, None, good, AT) | {"status": "complete", "requested_at": "soon", "promised_photos": "many"},
        outcome(2, None, [], AT) | {"status": "failed", "sol": "2b"},
        *(outcome(3 + n, None, [], AT) | {"status": "failed", "earlier": value} for n, value in enumerate(odd)),
    ]
    dbt.put(photo_batch("Curiosity", told[:1], good + spoilt, AT, "odd", "first"))
    dbt.put(later(photo_batch("Curiosity", told[:1], [], AT, "outcomes", "first"), AT, SOLS=told[1:]))
    for n, value in enumerate(odd):
        entries = [{"sol": 1, "total_photos": 2, "cameras": ["MAST"]}, {"sol": value, "total_photos": 2}, value,
                   {"sol": 2, "total_photos": value, "earth_date": value, "cameras": value}]  # fmt: skip
        spoilt_manifest = manifest({1: 2}) | {"photos": entries, "max_sol": value, "max_date": value, "status": value}
        at = f"2025-10-07T11:{n:02}:00"
        dbt.put(manifest_batch("Curiosity", spoilt_manifest, at, f"odd-{n}"))
        dbt.put(manifest_batch("Curiosity", {"photos": value}, at.replace("T11", "T10"), f"odder-{n}"))
    dbt.put(manifest_batch("Curiosity", manifest({1: 2}), AT, "first"))
    names = ("sol", "fromRMC", "toRMC", "length", "SCLK_START", "SCLK_END", "RMC", "final", "dist_m")
    features = [
        {"properties": dict.fromkeys(names, value), "geometry": {"type": kind, "coordinates": coordinates}}
        for value in odd
        for kind, coordinates in (("LineString", value), ("MultiLineString", [value]), ("LineString", [[value, value]]))
    ]
    typed = ("sol", "flight", "site", "drive", "rmc", "lon", "lat", "distance_m", "total_distance_m", "sclk_start")
    places = [
        {"layer": layer, "final": value, "sclk_end": value, **dict.fromkeys(typed, value)}
        for value in odd
        for layer in ("waypoints", "helicopter_waypoints", value)
    ]
    for rover in ("Perseverance", "Curiosity"):
        layers = coordinates_batch(rover, [*features, {"properties": None, "geometry": None}], AT)
        dbt.put(later(layers, AT, PLACES=[*places, None, 7]))
    dbt("run")
    shown = dbt.rows("select count(*) from SILVER.SOURCE_PHOTOS where PHOTO_ID < 7000 and IS_LISTED")
    assert shown == [(2,)]
    assert dbt.rows("select REQUESTED_AT, PROMISED_PHOTOS from SILVER.SOL_OUTCOMES where SOL = 1") == [(None, None)]
    assert dbt.rows("select count(*) from SILVER.SOURCE_HEALTH") >= [(len(odd),)]
    for schema, name in dbt.rows(
        "select TABLE_SCHEMA, TABLE_NAME from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA in ('SILVER', 'GOLD')"
    ):
        dbt.rows(f"select * from {schema}.{name}")
