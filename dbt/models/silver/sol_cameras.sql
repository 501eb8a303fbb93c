-- depends_on: {{ ref('source_sol_cameras') }}
-- depends_on: {{ ref('sol_outcomes') }}
-- depends_on: {{ ref('photo_sightings') }}

{{
    config(
        materialized='incremental',
        incremental_strategy='merge_or_delete',
        unique_key=['rover_name', 'sol', 'camera_name'],
        meta={'support_column': 'photos'},
        on_schema_change='fail',
        cluster_by=['rover_name', 'sol'],
        tags=['loop'],
        post_hook=[
            "delete from {{ ref('photo_sightings') }} where is_withdrawn",
            "delete from {{ ref('sol_outcomes') }} where status = 'withdrawn'",
            "update {{ ref('sol_outcomes') }} set is_pending = false where is_pending",
        ],
    )
}}

-- The last model that reads pending outcomes and withdrawn sightings: its post-hooks close them.

with

{% if is_incremental() %}

touched as (

    select distinct source, rover_name, sol from {{ ref('sol_outcomes') }} where is_pending

),

images as (

    select distinct sightings.image_id
    from {{ ref('photo_sightings') }} as sightings
    inner join touched
        on
            sightings.source = touched.source
            and sightings.rover_name = touched.rover_name
            and sightings.sol = touched.sol

),

-- Where a picture of a touched sol is now, and where it was: it may have moved.
affected as (

    select sightings.rover_name, sightings.sol
    from {{ ref('photo_sightings') }} as sightings
    inner join images on sightings.image_id = images.image_id
    union
    select rover_name, sol from touched

),

{% endif %}

counted as (

    select
        photo.rover_name,
        photo.sol,
        photo.camera_name,
        max(photo.camera_key)::varchar as camera_key,
        count_if(photo.is_listed)::integer as photos,
        count_if(not photo.is_listed)::integer as unlisted_photos,
        count_if(photo.is_listed and photo.is_thumbnail)::integer as thumbnails,
        min(iff(photo.is_listed, photo.utc, null))::timestamp_ntz as first_taken_at,
        max(iff(photo.is_listed, photo.utc, null))::timestamp_ntz as last_taken_at
    from {{ ref('fact_photos') }} as photo
    {%- if is_incremental() %}
    inner join affected on photo.rover_name = affected.rover_name and photo.sol = affected.sol
    {%- endif %}
    group by photo.rover_name, photo.sol, photo.camera_name

)

select * from counted

{% if is_incremental() %}

union all

select
    former.rover_name,
    former.sol,
    former.camera_name,
    former.camera_key,
    cast(null as integer) as photos,
    former.unlisted_photos,
    former.thumbnails,
    former.first_taken_at,
    former.last_taken_at
from {{ this }} as former
inner join affected on former.rover_name = affected.rover_name and former.sol = affected.sol
left join counted
    on
        former.rover_name = counted.rover_name
        and former.sol = counted.sol
        and former.camera_name = counted.camera_name
where counted.sol is null

{% endif %}
