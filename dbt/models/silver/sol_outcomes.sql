{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['object_key', 'sol'],
        on_schema_change='fail',
        cluster_by=['rover_name', 'sol'],
        tags=['loop'],
    )
}}

-- What is new is decided by (object_key, etag) and by nothing that looks like a clock: a late object, a second object of the
-- same second and an object that was replaced are all found, and an unchanged one is never read again.
-- Rows stay pending until the last model of the loop has taken them in, so a run that breaks is simply repeated.

with

outcomes as (

    select
        responses.object_key::varchar as object_key,
        outcome.value:sol::integer as sol,
        responses.source::varchar as source,
        responses.rover_name::varchar as rover_name,
        responses.etag::varchar as etag,
        responses.load_id::varchar as load_id,
        responses.plan::varchar as plan,
        responses.batch::integer as batch,
        responses.attempt::integer as attempt,
        responses.trace_id::varchar as trace_id,
        outcome.value:status::varchar as status,
        outcome.value:reason::varchar as reason,
        outcome.value:message::varchar as message,
        outcome.value:promised_photos::integer as promised_photos,
        {{ joined_names('outcome.value:promised_cameras') }} as promised_cameras,
        outcome.value:received_photos::integer as received_photos,
        {{ joined_names('outcome.value:received_cameras') }} as received_cameras,
        outcome.value:status::varchar in ('complete', 'mismatch') as is_whole,
        true as is_pending,
        outcome.value:requested_at::timestamp_ntz as requested_at,
        responses.ingestion_date::timestamp_ntz as ingested_at
    from
        (
            select response.*
            from {{ source('bronze', 'raw_photo_response') }} as response
            {%- if is_incremental() %}
            inner join (
                select objects.object_key, objects.loaded_at
                from {{ source('bronze', 'raw_photo_response') }} as objects
                left join (select distinct object_key, etag from {{ this }}) as known
                    on objects.object_key = known.object_key and objects.etag = known.etag
                where known.object_key is null
            ) as changed
                on response.object_key = changed.object_key and response.loaded_at = changed.loaded_at
            {%- endif %}
        ) as responses,
        lateral flatten(input => responses.sols) as outcome
    qualify row_number() over (partition by responses.object_key, outcome.value:sol::integer order by outcome.index desc) = 1

)

{% if is_incremental() %}

,

-- Sols that an object no longer speaks of, because it was replaced or is gone from bronze.
withdrawn as (

    select
        former.object_key,
        former.sol,
        former.source,
        former.rover_name,
        coalesce(objects.etag, former.etag) as etag,
        former.load_id,
        former.plan,
        former.batch,
        former.attempt,
        former.trace_id,
        'withdrawn' as status,
        cast(null as varchar) as reason,
        cast(null as varchar) as message,
        former.promised_photos,
        former.promised_cameras,
        former.received_photos,
        former.received_cameras,
        false as is_whole,
        true as is_pending,
        former.requested_at,
        former.ingested_at
    from {{ this }} as former
    left join (select object_key, etag from {{ source('bronze', 'raw_photo_response') }}) as objects
        on former.object_key = objects.object_key
    left join outcomes on former.object_key = outcomes.object_key and former.sol = outcomes.sol
    where
        outcomes.object_key is null
        and (objects.object_key is null or objects.etag <> former.etag)

)

select * from outcomes
union all
select * from withdrawn

{% else %}

select * from outcomes

{% endif %}
