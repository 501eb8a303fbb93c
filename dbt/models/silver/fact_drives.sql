{{ config(materialized='table', cluster_by=['rover_name', 'sol']) }}

-- One word for what layers call traverse, path or travel: a drive is a movement from one place to another on one sol. The best evidence
-- counts: a layer that has clock and length, then waypoints, then a mission's traverse, and where none of them speaks of a sol,
-- the counters in the names of pictures. Those show that the rover moved, not how far: the length is null.

with

traverse_layer as (

    select
        rover_name,
        sol,
        drive_number as place_in_source,
        {{ whole_number("split_part(from_rmc, '_', 1)") }} as from_site,
        {{ whole_number("split_part(from_rmc, '_', 2)") }} as from_drive,
        to_site,
        to_drive,
        length_m,
        iff(has_window, started_at, null) as started_at,
        iff(has_window, ended_at, null) as ended_at,
        has_window and has_odd_window as is_doubtful,
        'traverse layer' as evidence,
        1 as precedence
    from {{ ref('fact_path') }}
    where sol is not null

),

-- The distance of a waypoint is that of the drive that ended there; a point without one is a new site at the same place.
waypoints as (

    select
        rover_name,
        sol,
        place_index as place_in_source,
        lag(site) over (partition by rover_name order by place_index) as from_site,
        lag(drive) over (partition by rover_name order by place_index) as from_drive,
        site as to_site,
        drive as to_drive,
        distance_m as length_m,
        cast(null as timestamp_ntz) as started_at,
        cast(null as timestamp_ntz) as ended_at,
        false as is_doubtful,
        'waypoints' as evidence,
        2 as precedence
    from {{ ref('stg_mmgis__places') }}
    where layer = 'waypoints' and is_end_of_drive and sol is not null

),

mission_traverse as (

    select
        rover_name,
        sol,
        sol as place_in_source,
        lag(site) over (partition by rover_name order by sol) as from_site,
        lag(drive) over (partition by rover_name order by sol) as from_drive,
        site as to_site,
        drive as to_drive,
        round(odometer_m - lag(odometer_m) over (partition by rover_name order by sol), 2) as length_m,
        cast(null as timestamp_ntz) as started_at,
        cast(null as timestamp_ntz) as ended_at,
        false as is_doubtful,
        'traverse' as evidence,
        3 as precedence
    from {{ ref('ref_traverse_places') }}

),

-- Where each sol's pictures end, and where those of the sol before them did.
sol_ends as (

    select
        rover_name,
        sol,
        min(site * 10000 + drive) as first_place,
        max(site * 10000 + drive) as last_place
    from {{ ref('photo_frames') }}
    where site is not null and drive is not null
    group by rover_name, sol

),

successions as (

    select
        sol_ends.*,
        lag(sol) over (partition by rover_name order by sol) as former_sol,
        lag(last_place) over (partition by rover_name order by sol) as former_place,
        max(last_place) over (
            partition by rover_name order by sol rows between unbounded preceding and 1 preceding
        ) as furthest_place
    from sol_ends

),

-- A new site is declared where the rover stands, so the first place of the next site is the last one of this. A counter that is
-- lower than one before it is a late or misnamed picture, no drive.
counters as (

    select
        rover_name,
        sol,
        sol as place_in_source,
        floor(coalesce(iff(first_place < last_place, first_place, null), former_place) / 10000)::integer as from_site,
        mod(coalesce(iff(first_place < last_place, first_place, null), former_place), 10000)::integer as from_drive,
        floor(last_place / 10000)::integer as to_site,
        mod(last_place, 10000)::integer as to_drive,
        cast(null as double) as length_m,
        cast(null as timestamp_ntz) as started_at,
        cast(null as timestamp_ntz) as ended_at,
        -- Seen from one sol to the next only: the rover may have moved on a sol between them.
        first_place = last_place and sol - former_sol > 1 as is_doubtful,
        'counters' as evidence,
        4 as precedence
    from successions
    where
        former_place is not null
        and last_place > furthest_place
        and not (last_place = (floor(furthest_place / 10000) + 1) * 10000)

),

told as (

    select * from traverse_layer
    union all
    select * from waypoints where coalesce(length_m, 1) > 0
    union all
    select * from mission_traverse where coalesce(length_m, 0) > 0
    union all
    select * from counters

),

-- Evidence speaks for the sols up to its last drive; weaker evidence only for those after it. So a drive that one source files under
-- the next sol is not counted twice.
frontiers as (

    select rover_name, precedence, max(sol) as last_sol
    from told
    group by rover_name, precedence

),

best as (

    select told.*
    from told
    left join (
        select weaker.rover_name, weaker.precedence, max(stronger.last_sol) as last_sol
        from frontiers as weaker
        inner join frontiers as stronger
            on weaker.rover_name = stronger.rover_name and weaker.precedence > stronger.precedence
        group by weaker.rover_name, weaker.precedence
    ) as spoken
        on told.rover_name = spoken.rover_name and told.precedence = spoken.precedence
    where spoken.last_sol is null or told.sol > spoken.last_sol

),

numbered as (

    select
        best.*,
        row_number() over (partition by rover_name order by sol, place_in_source) as number,
        row_number() over (partition by rover_name, sol order by place_in_source) as number_in_sol
    from best

)

select
    numbered.rover_name || '-' || numbered.sol::varchar || '-' || numbered.number_in_sol::varchar as drive_key,
    rovers.rover_id,
    numbered.rover_name,
    numbered.sol::integer as sol,
    numbered.number::integer as drive_number,
    numbered.from_site,
    numbered.from_drive,
    numbered.to_site,
    numbered.to_drive,
    numbered.rover_name || '-' || numbered.from_site::varchar || '-' || numbered.from_drive::varchar as from_place_key,
    numbered.rover_name || '-' || numbered.to_site::varchar || '-' || numbered.to_drive::varchar as to_place_key,
    numbered.length_m::double as length_m,
    numbered.started_at::timestamp_ntz as started_at,
    numbered.ended_at::timestamp_ntz as ended_at,
    coalesce(numbered.is_doubtful, false) as is_doubtful,
    numbered.evidence <> 'counters' as is_measured,
    numbered.evidence::varchar as evidence
from numbered
inner join {{ ref('ref_rovers') }} as rovers on numbered.rover_name = rovers.rover_name
