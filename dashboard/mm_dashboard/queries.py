"""Every question that the pages ask of the warehouse, and nothing else. Snowflake's SQL; binds are question marks.

A table that changes its shape is followed here alone.
"""

from collections.abc import Sequence
from typing import Final

ROVERS: Final = """
select summary.*, clocks.midnight0_unix, clocks.has_traverse
from GOLD.ROVER_SUMMARY as summary
inner join SILVER.REF_ROVERS as clocks on summary.rover_name = clocks.rover_name
order by clocks.rover_id desc
"""
"""One row per rover: what is promised, archived and missing, and how far it drove."""

GAPS: Final = """
select
    rover_name,
    coalesce(reason, 'NotAskedYet') as reason,
    count(*)::integer as sols,
    sum(greatest(promised_photos - archived_photos, 0))::integer as photos,
    min(next_attempt_at) as next_attempt_at,
    max(attempts)::integer as attempts
from SILVER.INGESTION_PLANNING
group by rover_name, coalesce(reason, 'NotAskedYet')
order by rover_name, sols desc, reason
"""

NEWEST: Final = """
select
    photo.image_id, photo.rover_name, photo.sol, photo.camera_name, photo.file_name, photo.utc, photo.lmst,
    photo.img_src, photo.source
from SILVER.FACT_PHOTOS as photo
inner join GOLD.ROVER_SUMMARY as summary
    on photo.rover_name = summary.rover_name and photo.sol = summary.newest_archived_sol
where photo.is_listed
qualify row_number() over (
    partition by photo.rover_name order by photo.is_thumbnail, photo.utc desc nulls last, photo.file_name desc
) = 1
"""
"""The newest picture of each rover."""

BUILT: Final = (
    "select max(BUILT_AT) as built_at, max(iff(PART = 'TESTS', CONTENT, null)) as tests from BRONZE.BUILD_LEDGER"
)

SOURCES: Final = """
select
    source,
    listagg(iff(is_in_charge, rover_name, null), ', ') within group (order by rover_name) as in_charge_of,
    max(last_success_at) as last_answer_at,
    max(last_failure_at) as last_failure_at,
    max_by(last_failure_reason, last_failure_at) as last_failure_reason,
    sum(round(coalesce(error_rate, 0) * coalesce(attempts_of_a_day, 0)))::integer as failed,
    sum(coalesce(attempts_of_a_day, 0))::integer as asked,
    min(budget_remaining)::integer as budget_remaining,
    max(budget_limit)::integer as budget_limit
from SILVER.SOURCE_HEALTH
group by source
order by source
"""
"""One row per source: when it last answered and failed, what it was asked for in a day, and what it still allows."""

SOLS: Final = """
with archived as (

    select rover_name, sol, sum(photos)::integer as photos
    from SILVER.SOL_CAMERAS
    where photos > 0
    group by rover_name, sol

)

select
    coalesce(promised.rover_name, archived.rover_name) as rover_name,
    coalesce(promised.sol, archived.sol)::integer as sol,
    promised.promised_photos,
    coalesce(archived.photos, 0)::integer as photos,
    gaps.status,
    gaps.reason,
    gaps.attempts,
    gaps.is_due,
    gaps.is_newest
from SILVER.SOL_PROMISES as promised
full outer join archived on promised.rover_name = archived.rover_name and promised.sol = archived.sol
left join SILVER.INGESTION_PLANNING as gaps on promised.rover_name = gaps.rover_name and promised.sol = gaps.sol
order by 1, 2
"""
"""Every sol that is promised or archived, with its gap where there is one."""

