-- depends_on: {{ ref('sol_outcomes') }}

{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['source', 'image_id', 'sol'],
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

{#- Spirit's and Opportunity's names up to the command sequence, which begins with a letter: P of most cameras, F of the
    descent camera. After it come eye, filter, M and version. -#}
{%- set mer_product = '^[12][FRNPME][0-9]{9}[A-Z]{3}' -%}
{%- set mer_sequence = mer_product ~ '[0-9A-Z]{4}[A-Z][0-9]{4}' %}

{%- set columns = [
    'source', 'source_kind', 'image_id', 'photo_id', 'rover_id', 'rover_name', 'sol', 'earth_date', 'camera_key', 'camera_name',
    'camera_full_name', 'served_camera_id', 'img_src', 'file_name', 'nasa_id', 'is_listed', 'is_thumbnail', 'sclk', 'sclk_ms',
    'served_sclk', 'utc', 'lmst', 'taken_at', 'received_at', 'eye', 'filter', 'product_version', 'tile', 'site', 'drive',
    'sample_type', 'mast_azimuth', 'mast_elevation', 'width', 'height', 'title', 'caption', 'credit', 'object_key', 'ingested_at',
] %}

-- What a source's answers for a sol say of a picture, as a function of that sol's answers alone: a sol that any pending outcome
-- speaks of is worked out anew from all answers that bronze holds for it, so the order in which objects came does not matter. A photo
-- that a later whole answer no longer lists is kept, with is_listed = false. Where a source has moved a picture from one sol to another
-- there are two rows, and is_current tells which one to believe. A row that no answer supports any more stays, withdrawn, until the last
-- model of the loop has taken that in: it tells which pictures to look at.

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

-- A photo of which neither a file nor the source's own number is known cannot be told from others, and is left out.
identified as (

    select
        photos.*,
        coalesce(
            nullif(served_image_id, ''), {{ image_id_of('img_src') }}, source || '#' || photo_id::varchar
        ) as image_id
    from photos

),

-- A photo without a camera's name gets one that says so: the name is part of keys, and a null in a key never matches itself.
-- An answer may hold photos of sols that were not asked for; only those of the sol in question count. The condition stands in
-- QUALIFY: in WHERE it would be taken below FLATTEN, and the documents be joined back to their photos by value.
observed as (

    select
        identified.* exclude (camera_name),
        coalesce(camera_name, 'UNKNOWN') as camera_name,
        split_part(img_src, '/', -1) as file_name,
        contains(latest_sols, ',' || sol::varchar || ',') as is_listed,
        image_id is not null and contains(sols, ',' || sol::varchar || ',') as is_asked
    from identified
    qualify
        row_number() over (
            partition by source, image_id, sol
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
        {{ name_sclk('grammar', 'file_name') }} as named_sclk,
        {{ name_sclk_ms('grammar', 'file_name') }} as named_sclk_ms,
        {{ name_eye('grammar', 'file_name') }} as eye,
        {{ name_filter('grammar', 'file_name') }} as named_filter,
        {{ name_version('grammar', 'file_name') }} as product_version,
        {{ name_tile('grammar', 'file_name') }} as tile,
        {{ name_site('grammar', 'file_name') }} as named_site,
        {{ name_drive('grammar', 'file_name') }} as named_drive,
        {{ name_is_thumbnail('grammar', 'file_name') }} as named_thumbnail
    from read

),

-- What the name does not tell, the source may.
told as (

    select
        named.*,
        coalesce(named_sclk, floor(served_sclk)::integer) as sclk,
        iff(
            named_sclk is null, round((served_sclk - floor(served_sclk)) * 1000)::integer, named_sclk_ms
        ) as sclk_ms,
        coalesce(named_filter, served_filter) as filter,
        coalesce(named_site, served_site) as site,
        coalesce(named_drive, served_drive) as drive,
        named_thumbnail or coalesce(served_is_thumbnail, false) as is_thumbnail
    from named

),

timed as (

    select
        told.*,
        rovers.rover_id,
        coalesce(
            {{ clock_to_unix('(told.sclk + coalesce(told.sclk_ms, 0) / 1000.0)', 'rovers') }},
            datediff('millisecond', '1970-01-01'::timestamp_ntz, told.taken_at) / 1000.0
        ) as taken_unix,
        rovers.meridian_longitude
    from told
    inner join rovers on told.rover_name = rovers.rover_name

),

fresh as (

    select
        timed.source,
        timed.source_kind,
        timed.image_id,
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
        timed.nasa_id,
        timed.is_listed,
        timed.is_thumbnail,
        timed.sclk,
        timed.sclk_ms,
        timed.served_sclk,
        {{ unix_to_timestamp('timed.taken_unix') }} as utc,
        {{ local_mean_solar_time(mars_sol_date(days_since_j2000('timed.taken_unix')), 'timed.meridian_longitude') }} as lmst,
        timed.taken_at,
        timed.received_at,
        timed.eye,
        timed.filter,
        timed.product_version,
        timed.tile,
        timed.site,
        timed.drive,
        timed.sample_type,
        timed.mast_azimuth,
        timed.mast_elevation,
        timed.width,
        timed.height,
        timed.title,
        timed.caption,
        timed.credit,
        timed.object_key,
        timed.ingested_at
    from timed
    left join cameras on timed.rover_name = cameras.rover_name and timed.camera_name = cameras.camera_name

)

{%- if is_incremental() %},

touched as (

    select distinct source, rover_name, sol from {{ ref('sol_outcomes') }} where is_pending

),

former as (

    select former.*
    from {{ this }} as former
    inner join touched
        on former.source = touched.source and former.rover_name = touched.rover_name and former.sol = touched.sol

),

images as (

    select source, image_id from fresh
    union
    select source, image_id from former

),

-- What the source says of the same pictures in other sols: one of these rows may be the current one now, or be it no more.
elsewhere as (

    select other.*
    from {{ this }} as other
    inner join images on other.source = images.source and other.image_id = images.image_id
    left join touched
        on other.source = touched.source and other.rover_name = touched.rover_name and other.sol = touched.sol
    where touched.sol is null and not other.is_withdrawn

)
{%- endif %},

sightings as (

    select {{ columns | join(', ') }} from fresh
    {%- if is_incremental() %}
    union all
    select {{ columns | join(', ') }} from elsewhere
    {%- endif %}

)

select
    {%- for column in columns %}
    {{ column }},
    {%- endfor %}
    row_number() over (
        partition by source, image_id order by is_listed desc, ingested_at desc, object_key desc, sol desc
    ) = 1 as is_current,
    false as is_withdrawn
from sightings

{% if is_incremental() %}

union all

select
    {%- for column in columns %}
    former.{{ column }},
    {%- endfor %}
    false as is_current,
    true as is_withdrawn
from former
left join fresh
    on former.source = fresh.source and former.image_id = fresh.image_id and former.sol = fresh.sol
where fresh.image_id is null

{% endif %}
