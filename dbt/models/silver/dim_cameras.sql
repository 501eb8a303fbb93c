-- The documented cameras, and those seen in manifests or photos. A camera's key depends on its rover and name alone.

with

documented as (

    select rover_name, camera_name, nasa_camera_id, camera_full_name, camera_category from {{ ref('ref_cameras') }}

),

promised as (

    select distinct
        manifest_sols.rover_name,
        name.value::varchar as camera_name
    from {{ ref('stg_nasa__manifest_sols') }} as manifest_sols,
        lateral flatten(input => split(manifest_sols.camera_names, ',')) as name
    where name.value::varchar <> ''

),

photographed as (

    select distinct rover_name, camera_name from {{ ref('sol_cameras') }}

),

shown as (

    select distinct rover_name, camera_name from {{ ref('source_sol_cameras') }}

),

seen as (

    select rover_name, camera_name from promised
    union
    select rover_name, camera_name from shown

),

every as (

    select rover_name, camera_name from documented
    union
    select rover_name, camera_name from seen

)

select
    {{ camera_key('every.rover_name', 'every.camera_name', 'documented.nasa_camera_id') }} as camera_key,
    rovers.rover_id,
    every.rover_name,
    every.camera_name,
    documented.nasa_camera_id,
    coalesce(documented.camera_full_name, every.camera_name) as camera_full_name,
    coalesce(documented.camera_category, 'other') as camera_category,
    documented.camera_name is not null as is_documented,
    photographed.camera_name is not null as has_photos
from every
inner join {{ ref('ref_rovers') }} as rovers on every.rover_name = rovers.rover_name
left join documented on every.rover_name = documented.rover_name and every.camera_name = documented.camera_name
left join photographed on every.rover_name = photographed.rover_name and every.camera_name = photographed.camera_name
