{#-
    One row per photo of the bronze objects, as served.

    Without arguments: of all objects. `objects` names a relation with object_key and loaded_at of each object to read; its columns
    in `carried` come along with every photo. loaded_at only helps to skip what was loaded at other times: both engines prune by its
    range, and neither can by the key alone.

    A macro and not only a view, because an engine may apply a filter or a join on top of FLATTEN after it has taken every
    object apart, and guesses badly how many photos there are: here both stand below, so that a run reads the objects it needs
    and no others. What is not of its kind becomes null: one bad photo must not stop all others.
-#}
{% macro photos_of(objects=none, carried=[]) %}
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
    {%- for column in carried %}
    responses.{{ column }},
    {%- endfor %}
    responses.ingestion_date::timestamp_ntz as ingested_at
from
    (
        select
            response.object_key,
            response.source,
            response.rover_name,
            response.ingestion_date,
            {%- for column in carried %}
            objects.{{ column }},
            {%- endfor %}
            response.photos
        from {{ source('bronze', 'raw_photo_response') }} as response
        {%- if objects is not none %}
        inner join {{ objects }} as objects
            on response.object_key = objects.object_key and response.loaded_at = objects.loaded_at
        {%- endif %}
    ) as responses,
    lateral flatten(input => responses.photos) as photo
{% endmacro %}
