-- depends_on: {{ ref('sol_outcomes') }}

{{
    config(
        materialized='incremental',
        incremental_strategy='merge_or_delete',
        unique_key=['source', 'rover_name', 'sol', 'camera_name'],
        meta={'support_column': 'photos'},
        on_schema_change='fail',
        cluster_by=['rover_name', 'sol'],
        tags=['loop'],
    )
}}

-- Each source's own count of a sol, by which it keeps its promise: a picture that it has shown in two sols counts in both.

with

{% if is_incremental() %}

touched as (

    select distinct source, rover_name, sol from {{ ref('sol_outcomes') }} where is_pending

),

{% endif %}

photos as (

    select photo.*
    from {{ ref('photo_sightings') }} as photo
    {%- if is_incremental() %}
    inner join touched
        on photo.source = touched.source and photo.rover_name = touched.rover_name and photo.sol = touched.sol
    {%- endif %}
    where not photo.is_withdrawn

),

counted as (

    select
        source,
        rover_name,
        sol,
        camera_name,
        count_if(is_listed)::integer as photos,
        count_if(not is_listed)::integer as unlisted_photos
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
    cast(null as integer) as photos,
    former.unlisted_photos
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
