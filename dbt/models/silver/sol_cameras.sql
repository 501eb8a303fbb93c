{{
    config(
        materialized='incremental',
        incremental_strategy='merge_or_delete',
        unique_key=['source', 'rover_name', 'sol', 'camera_name'],
        meta={'support_column': 'photos'},
        on_schema_change='fail',
        cluster_by=['rover_name', 'sol'],
        tags=['loop'],
        post_hook=[
            "delete from {{ ref('sol_outcomes') }} where status = 'withdrawn'",
            "update {{ ref('sol_outcomes') }} set is_pending = false where is_pending",
        ],
    )
}}

-- The last model that reads pending outcomes: its post-hooks close them.

with

{% if is_incremental() %}

touched as (

    select distinct source, rover_name, sol from {{ ref('sol_outcomes') }} where is_pending

),

photos as (

    select photo.*
    from {{ ref('fact_photos') }} as photo
    inner join touched
        on photo.source = touched.source and photo.rover_name = touched.rover_name and photo.sol = touched.sol

),

{% else %}

photos as (

    select * from {{ ref('fact_photos') }}

),

{% endif %}

counted as (

    select
        source,
        rover_name,
        sol,
        camera_name,
        max(camera_key)::varchar as camera_key,
        count_if(is_listed)::integer as photos,
        count_if(not is_listed)::integer as unlisted_photos,
        count_if(is_listed and is_thumbnail)::integer as thumbnails,
        min(iff(is_listed, utc, null))::timestamp_ntz as first_taken_at,
        max(iff(is_listed, utc, null))::timestamp_ntz as last_taken_at
    from photos
    group by source, rover_name, sol, camera_name

)

select * from counted

{% if is_incremental() %}

union all

select
    former.source,
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
inner join touched
    on former.source = touched.source and former.rover_name = touched.rover_name and former.sol = touched.sol
left join counted
    on
        former.source = counted.source
        and former.rover_name = counted.rover_name
        and former.sol = counted.sol
        and former.camera_name = counted.camera_name
where counted.sol is null

{% endif %}
