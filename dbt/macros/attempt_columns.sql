{#-
    What one attempt at a sol says, from an entry of an object's `sols` or of such an entry's `earlier`. To stand over
    `responses` (the object's row) and `outcome` (the entry of `sols`, which alone names the sol).
-#}
{% macro attempt_columns(entry) -%}
        responses.object_key::varchar as object_key,
        {{ sol_of("outcome.value:sol") }} as sol,
        coalesce({{ whole_number(entry ~ ":attempt") }}, responses.attempt)::integer as attempt,
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
        {{ whole_number(entry ~ ":promised_photos") }} as promised_photos,
        {{ joined_names(entry ~ ':promised_cameras') }} as promised_cameras,
        coalesce({{ whole_number(entry ~ ":received_photos") }}, 0)::integer as received_photos,
        {{ joined_names(entry ~ ':received_cameras') }} as received_cameras,
        {{ time_of(entry ~ ":requested_at") }} as requested_at,
        responses.ingestion_date::timestamp_ntz as ingested_at
{%- endmacro %}
