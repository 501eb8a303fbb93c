with

-- The choice is made on the narrow columns, so that old manifests are never parsed.
current_objects as (

    select object_key
    from {{ source('bronze', 'raw_manifest_response') }}
    qualify row_number() over (partition by rover_name order by ingestion_date desc, object_key desc) = 1

),

responses as (

    select response.*
    from {{ source('bronze', 'raw_manifest_response') }} as response
    inner join current_objects on response.object_key = current_objects.object_key

),

renamed as (

    select
        responses.object_key::varchar as object_key,
        responses.etag::varchar as etag,
        responses.load_id::varchar as load_id,
        responses.trace_id::varchar as trace_id,
        responses.source::varchar as source,
        responses.rover_name::varchar as rover_name,
        manifest.value:status::varchar as rover_status,
        manifest.value:landing_date::date as landing_date,
        manifest.value:launch_date::date as launch_date,
        manifest.value:max_sol::integer as max_sol,
        manifest.value:max_date::date as max_date,
        manifest.value:total_photos::integer as total_photos,
        manifest.value:photos as sols,
        responses.ingestion_date::timestamp_ntz as ingested_at
    from responses,
        lateral flatten(input => responses.manifests) as manifest

)

select * from renamed
