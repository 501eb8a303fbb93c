{#-
    One row per photo of the bronze objects, as served. `objects`: a query of the object keys to read; none reads all.

    A macro and not only a view, because a filter on top of FLATTEN may be applied after every object was taken apart:
    here it stands below, so that a run reads the objects it needs and no others.
    What is not of its kind becomes null: one bad photo must not stop all others.
-#}
{% macro photos_of(objects=none) %}
select
    responses.object_key::varchar as object_key,
    responses.source::varchar as source,
    responses.rover_name::varchar as rover_name,
    {{ whole_number("photo.value:id") }} as photo_id,
    {{ whole_number("photo.value:sol") }} as sol,
    try_to_date(photo.value:earth_date::varchar) as earth_date,
    {{ whole_number("photo.value:camera:id") }} as served_camera_id,
    photo.value:camera:name::varchar as camera_name,
    photo.value:camera:full_name::varchar as camera_full_name,
    photo.value:img_src::varchar as img_src,
    photo.index::integer as photo_index,
    responses.ingestion_date::timestamp_ntz as ingested_at
from
    (
        select object_key, source, rover_name, ingestion_date, photos
        from {{ source('bronze', 'raw_photo_response') }}
        {%- if objects is not none %}
        where object_key in ({{ objects }})
        {%- endif %}
    ) as responses,
    lateral flatten(input => responses.photos) as photo
{% endmacro %}
