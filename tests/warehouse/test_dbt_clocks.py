"""Time on Mars and spacecraft clocks: the models' macros against published values, and against what NASA printed."""

import ast
import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.warehouse.dbt_runs import Dbt, running
from tests.warehouse.test_dbt_project import SHARED, shared

FEEDS = SHARED / "feeds"

MARS_TIME = """
with moments as (select column1::double as unix, column2::double as longitude from values {values}),
days as (select moments.*, {{{{ days_since_j2000('unix') }}}} as j2000 from moments),
centres as (
    select days.*, {{{{ equation_of_centre('j2000') }}}} as centre, {{{{ mars_sol_date('j2000') }}}} as msd from days
),
suns as (select centres.*, {{{{ solar_longitude_counted('j2000', 'centre') }}}} as counted from centres),
times as (select suns.*, {{{{ equation_of_time('counted', 'centre') }}}} as eot from suns)
select
    j2000, centre, {{{{ solar_longitude('counted') }}}}, {{{{ mars_year('counted') }}}},
    {{{{ season(solar_longitude('counted')) }}}}, eot, msd,
    {{{{ local_mean_solar_time('msd', '0') }}}}, {{{{ local_mean_solar_time('msd', 'longitude') }}}},
    {{{{ local_true_solar_time('msd', 'longitude', 'eot') }}}}
from times order by unix
"""

CLOCK = """
select {{{{ clock_to_unix('readings.column3', 'rovers') }}}} from (select * from values {values}) as readings
inner join (
    select 'Perseverance' as rover_name, true as is_clock_anchored, 0 as clock_unix, 0 as clock_rate, 0 as clock_sclk
    union all
    select 'Curiosity', false, 1381317964.4, 1.000009438, 434589485.0
) as rovers on readings.column2 = rovers.rover_name
order by readings.column1
"""


