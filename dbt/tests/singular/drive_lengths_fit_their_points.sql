-- A drive's length is the great-circle length of its points on a sphere of 3,396,190 m, to 0.1 % and the rounding to a
-- centimetre. NASA's layers may change their way of measuring, so this only warns.

{{ config(severity='warn') }}

with

steps as (

    select
        drive_key,
        part_number,
        latitude,
        longitude,
        lag(latitude) over (partition by drive_key, part_number order by point_number) as former_latitude,
        lag(longitude) over (partition by drive_key, part_number order by point_number) as former_longitude
    from {{ ref('dim_coordinates') }}

),

measured as (

    select
        drive_key,
        sum({{ mars_distance_m('former_latitude', 'former_longitude', 'latitude', 'longitude') }}) as length_m
    from steps
    where former_latitude is not null
    group by drive_key

)

select drives.drive_key, drives.length_m, measured.length_m as measured_m
from {{ ref('fact_path') }} as drives
inner join measured on drives.drive_key = measured.drive_key
where drives.rover_name = 'Perseverance' and abs(measured.length_m - drives.length_m) > 0.001 * drives.length_m + 0.02
