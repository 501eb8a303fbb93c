{{
    config(
        materialized='incremental',
        incremental_strategy='merge_or_delete',
        unique_key=['image_id'],
        meta={'support_column': 'object_key'},
        on_schema_change='fail',
        cluster_by=['rover_name', 'sol'],
    )
}}

-- A sol is worked out anew where its photos are not those that it was made from: told by counts and times of their objects, so that
-- no run of the loop has to be asked. What a picture is to others (a newer version, a twin) is told within its sol.

with

rovers as (

    select * from {{ ref('ref_rovers') }}

),

photos as (

    select * from {{ ref('fact_photos') }}

),

{% if is_incremental() %}

present as (

    select
        rover_name,
        sol,
        count(*) as photos,
        count_if(is_listed) as listed,
        sum(date_part('epoch_second', ingested_at)) as ingested,
        min(source || object_key) as first_object,
        max(source || object_key) as last_object
    from photos
    group by rover_name, sol

),

former as (

    select
        rover_name,
        sol,
        count(*) as photos,
        count_if(is_listed) as listed,
        sum(date_part('epoch_second', ingested_at)) as ingested,
        min(source || object_key) as first_object,
        max(source || object_key) as last_object
    from {{ this }}
    group by rover_name, sol

),

touched as (

    select
        coalesce(present.rover_name, former.rover_name) as rover_name,
        coalesce(present.sol, former.sol) as sol
    from present
    full outer join former on present.rover_name = former.rover_name and present.sol = former.sol
    where
        present.sol is null
        or former.sol is null
        or present.photos <> former.photos
        or present.listed <> former.listed
        or present.ingested <> former.ingested
        or present.first_object <> former.first_object
        or present.last_object <> former.last_object

),

chosen as (

    select photos.*
    from photos
    inner join touched on photos.rover_name = touched.rover_name and photos.sol = touched.sol

),

{% else %}

chosen as (

    select * from photos

),

{% endif %}

graded as (

    select chosen.*, {{ name_grammar('rover_name', 'file_name') }} as grammar
    from chosen

),

named as (

    select
        graded.*,
        {{ name_frame('grammar', 'file_name') }} as frame_key,
        {{ name_pair('grammar', 'file_name', 'eye') }} as pair_key,
        {{ name_sequence('grammar', 'file_name') }} as sequence_id,
        {{ name_product('grammar', 'file_name') }} as product_type,
        {{ name_downsampling('grammar', 'file_name') }} as downsampling,
        {{ name_picture_number('grammar', 'file_name') }} as picture_number,
        {{ name_is_range_map('grammar', 'file_name') }} as is_range_map,
        {{ name_kind('grammar', 'file_name') }} as product_kind
    from graded

),

compared as (

    select
        named.*,
        frame_key is null or row_number() over (
            partition by rover_name, sol, coalesce(frame_key, image_id), filter, product_kind, tile, downsampling, is_thumbnail
            order by is_listed desc, {{ version_rank('grammar', 'product_version') }} desc, image_id desc
        ) = 1 as is_latest_version,
        count(*) over (
            partition by rover_name, sol, coalesce(frame_key, image_id), filter, product_kind, tile, downsampling, is_thumbnail
        )::integer as versions,
        nullif(
            listagg(distinct product_version, ', ') within group (order by product_version) over (
                partition by
                    rover_name, sol, coalesce(frame_key, image_id), filter, product_kind, tile, downsampling, is_thumbnail
            ),
            ''
        ) as version_list,
        coalesce(
            downsampling > min(iff(is_listed and not is_thumbnail, downsampling, null)) over (
                partition by rover_name, sol, coalesce(frame_key, image_id), product_kind
            ),
            false
        ) as is_downsampled_twin
    from named

),

-- Where the name has no clock, the picture was taken at some time of its sol.
timed as (

    select
        compared.*,
        rovers.midnight0_unix,
        rovers.meridian_longitude,
        date_part('epoch_millisecond', compared.utc) / 1000::double as taken_unix,
        {{ sol_midnight('compared.sol', 'rovers') }} as from_unix,
        {{ sol_midnight('(compared.sol + 1)', 'rovers') }} as to_unix,
        rovers.clock_error_seconds
    from compared
    inner join rovers on compared.rover_name = rovers.rover_name

),

dated as (

    select
        timed.*,
        {{ days_since_j2000('coalesce(taken_unix, (from_unix + to_unix) / 2)') }} as j2000
    from timed

),

centred as (

    select
        dated.*,
        {{ equation_of_centre('j2000') }} as centre,
        iff(taken_unix is null, null, {{ mars_sol_date('j2000') }}) as sol_date
    from dated

),

sunned as (

    select centred.*, {{ solar_longitude_counted('j2000', 'centre') }} as ls_counted
    from centred

),

final as (

    select
        rover_name,
        image_id,
        rover_id,
        source,
        photo_id,
        sol,
        earth_date,
        camera_key,
        camera_name,
        camera_full_name,
        img_src,
        file_name,
        is_listed,
        is_thumbnail,
        is_range_map,
        is_latest_version,
        is_downsampled_twin,
        is_listed and not is_thumbnail and not is_range_map and is_latest_version and not is_downsampled_twin as is_counted,
        frame_key,
        pair_key,
        sequence_id,
        product_type,
        product_version,
        versions,
        version_list,
        downsampling,
        tile,
        eye,
        filter,
        sclk,
        sclk_ms,
        site,
        drive,
        utc,
        utc::date as utc_date,
        {{ unix_to_timestamp('coalesce(taken_unix - clock_error_seconds, from_unix)') }} as taken_from,
        {{ unix_to_timestamp('coalesce(taken_unix + clock_error_seconds, to_unix)') }} as taken_to,
        lpad(sol::varchar, 5, '0') || '-'
            || lpad(coalesce(sclk * 1000 + coalesce(sclk_ms, 0), picture_number, photo_id, 0)::varchar, 13, '0')
            || '-' || image_id as sort_key,
        {{ local_mean_solar_time('sol_date', 'meridian_longitude') }} as lmst,
        {{ local_true_solar_time('sol_date', 'meridian_longitude', equation_of_time('ls_counted', 'centre')) }} as ltst,
        {{ mission_hours('taken_unix', 'midnight0_unix') }} as mission_time,
        {{ solar_longitude('ls_counted') }} as solar_longitude,
        {{ mars_year('ls_counted') }} as mars_year,
        {{ season(solar_longitude('ls_counted')) }} as season,
        object_key,
        ingested_at
    from sunned

)

select * from final

{% if is_incremental() %}

union all

select
    former.rover_name,
    former.image_id,
    {%- for column in [
        'rover_id', 'source', 'photo_id', 'sol', 'earth_date', 'camera_key', 'camera_name', 'camera_full_name', 'img_src', 'file_name',
        'is_listed', 'is_thumbnail', 'is_range_map', 'is_latest_version', 'is_downsampled_twin', 'is_counted', 'frame_key', 'pair_key',
        'sequence_id', 'product_type', 'product_version', 'versions', 'version_list', 'downsampling', 'tile', 'eye', 'filter', 'sclk',
        'sclk_ms', 'site', 'drive', 'utc', 'utc_date', 'taken_from', 'taken_to', 'sort_key', 'lmst', 'ltst', 'mission_time', 'solar_longitude',
        'mars_year', 'season',
    ] %}
    former.{{ column }},
    {%- endfor %}
    cast(null as varchar) as object_key,
    former.ingested_at
from {{ this }} as former
inner join touched on former.rover_name = touched.rover_name and former.sol = touched.sol
left join final on former.image_id = final.image_id
where final.image_id is null

{% endif %}
