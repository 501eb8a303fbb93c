{{ config(materialized='table', cluster_by=['rover_name', 'sol']) }}

-- Which drives a sol has, and which are the nearest on other sols.

with

pictured as (

    select rover_name, sol, count_if(site is not null and drive is not null) > 0 as has_counters
    from {{ ref('photo_frames') }}
    group by rover_name, sol

),

driven as (

    select
        rover_name,
        sol,
        count(*) as drives,
        sum(length_m) as length_m,
        count_if(length_m is null) as unknown_lengths,
        min(started_at) as started_at,
        max(ended_at) as ended_at,
        count_if(started_at is not null) as windows,
        count_if(is_doubtful) > 0 as is_doubtful,
        count_if(is_measured) > 0 as is_measured,
        min(from_site * 10000 + from_drive) as from_place,
        max(to_site * 10000 + to_drive) as to_place,
        min_by(drive_key, drive_number) as first_drive_key,
        max_by(drive_key, drive_number) as last_drive_key
    from {{ ref('fact_drives') }}
    group by rover_name, sol

),

told as (

    select rover_name, max(iff(is_measured, sol, null)) as last_measured_sol from driven group by rover_name

),

sols as (

    select rover_name, sol from pictured
    union
    select rover_name, sol from driven

),

placed as (

    select
        sols.rover_name,
        sols.sol,
        driven.drives,
        driven.length_m,
        driven.unknown_lengths,
        driven.started_at,
        driven.ended_at,
        driven.windows,
        driven.is_doubtful,
        driven.is_measured,
        driven.from_place,
        driven.to_place,
        driven.first_drive_key,
        driven.last_drive_key,
        coalesce(sols.sol <= told.last_measured_sol, false) or coalesce(pictured.has_counters, false) as is_known,
        max(iff(driven.sol is null, null, sols.sol)) over (
            partition by sols.rover_name order by sols.sol rows between unbounded preceding and 1 preceding
        ) as former_sol,
        min(iff(driven.sol is null, null, sols.sol)) over (
            partition by sols.rover_name order by sols.sol rows between 1 following and unbounded following
        ) as next_sol
    from sols
    left join driven on sols.rover_name = driven.rover_name and sols.sol = driven.sol
    left join pictured on sols.rover_name = pictured.rover_name and sols.sol = pictured.sol
    left join told on sols.rover_name = told.rover_name

)

select
    placed.rover_name,
    placed.sol,
    iff(placed.drives is null and not placed.is_known, null, coalesce(placed.drives, 0))::integer as drives,
    case
        when placed.drives is null and placed.is_known then 0
        when placed.unknown_lengths = 0 then placed.length_m
    end::double as length_m,
    placed.started_at::timestamp_ntz as started_at,
    placed.ended_at::timestamp_ntz as ended_at,
    -- Of two drives the time between them is in the window of both together.
    coalesce(placed.is_doubtful or placed.windows > 1, false) as is_doubtful,
    placed.is_measured,
    placed.from_place::integer as from_place,
    placed.to_place::integer as to_place,
    placed.first_drive_key,
    placed.last_drive_key,
    placed.former_sol::integer as former_drive_sol,
    former.last_drive_key as former_drive_key,
    former.ended_at::timestamp_ntz as former_drive_ended_at,
    placed.next_sol::integer as next_drive_sol,
    next.first_drive_key as next_drive_key,
    next.started_at::timestamp_ntz as next_drive_started_at
from placed
left join driven as former on placed.rover_name = former.rover_name and placed.former_sol = former.sol
left join driven as next on placed.rover_name = next.rover_name and placed.next_sol = next.sol
