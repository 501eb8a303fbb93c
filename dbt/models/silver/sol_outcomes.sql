{{
    config(
        materialized='incremental',
        incremental_strategy='merge',
        unique_key=['object_key', 'source', 'sol', 'attempt'],
        on_schema_change='fail',
        cluster_by=['rover_name', 'sol'],
        tags=['loop'],
    )
}}

-- What is new is decided by (object_key, etag) and by nothing that looks like a clock: a late object, a second object of the
-- same second and an object that was replaced are all found, and an unchanged one is never read again.
-- Rows stay pending until the last model of the loop has taken them in, so a run that breaks is simply repeated.

{% set responses %}(
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
    ) as responses{% endset %}

with

-- What is true of a sol now: the latest of the batch's attempts at it.
latest as (

    select
        {{ attempt_columns('outcome.value') }},
        true as is_latest_attempt,
        coalesce(outcome.value:status::varchar in ('complete', 'mismatch'), false) as is_whole,
        outcome.index as place
    from {{ responses }},
        lateral flatten(input => responses.sols) as outcome
    qualify row_number() over (partition by responses.object_key, {{ whole_number("outcome.value:sol") }} order by outcome.index desc) = 1

),

-- The attempts that it took the place of. What they brought is not in the object any more.
earlier as (

    select
        {{ attempt_columns('former.value') }},
        false as is_latest_attempt,
        false as is_whole,
        former.index as place
    from {{ responses }},
        lateral flatten(input => responses.sols) as outcome,
        lateral flatten(input => outcome.value:earlier) as former

),

attempts as (

    select * from latest
    union all
    select * from earlier

),

outcomes as (

    select
        object_key,
        sol,
        attempt,
        source,
        rover_name,
        etag,
        load_id,
        plan,
        batch,
        trace_id,
        status,
        reason,
        message,
        promised_photos,
        promised_cameras,
        received_photos,
        received_cameras,
        is_latest_attempt,
        is_whole,
        true as is_pending,
        requested_at,
        ingested_at
    from attempts
    qualify
        row_number() over (partition by object_key, sol, attempt order by is_latest_attempt desc, place desc) = 1
        and sol is not null

)

{% if is_incremental() %}

,

-- Attempts that an object no longer speaks of, because it was replaced (perhaps by the answer of another source) or is gone from bronze.
withdrawn as (

    select
        former.object_key,
        former.sol,
        former.attempt,
        former.source,
        former.rover_name,
        coalesce(objects.etag, former.etag) as etag,
        former.load_id,
        former.plan,
        former.batch,
        former.trace_id,
        'withdrawn' as status,
        cast(null as varchar) as reason,
        cast(null as varchar) as message,
        former.promised_photos,
        former.promised_cameras,
        former.received_photos,
        former.received_cameras,
        former.is_latest_attempt,
        false as is_whole,
        true as is_pending,
        former.requested_at,
        former.ingested_at
    from {{ this }} as former
    left join (select object_key, etag from {{ source('bronze', 'raw_photo_response') }}) as objects
        on former.object_key = objects.object_key
    left join outcomes
        on
            former.object_key = outcomes.object_key
            and former.source = outcomes.source
            and former.sol = outcomes.sol
            and former.attempt = outcomes.attempt
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
