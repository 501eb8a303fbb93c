-- FLATTEN stands over a subquery, never over a CTE: an engine that keeps CTEs as tables would join the array back by value.
-- The latest object is chosen on narrow columns, so that old manifests are never taken apart.

select
    responses.object_key::varchar as object_key,
    responses.etag::varchar as etag,
    responses.load_id::varchar as load_id,
    responses.trace_id::varchar as trace_id,
    responses.source::varchar as source,
    responses.rover_name::varchar as rover_name,
    manifest.value:status::varchar as rover_status,
    {{ date_of("manifest.value:landing_date") }} as landing_date,
    {{ date_of("manifest.value:launch_date") }} as launch_date,
    {{ sol_of("manifest.value:max_sol") }} as max_sol,
    {{ date_of("manifest.value:max_date") }} as max_date,
    {{ whole_number("manifest.value:total_photos") }} as total_photos,
    coalesce({{ flag_of("manifest.value:derived") }}, false) as is_derived,
    iff(is_array(manifest.value:photos), manifest.value:photos, null) as sols,
    responses.ingestion_date::timestamp_ntz as ingested_at
from
    (
        select response.*
        from {{ source('bronze', 'raw_manifest_response') }} as response
        inner join (
            select object_key, loaded_at
            from {{ source('bronze', 'raw_manifest_response') }}
            qualify row_number() over (partition by source, rover_name order by ingestion_date desc, object_key desc) = 1
        ) as latest
            on response.object_key = latest.object_key and response.loaded_at = latest.loaded_at
    ) as responses,
    lateral flatten(input => responses.manifests) as manifest
qualify row_number() over (partition by responses.source, responses.rover_name order by manifest.index) = 1