@pytest.fixture(scope="module")
def dbt(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        yield opened


def unix(moment: str) -> float:
    return datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()


def mars_time(dbt: Dbt, *moments: tuple[str, float]) -> list[tuple[Any, ...]]:
    """What the macros say of moments, each with a longitude east, in order of time."""
    values = ", ".join(f"({unix(moment)}, {longitude})" for moment, longitude in moments)
    return dbt.rows(dbt.compiled(MARS_TIME.format(values=values)))


def test_worked_examples_of_mars24_come_out(dbt: Dbt) -> None:
    """https://www.giss.nasa.gov/tools/mars24/help/algorithm.html: the prime meridian, and where Spirit was to land."""
    first, second = mars_time(dbt, ("2000-01-06T00:00:00", 0), ("2004-01-03T13:46:31", -184.702))
    assert first[:3] == pytest.approx((4.50074, 4.44193, 277.18758), abs=1e-5)
    assert first[3:5] == (24, "northern winter")
    assert first[5:] == pytest.approx((-5.18774, 44795.99976, 23.99425, 23.99425, 23.64840), abs=2e-5)
    assert second[:3] == pytest.approx((1463.07471, 10.22959, 327.32416), abs=1e-5)
    assert second[3:5] == (26, "northern winter")
    assert second[5:8] == pytest.approx((-12.77557, 46215.54856, 13.16537), abs=5e-5)
    assert second[8:] == pytest.approx((0.85190, 0.00020), abs=1e-5), (
        "true midnight at the place where Spirit was to land"
    )


def test_mars_years_begin_at_the_published_equinoxes(dbt: Dbt) -> None:
    """Clancy's count: year 36 began on 2021-02-07, 37 on 2022-12-26, 38 on 2024-11-12."""
    rows = mars_time(
        dbt,
        *((f"{day}T{hour}:00:00", 0) for day in ("2021-02-07", "2022-12-26", "2024-11-12") for hour in ("00", "23")),
    )
    rows += mars_time(dbt, ("2021-02-08T00:00:00", 0), ("2022-12-27T00:00:00", 0), ("2024-11-13T00:00:00", 0))
    for row in rows:
        assert min(row[2], 360 - row[2]) < 0.6, "Ls is 0 at the equinox"
    years = [
        row[3]
        for row in mars_time(dbt, ("2021-02-06T00:00:00", 0), ("2021-02-08T12:00:00", 0), ("2024-11-14T00:00:00", 0))
    ]
    assert years == [35, 36, 38]


def test_clocks_give_the_times_that_nasa_printed(dbt: Dbt) -> None:
    """Perseverance's to a millisecond at its known pairs, to a second beside them; Curiosity's to 1.5 s."""
    known = [
        ("Perseverance", 675828717.752, "2021-06-01T14:14:37.984", 0.001),
        ("Perseverance", 745756834.599, "2023-08-19T22:52:26.074", 0.001),
        ("Perseverance", 745756750.760, "2023-08-19T22:51:02.235", 0.01),
        ("Perseverance", 798697310.734, "2025-04-23T16:40:44.575", 0.001),
        ("Perseverance", 813073669.716, "2025-10-07T02:08:38", 1),
        ("Perseverance", 841393387.640, "2026-08-30T20:47:41.638", 0.001),
        ("Curiosity", 405141307.148, "2012-11-02T15:18:29", 1.5),
        ("Curiosity", 813038955.646, "2025-10-06T17:16:46", 1.5),
    ]
    values = ", ".join(f"({n}, '{rover}', {sclk}::double)" for n, (rover, sclk, _, _) in enumerate(known))
    found = [row[0] for row in dbt.rows(dbt.compiled(CLOCK.format(values=values)))]
    for seconds, (rover, _, printed, tolerance) in zip(found, known, strict=True):
        assert seconds == pytest.approx(unix(printed), abs=tolerance), (rover, printed)


COUNTERS = """
select column1, {{ mer_counter('column1') }}::integer
from values ('00'), ('99'), ('A0'), ('AR'), ('ZZ'), ('0A'), ('9Z'), ('##'), ('?')
"""


def test_two_characters_count_to_1295(dbt: Dbt) -> None:
    """AR is a site of Spirit's sol 1000: its traverse has site 127 on that sol."""
    counters = dict(dbt.rows(dbt.compiled(COUNTERS)))
    assert counters == {
        "00": 0,
        "99": 99,
        "A0": 100,
        "AR": 127,
        "ZZ": 1035,
        "0A": 1036,
        "9Z": 1295,
        "##": None,
        "?": None,
    }


@shared
def test_real_pages_agree_with_the_clock_to_a_twentieth_of_a_second(dbt: Dbt) -> None:
    """Every picture of two pages that NASA served: its own clock reading against its own time."""
    images = [
        image
        for name in ("page_sol888_13images.json", "page_sol890_29images.json")
        for image in json.loads((FEEDS / "m20_rss" / name).read_text())["images"]
    ]
    readings = [(float(i["extended"]["sclk"]), i["date_taken_utc"]) for i in images]
    values = ", ".join(f"({n}, 'Perseverance', {sclk}::double)" for n, (sclk, _) in enumerate(readings))
    found = [row[0] for row in dbt.rows(dbt.compiled(CLOCK.format(values=values)))]
    assert len(found) == 42
    for seconds, (_, printed) in zip(found, readings, strict=True):
        assert seconds == pytest.approx(unix(printed), abs=0.05)


@shared
def test_printed_local_times_are_the_local_mean_solar_times(dbt: Dbt) -> None:
    """date_taken_mars and lmst of NASA's answers, to 1.5 s of a sol's 86,400."""
    m20 = json.loads((FEEDS / "m20_rss" / "page_sol888_13images.json").read_text())["images"]
    msl = json.loads((FEEDS / "msl_raw" / "page_sol86.json").read_text())["items"]
    printed = [(i["date_taken_utc"], i["date_taken_mars"], 77.4275) for i in m20]
    # Curiosity's times of the Earth are whole seconds.
    printed += [(i["date_taken"].removesuffix("Z"), i["extended"]["lmst"], 137.4125) for i in msl]
    printed.sort(key=lambda one: unix(one[0]))
    rows = mars_time(dbt, *((utc, longitude) for utc, _, longitude in printed))
    for row, (_, mars, _) in zip(rows, printed, strict=True):
        hours, minutes, seconds = (float(part) for part in mars.partition("M")[2].split(":"))
        assert row[8] == pytest.approx(hours + minutes / 60 + seconds / 3600, abs=1.5 / 3600), mars


@shared
def test_anchors_are_those_that_nasa_printed(dbt: Dbt) -> None:
    with (FEEDS / "m20_rss" / "clock_anchors.csv").open() as file:
        rows = [row for row in csv.DictReader(file) if row["mission"] == "M20"]
    assert ast.literal_eval(dbt.compiled("{{ clock_anchors() }}")) == [(float(r["sclk"]), unix(r["utc"])) for r in rows]
