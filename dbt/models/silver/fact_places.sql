{{ config(materialized='table', cluster_by=['rover_name', 'site', 'drive']) }}

-- A place is where a rover stands between two movements: its site and drive counters. Every picture's name that has the counters
-- tells that there was such a place, and when; layers and traverses tell where it was. What is measured takes precedence over
-- what is less so: waypoints, ends of drives, a mission's traverse.

with

pictures as (

    select
        rover_name,
        site,
        drive,
        count(*)::integer as photos,
        min(sol)::integer as first_photo_sol,
        max(sol)::integer as last_photo_sol,
        min(utc) as first_photo_at,
        max(utc) as last_photo_at
    from {{ ref('photo_frames') }}
    where site is not null and drive is not null
    group by rover_name, site, drive

),

waypoints as (

    select
        rover_name, site, drive, sol, longitude, latitude, elevation_m, odometer_m,
        'waypoint' as evidence,
        1 as precedence
    from {{ ref('stg_mmgis__places') }}
    where site is not null and drive is not null and longitude is not null and latitude is not null
    qualify row_number() over (
        partition by rover_name, site, drive order by is_end_of_drive desc, layer desc, place_index desc
    ) = 1

),

ends as (

    select
        paths.rover_name,
        paths.to_site as site,
        paths.to_drive as drive,
        paths.sol,
        points.longitude,
        points.latitude,
        points.elevation_m,
        cast(null as double) as odometer_m,
        'end of drive' as evidence,
        2 as precedence
    from {{ ref('fact_path') }} as paths
    inner join {{ ref('dim_coordinates') }} as points on paths.drive_key = points.drive_key
    where paths.to_site is not null and paths.to_drive is not null
    qualify
        row_number() over (partition by paths.drive_key order by points.point_number desc) = 1
        and row_number() over (
            partition by paths.rover_name, paths.to_site, paths.to_drive order by paths.drive_number desc, points.point_number desc
        ) = 1

),

traverses as (

    select
        rover_name, site, drive, sol, longitude, latitude,
        cast(null as double) as elevation_m,
        odometer_m,
        'traverse' as evidence,
        3 as precedence
    from {{ ref('ref_traverse_places') }}
    qualify row_number() over (partition by rover_name, site, drive order by sol) = 1

),

measured as (

    select * from waypoints
    union all
    select * from ends
    union all
    select * from traverses

),

positions as (

    select
        rover_name,
        site,
        drive,
        min(sol)::integer as reached_sol,
        min_by(longitude, precedence) as longitude,
        min_by(latitude, precedence) as latitude,
        min_by(elevation_m, iff(elevation_m is null, null, precedence)) as elevation_m,
        min_by(odometer_m, iff(odometer_m is null, null, precedence)) as odometer_m,
        min_by(evidence, precedence) as evidence
    from measured
    group by rover_name, site, drive

),

every as (

    select rover_name, site, drive from pictures
    union
    select rover_name, site, drive from positions

)

select
    every.rover_name || '-' || every.site::varchar || '-' || every.drive::varchar as place_key,
    rovers.rover_id,
    every.rover_name,
    every.site,
    every.drive,
    row_number() over (partition by every.rover_name order by every.site, every.drive)::integer as place_number,
    coalesce(positions.reached_sol, pictures.first_photo_sol)::integer as first_sol,
    pictures.first_photo_sol,
    pictures.last_photo_sol,
    pictures.first_photo_at::timestamp_ntz as first_photo_at,
    pictures.last_photo_at::timestamp_ntz as last_photo_at,
    coalesce(pictures.photos, 0)::integer as photos,
    positions.longitude::double as longitude,
    positions.latitude::double as latitude,
    positions.elevation_m::double as elevation_m,
    positions.odometer_m::double as odometer_m,
    positions.longitude is not null as is_measured,
    coalesce(positions.evidence, 'photo')::varchar as evidence
from every
inner join {{ ref('ref_rovers') }} as rovers on every.rover_name = rovers.rover_name
left join pictures
    on every.rover_name = pictures.rover_name and every.site = pictures.site and every.drive = pictures.drive
left join positions
    on every.rover_name = positions.rover_name and every.site = positions.site and every.drive = positions.drive
