"""Whatever order objects come in, and however often, the rows are those of a full refresh."""

import random
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from mm_contracts.bronze import TABLES as TABLES_OF
from mm_jobs.transform.job import built_from

from tests.warehouse.bronze import (
    Batch,
    Source,
    coordinates_batch,
    failed,
    later,
    manifest_batch,
    outcome,
    photo,
    photo_batch,
    retried,
)
from tests.warehouse.dbt_runs import Dbt, running

TABLES = (
    "SILVER.SOL_OUTCOMES",
    "SILVER.PHOTO_SIGHTINGS",
    "SILVER.SOURCE_PHOTOS",
    "SILVER.FACT_PHOTOS",
    "SILVER.SOURCE_SOL_CAMERAS",
    "SILVER.SOL_CAMERAS",
    "SILVER.SOL_PROMISES",
    "SILVER.DIM_CAMERAS",
    "SILVER.DIM_ROVERS",
    "SILVER.FACT_PATH",
    "SILVER.INGESTION_PLANNING",
    "GOLD.ROVER_SUMMARY",
    "GOLD.PHOTO_COUNTS",
    "GOLD.DAILY_ACTIVITY",
    "GOLD.PHOTO_TRAVEL_CORRELATION",
    "SILVER.PHOTO_FRAMES",
    "SILVER.FACT_PLACES",
    "SILVER.FACT_DRIVES",
    "SILVER.SOL_DRIVES",
    "GOLD.PHOTOS",
)

PHOTOS, MANIFESTS, COORDINATES = (TABLES_OF[dataset].name for dataset in ("photos", "manifests", "coordinates"))


def built(dbt: Dbt, *tables: str) -> None:
    """Run all that loads into these bronze tables touch, as the transform Job selects it."""
    for tag in ("loop", None):
        dbt("run", *built_from(set(tables), tag))


