{{ config(tags=['loop'], cluster_by=['rover_name', 'sol']) }}

with

drives as (

    select * from {{ ref('stg_mmgis__drives') }}

),

rovers as (

    select * from {{ ref('ref_rovers') }}

),

placed as (

    select
        drives.*,
        rovers.rover_id,
        {{ clock_to_unix('drives.sclk_start', 'rovers') }} as start_unix,
        {{ clock_to_unix('drives.sclk_end', 'rovers') }} as end_unix,
        {{ sol_midnight('drives.sol', 'rovers') }} as midnight_unix,
        lag(drives.to_rmc) over (partition by drives.rover_name order by drives.drive_number) as previous_to_rmc,
        lag(drives.sclk_start) over (partition by drives.rover_name order by drives.drive_number) as previous_sclk_start
    from drives
    inner join rovers on drives.rover_name = rovers.rover_name

),

flagged as (

    select
        placed.*,
        coalesce(length_m, 0) = 0 as has_zero_length,
        coalesce(sclk_start > sclk_end, false) as has_inverted_clock,
        coalesce(sclk_start < previous_sclk_start, false) as is_out_of_order,
        coalesce(start_unix < midnight_unix, false) as starts_before_sol,
        coalesce(
            least(end_unix, midnight_unix + {{ sol_seconds() }}) - greatest(start_unix, midnight_unix) < 60, false
        ) as barely_touches_sol,
        coalesce(from_rmc <> previous_to_rmc, false) as has_broken_chain
    from placed

)

select
    rover_name || '-' || drive_number::varchar as drive_key,
    rover_id,
    rover_name,
    drive_number,
    sol,
    from_rmc,
    to_rmc,
    {{ whole_number("split_part(to_rmc, '_', 1)") }} as to_site,
    {{ whole_number("split_part(to_rmc, '_', 2)") }} as to_drive,
    length_m,
    sclk_start,
    sclk_end,
    (sclk_end - sclk_start)::integer as duration_seconds,
    {{ unix_to_timestamp('start_unix') }} as started_at,
    {{ unix_to_timestamp('end_unix') }} as ended_at,
    sol is not null and sclk_start is not null and sclk_end is not null as has_window,
    has_zero_length,
    has_inverted_clock,
    is_out_of_order,
    starts_before_sol,
    barely_touches_sol,
    has_broken_chain,
    has_inverted_clock or is_out_of_order or starts_before_sol or barely_touches_sol as has_odd_window,
    object_key,
    ingested_at
from flagged