PROMISE: Final = """
select earth_date, promised_photos, promised_cameras, camera_names, ingested_at
from SILVER.SOL_PROMISES where rover_name = ? and sol = ?
"""
GAP: Final = """
select status, promised_photos, archived_photos, attempts, last_attempt_at, next_attempt_at, is_due, reason, message
from SILVER.INGESTION_PLANNING where rover_name = ? and sol = ?
"""
OUTCOMES: Final = """
select
    requested_at, attempt, source, status, reason, message, promised_photos, received_photos, plan, batch, object_key,
    load_id, trace_id, is_latest_attempt, ingested_at
from SILVER.SOL_OUTCOMES where rover_name = ? and sol = ? order by ingested_at, attempt
"""
SCHEDULES: Final = """
select scheduled_at, schedule_id, attempt, reason
from BRONZE.SCHEDULE_LEDGER where rover_name = ? and sol = ? order by scheduled_at
"""
LOADS_OF_SOL: Final = """
select object_key, load_id, loaded_at, row_count
from BRONZE.LOAD_LEDGER
where object_key in (select object_key from SILVER.SOL_OUTCOMES where rover_name = ? and sol = ?)
"""
"""When the objects that speak of a sol were loaded."""
IN_GOLD: Final = """
select sum(photos)::integer as photos, count_if(photos > 0)::integer as cameras
from GOLD.PHOTO_COUNTS where rover_name = ? and sol = ?
"""
ACTIVITY: Final = "select * from GOLD.DAILY_ACTIVITY where rover_name = ? and sol = ?"
DRIVES_OF_SOL: Final = """
select drive_number, from_rmc, to_rmc, length_m, started_at, ended_at, duration_seconds, has_odd_window
from SILVER.FACT_PATH where rover_name = ? and sol = ? order by drive_number
"""

_FRAME: Final = """
photo.image_id, photo.rover_name, photo.sol, photo.camera_name, photo.file_name, photo.utc, photo.lmst,
photo.sclk, photo.eye, photo.is_thumbnail, photo.is_listed, photo.img_src, photo.source
"""

PHOTOS_OF_SOL: Final = f"""
select {_FRAME}
from SILVER.FACT_PHOTOS as photo
where photo.rover_name = ? and photo.sol = ?
order by photo.utc nulls last, photo.file_name
"""
ADDRESSES_OF_SOL: Final = "select image_id, img_src, source from SILVER.FACT_PHOTOS where rover_name = ? and sol = ?"
"""Where the pictures of a sol are, at their sources."""

PHOTO: Final = """
select photo.*, cameras.camera_full_name as camera_title, cameras.camera_category
from SILVER.FACT_PHOTOS as photo
left join SILVER.DIM_CAMERAS as cameras on photo.camera_key = cameras.camera_key
where photo.rover_name = ? and photo.sol = ? and photo.image_id = ?
"""
SAID: Final = """
select source, photo_id, img_src, is_listed, ingested_at
from SILVER.SOURCE_PHOTOS where rover_name = ? and sol = ? and image_id = ? order by source
"""
"""What each source says of one picture."""

FAMILY: Final = """
select
    other.image_id, other.rover_name, other.sol, other.camera_name, other.file_name, other.utc, other.lmst, other.sclk,
    other.eye, other.is_thumbnail, other.is_listed, other.img_src, other.source, other.product_type,
    other.product_version, other.is_latest_version, other.is_range_map, other.is_downsampled_twin, other.is_counted,
    other.tile, coalesce(other.pair_key = mine.pair_key and other.eye <> mine.eye, false) as is_other_eye
from SILVER.PHOTO_FRAMES as mine
inner join SILVER.PHOTO_FRAMES as other
    on mine.rover_name = other.rover_name and mine.sol = other.sol and mine.image_id <> other.image_id
    and (mine.pair_key = other.pair_key or mine.frame_key = other.frame_key)
where mine.rover_name = ? and mine.sol = ? and mine.image_id = ?
order by other.is_counted desc, other.is_thumbnail, other.is_latest_version desc, other.file_name
"""
"""The pictures of the same exposure (versions, tiles, sizes), and those that the other eye took of it."""

