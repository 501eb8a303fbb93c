
with

drives as (

    select rover_name, drive_number, sol, geometry_type, coordinates from {{ ref('stg_mmgis__drives') }}

),

-- A drive in one line is taken as a drive of one part.
parts as (

    select rover_name, drive_number, sol, 0 as part_number, coordinates
    from drives
    where geometry_type = 'LineString'

    union all

    select drives.rover_name, drives.drive_number, drives.sol, part.index as part_number, part.value as coordinates
    from drives,
        lateral flatten(input => drives.coordinates) as part
    where drives.geometry_type = 'MultiLineString'

),

points as (

    select
        parts.rover_name,
        parts.drive_number,
        parts.sol,
        row_number() over (
            partition by parts.rover_name, parts.drive_number order by parts.part_number, point.index
        )::integer as point_number,
        parts.part_number::integer as part_number,
        point.value[0]::double as longitude,
        point.value[1]::double as latitude,
        point.value[2]::double as elevation_m
    from parts,
        lateral flatten(input => parts.coordinates) as point

)

select
    points.rover_name || '-' || points.drive_number::varchar || '-' || points.point_number::varchar as coordinate_key,
    points.rover_name || '-' || points.drive_number::varchar as drive_key,
    rovers.rover_id,
    points.rover_name,
    points.drive_number,
    points.sol,
    points.point_number,
    points.part_number,
    points.longitude,
    points.latitude,
    points.elevation_m
from points
inner join {{ ref('ref_rovers') }} as rovers on points.rover_name = rovers.rover_name
