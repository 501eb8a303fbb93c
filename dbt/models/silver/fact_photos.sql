-- depends_on: {{ ref('sol_outcomes') }}

{{
    config(
        materialized='incremental',
        incremental_strategy='merge_or_delete',
        unique_key=['image_id'],
        meta={'support_column': 'object_key'},
        on_schema_change='fail',
        cluster_by=['rover_name', 'sol'],
        tags=['loop'],
    )
}}

{#- Columns in the order of the table. Those in `filled` are taken from the first source of the rover's list that has a value. -#}
{%- set fixed = ['image_id', 'source', 'photo_id', 'rover_id', 'rover_name', 'sol', 'camera_key', 'camera_name', 'img_src', 'file_name',
    'is_listed', 'sclk', 'sclk_ms', 'utc', 'lmst', 'object_key', 'ingested_at'] %}
{%- set filled = ['earth_date', 'camera_full_name', 'served_camera_id', 'is_thumbnail', 'eye', 'filter', 'product_version', 'tile', 'site',
    'drive', 'nasa_id', 'served_sclk', 'taken_at', 'received_at', 'sample_type', 'mast_azimuth', 'mast_elevation', 'width', 'height',
    'title', 'caption', 'credit'] %}
{%- set compared = ['sol', 'earth_date', 'camera_name', 'site', 'drive'] %}

-- Of the sources that show a picture, the first of the rover's list that still lists it gives the row; what it lacks is filled from the
-- others in their order. A source outside of the list comes after it, by name.

with

{%- if is_incremental() %}

touched as (

    select distinct source, rover_name, sol from {{ ref('sol_outcomes') }} where is_pending

),

-- Pictures of the touched sols, also of rows that are withdrawn.
images as (

    select distinct sightings.image_id
    from {{ ref('photo_sightings') }} as sightings
    inner join touched
        on
            sightings.source = touched.source
            and sightings.rover_name = touched.rover_name
            and sightings.sol = touched.sol

),
{%- endif %}

said as (

    select
        sightings.*,
        row_number() over (
            partition by sightings.image_id
            order by sightings.is_listed desc, coalesce(sources.precedence, 1000), sightings.source
        ) as place,
        count(*) over (partition by sightings.image_id) as source_count
    from {{ ref('photo_sightings') }} as sightings
    {%- if is_incremental() %}
    inner join images on sightings.image_id = images.image_id
    {%- endif %}
    left join {{ ref('ref_sources') }} as sources
        on sightings.rover_name = sources.rover_name and sightings.source = sources.source
    where sightings.is_current and not sightings.is_withdrawn

),

-- Only where there are several: most pictures need no comparison.
compared as (

    select
        image_id,
        {%- for column in filled %}
        min_by({{ column }}, iff({{ column }} is null, null, place)) as {{ column }},
        {%- endfor %}
        listagg(source, ',') within group (order by place) as sources,
        listagg(iff(is_listed, source, null), ',') within group (order by place) as listed_by,
        rtrim(
            {%- for column in compared %}
            iff(count(distinct {{ column }}) > 1, '{{ column }},', ''){{ " ||" if not loop.last }}
            {%- endfor %}, ','
        ) as disagreements
    from said
    where source_count > 1
    group by image_id

),

final as (

    select
        {%- for column in fixed %}
        said.{{ column }},
        {%- endfor %}
        {%- for column in filled %}
        coalesce(said.{{ column }}, compared.{{ column }}) as {{ column }},
        {%- endfor %}
        coalesce(compared.sources, said.source) as sources,
        coalesce(compared.listed_by, iff(said.is_listed, said.source, '')) as listed_by,
        said.source_count::integer as source_count,
        nullif(compared.disagreements, '') as disagreements
    from said
    left join compared on said.image_id = compared.image_id
    where said.place = 1

)

select * from final

{% if is_incremental() %}

union all

-- Pictures that no answer in bronze supports any more: without an object they leave the table.
select
    {%- for column in fixed %}
    {{ "cast(null as varchar) as object_key" if column == "object_key" else "former." ~ column }},
    {%- endfor %}
    {%- for column in filled %}
    former.{{ column }},
    {%- endfor %}
    former.sources,
    former.listed_by,
    former.source_count,
    former.disagreements
from {{ this }} as former
inner join images on former.image_id = images.image_id
left join final on former.image_id = final.image_id
where final.image_id is null

{% endif %}
