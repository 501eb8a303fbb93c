{#-
    The items of one kind of source, a row each, as `photo` beside the object that holds them as `responses`: what a staging model of
    that kind is selected from. Below FLATTEN, so that objects of other kinds are not taken apart.
-#}
{% macro items_of(kind) -%}
    (
        select object_key, source, rover_name, ingestion_date, photos
        from {{ source('bronze', 'raw_photo_response') }}
        where source_kind = '{{ kind }}'
    ) as responses,
    lateral flatten(input => responses.photos) as photo
{%- endmacro %}

{#- The first columns of such a model: which item of which object, and which photo it is. -#}
{% macro item_keys() -%}
    responses.object_key::varchar as object_key,
    responses.source::varchar as source,
    responses.rover_name::varchar as rover_name,
    photo.value:image_id::varchar as image_id,
    {{ whole_number("photo.value:id") }} as photo_id,
    {{ whole_number("photo.value:sol") }} as sol
{%- endmacro %}

{#- Its last columns. -#}
{% macro item_place() -%}
    photo.index::integer as photo_index,
    responses.ingestion_date::timestamp_ntz as ingested_at
{%- endmacro %}

{#-
    Each rover's newest object of map layers, as a relation. `condition` leaves objects out, such as those of an earlier version that
    had no places.
-#}
{% macro latest_layers(condition='') -%}
    (
        select response.*
        from {{ source('bronze', 'raw_coordinate_response') }} as response
        inner join (
            select object_key, loaded_at
            from {{ source('bronze', 'raw_coordinate_response') }}
            {%- if condition %}
            where {{ condition }}
            {%- endif %}
            qualify row_number() over (partition by rover_name order by ingestion_date desc, object_key desc) = 1
        ) as latest
            on response.object_key = latest.object_key and response.loaded_at = latest.loaded_at
    )
{%- endmacro %}