ATTEMPTS = """
select ATTEMPT, STATUS, IS_LATEST_ATTEMPT, IS_WHOLE from SILVER.SOL_OUTCOMES
where ROVER_NAME = 'Perseverance' and SOL = 1 order by ATTEMPT
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dbt]:
    """Everything built once, over nothing; from then on the tests run what a load touches."""
    with running(tmp_path_factory.mktemp("dbt")) as opened:
        opened("run")
        yield opened


@pytest.fixture
def dbt(server: Dbt) -> Dbt:
    """Bronze is empty; silver still holds what the test before has built, and has to let go of it."""
    server.clear()
    return server


def state(dbt: Dbt) -> dict[str, list[tuple[Any, ...]]]:
    return {name: dbt.table(name) for name in TABLES}


def assert_as_refreshed(dbt: Dbt) -> None:
    """The tables hold what a full refresh makes of the same bronze, row by row."""
    grown = state(dbt)
    dbt("run", "--full-refresh")
    refreshed = state(dbt)
    for name in TABLES:
        assert grown[name] == refreshed[name], name


def test_history_of_retries_late_objects_and_replacements_ends_as_a_full_refresh(dbt: Dbt) -> None:
    source = Source("tiny")
    first, second, third = "2025-10-07T12:00:00", "2025-10-07T12:10:00", "2025-10-07T12:20:00"
    dbt.put(*(manifest_batch(rover, manifest, first) for rover, manifest in source.manifests.items()))
    built(dbt, MANIFESTS)
    assert {row[0] for row in dbt.rows("select distinct STATUS from SILVER.INGESTION_PLANNING")} == {"MISSING_SOL"}

    # A batch with one failed sol, then its retry: the same key, another ETag.
    whole = source.batch("Perseverance", [0, 1], second, name="retried")
    whole.arrays["SOLS"][1] = retried(whole.arrays["SOLS"][1], failed(1, "SourceError", first))
    photos = [p for p in whole.arrays["PHOTOS"] if p["sol"] == 0]
    broken = later(whole, first, PHOTOS=photos, SOLS=[whole.arrays["SOLS"][0], failed(1, "SourceError", first)])
    dbt.put(broken, coordinates_batch("Perseverance", source.features("Perseverance"), first))
    built(dbt, PHOTOS, COORDINATES)
    gaps = "select SOL, STATUS, REASON from SILVER.INGESTION_PLANNING where ROVER_NAME = 'Perseverance' and SOL < 2"
    assert dbt.rows(gaps) == [(1, "MISSING_SOL", "SourceError")]
    assert dbt.rows(ATTEMPTS) == [(1, "failed", True, False)]
    dbt.put(whole)
    built(dbt, PHOTOS)
    assert dbt.rows(gaps) == []
    assert dbt.rows(ATTEMPTS) == [(1, "failed", False, False), (2, "complete", True, True)]

    # Two objects of one second; one made before all others and loaded last, with a photo that is gone since.
    sols = [source.batch("Perseverance", pair, second, name) for pair, name in (([14, 15], "a"), ([15, 16], "b"))]
    address = "https://x/NLF_0000_0666954826_140ECM_N0030000NCAM00001_04_195J02_1200.jpg"
    gone = photo(999_999, 0, "Perseverance", "NEW_CAMERA", address)
    told = outcome(0, None, [gone], first) | {"status": "mismatch"}
    stale = photo_batch("Perseverance", [told], [gone], first, "late")
    dbt.put(*sols)
    built(dbt, PHOTOS)
    dbt.put(stale)
    built(dbt, PHOTOS)
    listed = "select PHOTO_ID, IS_LISTED from SILVER.FACT_PHOTOS where PHOTO_ID = 999999"
    assert dbt.rows(listed) == [(999_999, False)]
    assert dbt.rows(gaps) == [], "an older answer changes nothing that a newer one said"

    # The object that alone told of sol 16 is replaced by one that does not; another object leaves bronze altogether.
    only_15 = [p for p in sols[1].arrays["PHOTOS"] if p["sol"] == 15]
    dbt.put(later(sols[1], third, PHOTOS=only_15, SOLS=sols[1].arrays["SOLS"][:1]))
    dbt.remove(stale.key)
    built(dbt, PHOTOS)
    assert dbt.rows("select count(*) from SILVER.FACT_PHOTOS where SOL = 16") == [(0,)]
    assert dbt.rows(listed) == []
    assert dbt.rows("select count(*) from SILVER.SOL_OUTCOMES where IS_PENDING or STATUS = 'withdrawn'") == [(0,)]

    dbt.put(source.batch("Curiosity", [0, 1], third), source.batch("Spirit", [1, 2, 3], third))
    built(dbt, PHOTOS)
    assert_as_refreshed(dbt)
    statuses = dbt("test", "--exclude", "test_type:unit")
    assert set(statuses.values()) == {"pass"}


def random_object(rng: random.Random, number: int) -> Batch:
    """A few sols of one rover as one of two sources has them at one of three moments.

    Pictures come from one small pool, so that they move between sols, change their camera and their address, vanish and
    come back, and are shown by both sources, which number them in their own ways.
    """
    at = f"2025-10-07T12:00:0{rng.randrange(3)}"
    source = rng.choice(("simulator", "other"))
    sols, photos = [], []
    for sol in sorted(rng.sample(range(4), rng.randint(1, 3))):
        found = [
            photo(
                picture + (1000 if source == "other" else 0),
                sol,
                "Perseverance",
                rng.choice(("MCZ_LEFT", "SKYCAM")),
                f"https://{rng.choice('xy')}/{rng.randrange(2)}/picture{picture}.jpg",
            )
            for picture in rng.sample(range(8), rng.randint(0, 4))
        ]
        if rng.random() < 0.2:
            sols.append(failed(sol, "SourceError", at))
        else:
            photos += found
            sols.append(outcome(sol, None, found, at) | {"status": rng.choice(("complete", "mismatch"))})
        before = [failed(sol, "SourceError", at), outcome(sol, None, found, at) | {"status": "mismatch"}]
        sols[-1] = retried(sols[-1], *before[: rng.randrange(3)])
    batch = photo_batch("Perseverance", sols, photos, at, f"{number}", source)
    return replace(batch, key=f"photos/perseverance/{number}.json")


def manifest_of(*counts: int) -> dict[str, Any]:
    """A manifest of Perseverance that promises so many photos of sol 0, 1, ..."""
    entries = [
        {"sol": sol, "earth_date": "2021-02-18", "total_photos": count, "cameras": ["MCZ_LEFT"]}
        for sol, count in enumerate(counts)
    ]
    return {
        "name": "Perseverance", "landing_date": "2021-02-18", "launch_date": "2020-07-30", "status": "active",
        "max_sol": len(counts) - 1, "max_date": "2021-02-21", "total_photos": sum(counts), "photos": entries,
    }  # fmt: skip


@pytest.mark.parametrize("seed", [7, 11])
def test_random_history_ends_as_a_full_refresh(dbt: Dbt, seed: int) -> None:
    rng = random.Random(seed)
    dbt.put(manifest_batch("Perseverance", manifest_of(2, 2, 2, 2), "2025-10-07T12:00:00"))
    dbt.put(manifest_batch("Perseverance", manifest_of(1, 1, 1, 1), "2025-10-07T12:00:01", "other"))
    dbt("run")
    for _ in range(4):
        for _ in range(8):
            number = rng.randrange(10)
            if rng.random() < 0.15:
                dbt.remove(f"photos/perseverance/{number}.json")
            else:
                dbt.put(random_object(rng, number))
                if rng.random() < 0.1:  # the same content under another key
                    dbt.put(replace(random_object(rng, number), key=f"photos/perseverance/{number}-again.json"))
        built(dbt, PHOTOS)
    ((kept, unlisted, shared),) = dbt.rows(
        "select count(*), count_if(not IS_LISTED), count_if(SOURCE_COUNT > 1) from SILVER.FACT_PHOTOS"
    )
    assert kept > unlisted > 0, "the history is of use only if it leaves photos of both kinds"
    assert shared > 0
    ((moved,),) = dbt.rows("select count(*) from SILVER.PHOTO_SIGHTINGS where not IS_CURRENT")
    assert moved > 0
    assert_as_refreshed(dbt)


def test_a_photo_that_its_source_moves_to_another_sol_is_there_once_and_leaves_a_gap_where_it_was(dbt: Dbt) -> None:
    one, two, three = (
        photo(n, sol, "Perseverance", "MCZ_LEFT", f"https://x/p{n}.jpg") for n, sol in ((1, 0), (2, 0), (3, 1))
    )
    moved = two | {"sol": 1}
    first, second, third = "2025-10-07T12:00:00", "2025-10-07T12:10:00", "2025-10-07T12:20:00"
    summary = "select SOL, sum(PHOTOS) from SILVER.SOL_CAMERAS where PHOTOS > 0 group by 1 order by 1"
    gaps = "select SOL, STATUS, ARCHIVED_PHOTOS from SILVER.INGESTION_PLANNING order by 1"
    where = "select SOL, IS_LISTED from SILVER.FACT_PHOTOS where IMAGE_ID = 'p2'"

    def fetch(sol: int, photos: list[dict[str, Any]], at: str) -> None:
        told = outcome(sol, None, photos, at) | {"status": "complete"}
        dbt.put(photo_batch("Perseverance", [told], photos, at))

    dbt.put(manifest_batch("Perseverance", manifest_of(2, 1), first))
    fetch(0, [one, two], first)
    fetch(1, [three], first)
    dbt("run")
    assert dbt.rows(gaps) == []
    dbt.put(manifest_batch("Perseverance", manifest_of(1, 2), second))
    # The new sol is fetched first, then the old one, which lists it no more.
    fetch(1, [moved, three], second)
    built(dbt, PHOTOS, MANIFESTS)
    assert dbt.rows(where) == [(1, True)]
    assert dbt.rows(summary) == [(0, 1), (1, 2)], "a picture counts once"
    assert dbt.rows(gaps) == [(0, "PHOTO_COUNT_MISMATCH", 2)], "by the old sol's last answer it has one too many"
    fetch(0, [one], third)
    built(dbt, PHOTOS)
    assert dbt.rows(where) == [(1, True)]
    assert dbt.rows(summary) == [(0, 1), (1, 2)]
    assert dbt.rows(gaps) == []
    assert_as_refreshed(dbt)


def test_run_that_breaks_midway_is_made_good_by_the_next_and_another_changes_nothing(dbt: Dbt) -> None:
    source = Source("tiny")
    dbt.put(manifest_batch("Spirit", source.manifests["Spirit"], "2025-10-07T12:00:00"))
    dbt.put(source.batch("Spirit", [1, 2], "2025-10-07T12:00:01"))
    dbt("run", "--select", "sol_outcomes")  # as if the Job had been killed here
    dbt.put(source.batch("Spirit", [3], "2025-10-07T12:00:01"))
    dbt("run", "--select", "sol_outcomes", "photo_objects", "photo_sightings", "fact_photos")  # and here
    dbt("run")
    summary = "select SOLS_ARCHIVED, PHOTOS_ARCHIVED, GAPS from GOLD.ROVER_SUMMARY where ROVER_NAME = 'Spirit'"
    assert dbt.rows(summary) == [(3, 327, 0)]
    before = state(dbt)
    # Content that is gone under the same ETag: a run that read an old object again would lose its photos.
    dbt.cursor.execute("update BRONZE.RAW_PHOTO_RESPONSE set PHOTOS = parse_json('[]')")
    dbt("run")
    assert state(dbt) == before
