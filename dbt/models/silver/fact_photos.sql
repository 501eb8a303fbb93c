-- depends_on: {{ ref('sol_outcomes') }}

{{
    config(
        materialized='incremental',
        incremental_strategy='merge_or_delete',
        unique_key=['source', 'photo_id'],
        meta={'support_column': 'object_key'},
        on_schema_change='fail',
        cluster_by=['rover_name', 'sol'],
        tags=['loop'],
    )
}}

{#- A full refresh reads all objects, a run of the loop those that speak of a touched sol. -#}
{%- set sols = 'touched_sols' if is_incremental() else 'whole_sols' -%}
{%- set so_far = 'touched_photos_so_far' if is_incremental() else 'photos_so_far' -%}
{%- set scope = 'is_touched' if is_incremental() else 'true' -%}
{%- set step = var('photos_per_step') -%}
{%- set steps = step_count(ref('photo_objects'), so_far) %}

-- A sol that any pending outcome speaks of is worked out anew from all answers that bronze holds for it, so the order in
-- which objects came does not matter. A photo that a later whole answer no longer lists is kept, with is_listed = false.

with

-- In steps, because FLATTEN may hold all documents of a step in memory at once.
photos as (
    {% for number in range(steps) %}
    {%- set objects %}(
            select object_key, loaded_at, {{ sols }} as sols, latest_sols
            from {{ ref('photo_objects') }}
            where {{ scope }} and floor({{ so_far }} / {{ step }}) = {{ number }}
        ){% endset %}
    {{- photos_of(objects, ['sols', 'latest_sols']) | indent(4) }}
    {{- "union all" if not loop.last }}
    {%- endfor %}
),

rovers as (

    select * from {{ ref('ref_rovers') }}

),

cameras as (

    select * from {{ ref('ref_cameras') }}

),

-- A photo without a camera's name gets one that says so: the name is part of keys, and a null in a key never matches itself.
-- An answer may hold photos of sols that were not asked for; only those of the sol in question count. The condition stands in
-- QUALIFY: in WHERE it would be taken below FLATTEN, and the documents be joined back to their photos by value.
observed as (

    select
        source,
        rover_name,
        photo_id,
        sol,
        earth_date,
        served_camera_id,
        coalesce(camera_name, 'UNKNOWN') as camera_name,
        camera_full_name,
        img_src,
        split_part(img_src, '/', -1) as file_name,
        contains(latest_sols, ',' || sol::varchar || ',') as is_listed,
        photo_id is not null and contains(sols, ',' || sol::varchar || ',') as is_asked,
        object_key,
        ingested_at
    from photos
    qualify
        row_number() over (
            partition by source, photo_id
            order by is_asked desc, ingested_at desc, object_key desc, photo_index desc
        ) = 1
        and is_asked

),

-- What a file name tells: see the macros of photo_names.sql.
read as (

    select observed.*, {{ name_grammar('rover_name', 'file_name') }} as grammar
    from observed

),

named as (

    select
        read.*,
        {{ name_sclk('grammar', 'file_name') }} as sclk,
        {{ name_sclk_ms('grammar', 'file_name') }} as sclk_ms,
        {{ name_eye('grammar', 'file_name') }} as eye,
        {{ name_filter('grammar', 'file_name') }} as filter,
        {{ name_version('grammar', 'file_name') }} as product_version,
        {{ name_tile('grammar', 'file_name') }} as tile,
        {{ name_site('grammar', 'file_name') }} as site,
        {{ name_drive('grammar', 'file_name') }} as drive,
        {{ name_is_thumbnail('grammar', 'file_name') }} as is_thumbnail
    from read

),

timed as (

    select
        named.*,
        rovers.rover_id,
        {{ clock_to_unix('(named.sclk + coalesce(named.sclk_ms, 0) / 1000.0)', 'rovers') }} as taken_unix,
        rovers.meridian_longitude
    from named
    inner join rovers on named.rover_name = rovers.rover_name

),

final as (

    select
        timed.source,
        timed.photo_id,
        timed.rover_id,
        timed.rover_name,
        timed.sol,
        timed.earth_date,
        {{ camera_key('timed.rover_name', 'timed.camera_name', 'cameras.nasa_camera_id') }} as camera_key,
        timed.camera_name,
        timed.camera_full_name,
        timed.served_camera_id,
        timed.img_src,
        timed.file_name,
        timed.is_listed,
        timed.is_thumbnail,
        timed.sclk,
        timed.sclk_ms,
        {{ unix_to_timestamp('timed.taken_unix') }} as utc,
        {{ local_mean_solar_time(mars_sol_date(days_since_j2000('timed.taken_unix')), 'timed.meridian_longitude') }} as lmst,
        timed.eye,
        timed.filter,
        timed.product_version,
        timed.tile,
        timed.site,
        timed.drive,
        timed.object_key,
        timed.ingested_at
    from timed
    left join cameras on timed.rover_name = cameras.rover_name and timed.camera_name = cameras.camera_name

)

select * from final

{% if is_incremental() %}

union all

-- Photos that no answer in bronze supports any more: without an object they leave the table.
select
    former.source,
    former.photo_id,
    former.rover_id,
    former.rover_name,
    former.sol,
    former.earth_date,
    former.camera_key,
    former.camera_name,
    former.camera_full_name,
    former.served_camera_id,
    former.img_src,
    former.file_name,
    former.is_listed,
    former.is_thumbnail,
    former.sclk,
    former.sclk_ms,
    former.utc,
    former.lmst,
    former.eye,
    former.filter,
    former.product_version,
    former.tile,
    former.site,
    former.drive,
    cast(null as varchar) as object_key,
    former.ingested_at
from {{ this }} as former
left join final on former.source = final.source and former.photo_id = final.photo_id
where
    final.photo_id is null
    and (former.source, former.rover_name, former.sol) in (
        select source, rover_name, sol from {{ ref('sol_outcomes') }} where is_pending
    )

{% endif %}
