{{ config(cluster_by=['rover_name', 'drive_number']) }}

-- A drive in one line is a drive of one part. FLATTEN stands over a view, never over a CTE (see stg_nasa__manifests).

with

points as (

    select
        drives.rover_name,
        drives.drive_number,
        drives.sol,
        0 as part_number,
        point.index as place,
        {{ finite_number("point.value[0]") }} as longitude,
        {{ finite_number("point.value[1]") }} as latitude,
        {{ finite_number("point.value[2]") }} as elevation_m
    from {{ ref('stg_mmgis__drives') }} as drives,
        lateral flatten(input => drives.coordinates) as point
    where drives.geometry_type = 'LineString'

    union all

    select
        drives.rover_name,
        drives.drive_number,
        drives.sol,
        part.index as part_number,
        point.index as place,
        {{ finite_number("point.value[0]") }} as longitude,
        {{ finite_number("point.value[1]") }} as latitude,
        {{ finite_number("point.value[2]") }} as elevation_m
    from {{ ref('stg_mmgis__drives') }} as drives,
        lateral flatten(input => drives.coordinates) as part,
        lateral flatten(input => part.value) as point
    where drives.geometry_type = 'MultiLineString'

),

numbered as (

    select
        points.*,
        row_number() over (partition by rover_name, drive_number order by part_number, place) as point_number
    from points

)

select
    numbered.rover_name || '-' || numbered.drive_number::varchar || '-' || numbered.point_number::varchar as coordinate_key,
    numbered.rover_name || '-' || numbered.drive_number::varchar as drive_key,
    rovers.rover_id,
    numbered.rover_name,
    numbered.drive_number,
    numbered.sol,
    numbered.point_number::integer as point_number,
    numbered.part_number::integer as part_number,
    numbered.longitude,
    numbered.latitude,
    numbered.elevation_m
from numbered
inner join {{ ref('ref_rovers') }} as rovers on numbered.rover_name = rovers.rover_name