TRAVEL: Final = """
select drive_key, travel_phase, is_doubtful, started_at, ended_at
from GOLD.PHOTO_TRAVEL_CORRELATION where rover_name = ? and sol = ? and image_id = ? order by drive_key
"""
PLACE: Final = """
select path.drive_number, points.longitude, points.latitude, points.elevation_m
from SILVER.FACT_PATH as path
inner join SILVER.DIM_COORDINATES as points on path.drive_key = points.drive_key
where path.rover_name = ? and path.to_site = ? and path.to_drive = ?
order by path.drive_number desc, points.point_number desc
limit 1
"""
"""Where the rover stood at a site and drive: the last point of the drive that ended there."""
SOL_BEFORE: Final = "select max(sol) as sol from SILVER.SOL_CAMERAS where rover_name = ? and sol < ? and photos > 0"
SOL_AFTER: Final = "select min(sol) as sol from SILVER.SOL_CAMERAS where rover_name = ? and sol > ? and photos > 0"

CAMERAS: Final = """
select rover_name, camera_name, camera_full_name, camera_category, photos, first_sol, last_sol
from GOLD.CAMERA_SUMMARY where photos > 0 order by rover_name, camera_category, camera_name
"""


def pictures(where: Sequence[str], order: str, limit: int, offset: int) -> str:
    """Return the gallery's question; ``where`` are conditions with question marks, ``order`` is one of ORDERS."""
    conditions = " and ".join(["photo.is_listed", *where])
    return f"""
select {_FRAME}
from SILVER.FACT_PHOTOS as photo
where {conditions}
order by {ORDERS[order]}
limit {int(limit)} offset {int(offset)}
"""


ORDERS: Final = {
    "newest": "photo.sol desc, photo.utc desc nulls last, photo.file_name desc",
    "oldest": "photo.sol, photo.utc nulls last, photo.file_name",
    "clock": "photo.lmst nulls last, photo.sol, photo.file_name",
}
PHASE: Final = """
photo.image_id in (select image_id from GOLD.PHOTO_TRAVEL_CORRELATION where travel_phase = ?)
"""
"""A condition of ``pictures``: taken before, during or after a drive of its sol."""

ROUTE: Final = """
select
    points.drive_number, points.point_number, points.longitude, points.latitude, points.elevation_m,
    path.sol, path.length_m, path.to_site, path.to_drive
from SILVER.DIM_COORDINATES as points
inner join SILVER.FACT_PATH as path on points.drive_key = path.drive_key
where points.rover_name = ?
order by points.drive_number, points.point_number
"""
SPOTS: Final = """
select
    photo.site, photo.drive, count(*)::integer as photos,
    min(photo.sol)::integer as first_sol, max(photo.sol)::integer as last_sol
from SILVER.FACT_PHOTOS as photo
where photo.rover_name = ? and photo.is_listed and photo.site is not null and photo.drive is not null
group by photo.site, photo.drive
"""
"""How many pictures were taken at each place that a file name tells."""

LOADS: Final = """
select load_id, min(loaded_at) as loaded_at, count(*)::integer as objects, sum(row_count)::integer as row_count
from BRONZE.LOAD_LEDGER group by load_id order by loaded_at desc limit 200
"""
OBJECTS: Final = """
select plan, rover_name, count(*)::integer as objects, sum(photo_count)::integer as photos,
    min(ingestion_date) as first_at, max(ingestion_date) as last_at
from BRONZE.RAW_PHOTO_RESPONSE group by plan, rover_name order by last_at desc limit 200
"""
OBJECTS_OF_PLAN: Final = """
select batch, attempt, rover_name, sol_start, sol_end, photo_count, ingestion_date, load_id, loaded_at, object_key
from BRONZE.RAW_PHOTO_RESPONSE where plan = ? order by batch, attempt
"""
SET_ASIDE: Final = """
select object_key, grain, reason, message, seen_at, attempts, next_attempt_at
from SILVER.SET_ASIDE order by seen_at desc, object_key limit 100
"""
"""What could not be used of what sources sent: whole objects, fields of them, photos, sols and features."""
TESTS: Final = """
select test_name, status, is_good, failures, message, seconds, run_id, tested_at, last_passed_at, history, broken_rows
from GOLD.TEST_RESULTS order by is_good, status, test_name
"""
ALL_GAPS: Final = """
select
    rover_name, sol, earth_date, status, promised_photos, archived_photos, attempts, last_attempt_at, next_attempt_at,
    is_due, reason, message
from SILVER.INGESTION_PLANNING order by rover_name, sol
"""
