{#-
    One row per photo of the bronze objects, as served.

    Without arguments: of all objects. `objects` names a relation with object_key and loaded_at of each object to read; its columns
    in `carried` come along with every photo. loaded_at only helps to skip what was loaded at other times: both engines prune by its
    range, and neither can by the key alone.

    A macro and not only a view, because an engine may apply a filter or a join on top of FLATTEN after it has taken every
    object apart, and guesses badly how many photos there are: here both stand below, so that a run reads the objects it needs
    and no others. What is not of its kind becomes null: one bad photo must not stop all others.

    A photo of a source that speaks the Mars Photos API v1 is as it was served; others have v1's fields and more beside them.
-#}
{% macro photos_of(objects=none, carried=[]) %}
select
    responses.object_key::varchar as object_key,
    responses.source::varchar as source,
    responses.rover_name::varchar as rover_name,
    photo.value:source_kind::varchar as source_kind,
    {{ whole_number("photo.value:id") }} as photo_id,
    photo.value:image_id::varchar as served_image_id,
    {{ sol_of("photo.value:sol") }} as sol,
    {{ date_of("photo.value:earth_date") }} as earth_date,
    {{ whole_number("photo.value:camera:id") }} as served_camera_id,
    photo.value:camera:name::varchar as camera_name,
    photo.value:camera:full_name::varchar as camera_full_name,
    photo.value:img_src::varchar as img_src,
    photo.value:nasa_id::varchar as nasa_id,
    {{ time_of("photo.value:taken_at") }} as taken_at,
    {{ time_of("photo.value:received_at") }} as received_at,
    {{ fine_clock_of("photo.value:sclk") }} as served_sclk,
    {{ whole_number("photo.value:site") }} as served_site,
    {{ whole_number("photo.value:drive") }} as served_drive,
    photo.value:sample_type::varchar as sample_type,
    {{ flag_of("photo.value:is_thumbnail") }} as served_is_thumbnail,
    photo.value:filter::varchar as served_filter,
    {{ finite_number("photo.value:mast_azimuth") }} as mast_azimuth,
    {{ finite_number("photo.value:mast_elevation") }} as mast_elevation,
    {{ whole_number("photo.value:width") }} as width,
    {{ whole_number("photo.value:height") }} as height,
    photo.value:title::varchar as title,
    photo.value:caption::varchar as caption,
    photo.value:credit::varchar as credit,
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
