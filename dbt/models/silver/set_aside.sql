{{ config(materialized='view') }}

-- What could not be used, at the grain at which it was left out: by the load (objects, and fields of objects), and by ingest Jobs (photos,
-- sols and features of an answer that was otherwise good).

with

rovers as (

    select * from {{ ref('ref_rovers') }}

),

asides as (

    select
        aside.grain::varchar as grain,
        cast(null as varchar) as source,
        cast(null as integer) as sol,
        aside.reason::varchar as reason,
        aside.message::varchar as message,
        aside.object_key::varchar as object_key,
        aside.first_seen_at::timestamp_ntz as seen_at,
        aside.attempts::integer as attempts,
        aside.next_attempt_at::timestamp_ntz as next_attempt_at
    from {{ source('bronze', 'set_aside') }} as aside

    union all

    select
        coalesce(item.value:what::varchar, 'photo') as grain,
        responses.source::varchar as source,
        {{ sol_of("outcome.value:sol") }} as sol,
        item.value:reason::varchar as reason,
        item.value:message::varchar as message,
        responses.object_key::varchar as object_key,
        responses.ingestion_date::timestamp_ntz as seen_at,
        cast(null as integer) as attempts,
        cast(null as timestamp_ntz) as next_attempt_at
    from
        {{ source('bronze', 'raw_photo_response') }} as responses,
        lateral flatten(input => responses.sols) as outcome,
        lateral flatten(input => outcome.value:set_aside) as item
    {%- for table in ['raw_manifest_response', 'raw_coordinate_response'] %}

    union all

    -- What is listed twice is kept as the list of its entries; a feature has its sol among its properties.
    select
        coalesce(item.value:what::varchar, 'sol') as grain,
        responses.source::varchar as source,
        coalesce(
            {{ sol_of("item.value:raw:sol") }},
            {{ sol_of("item.value:raw[0]:sol") }},
            {{ sol_of("item.value:raw:properties:sol") }}
        ) as sol,
        item.value:reason::varchar as reason,
        item.value:message::varchar as message,
        responses.object_key::varchar as object_key,
        responses.ingestion_date::timestamp_ntz as seen_at,
        cast(null as integer) as attempts,
        cast(null as timestamp_ntz) as next_attempt_at
    from
        {{ source('bronze', table) }} as responses,
        lateral flatten(input => responses.set_aside) as item
    {%- endfor %}

),

placed as (

    select
        asides.*,
        rovers.rover_name,
        -- An object is of all the sols that its key names.
        regexp_substr(asides.object_key, 'sol_[0-9]{1,5}_to_[0-9]{1,5}_') as sols_of_key
    from asides
    left join rovers on split_part(asides.object_key, '/', 2) = lower(rovers.rover_name)

)

select
    grain,
    coalesce(rover_name, split_part(object_key, '/', 2))::varchar as rover_name,
    source,
    sol,
    coalesce(sol, {{ whole_number("split_part(sols_of_key, '_', 2)") }}) as first_sol,
    coalesce(sol, {{ whole_number("split_part(sols_of_key, '_', 4)") }}) as last_sol,
    reason,
    message,
    object_key,
    seen_at,
    attempts,
    next_attempt_at
from placed
