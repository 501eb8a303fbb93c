{#-
    What one attempt at a sol says, from an entry of an object's `sols` or of such an entry's `earlier`. To stand over
    `responses` (the object's row) and `outcome` (the entry of `sols`, which alone names the sol).
-#}
{% macro attempt_columns(entry) -%}
        responses.object_key::varchar as object_key,
        outcome.value:sol::integer as sol,
        coalesce({{ entry }}:attempt::integer, responses.attempt)::integer as attempt,
        responses.source::varchar as source,
        responses.rover_name::varchar as rover_name,
        responses.etag::varchar as etag,
        responses.load_id::varchar as load_id,
        responses.plan::varchar as plan,
        responses.batch::integer as batch,
        responses.trace_id::varchar as trace_id,
        {{ entry }}:status::varchar as status,
        {{ entry }}:reason::varchar as reason,
        {{ entry }}:message::varchar as message,
        {{ entry }}:promised_photos::integer as promised_photos,
        {{ joined_names(entry ~ ':promised_cameras') }} as promised_cameras,
        {{ entry }}:received_photos::integer as received_photos,
        {{ joined_names(entry ~ ':received_cameras') }} as received_cameras,
        {{ entry }}:requested_at::timestamp_ntz as requested_at,
        responses.ingestion_date::timestamp_ntz as ingested_at
{%- endmacro %}
