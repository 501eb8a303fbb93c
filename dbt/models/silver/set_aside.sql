{{ config(materialized='view') }}

-- What could not be used, at the grain at which it was left out: by the load (objects, and fields of objects), and by ingest Jobs (photos,
-- sols and features of an answer that was otherwise good).

select
    aside.grain::varchar as grain,
    split_part(aside.object_key, '/', 2)::varchar as rover_name,
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
    responses.rover_name::varchar as rover_name,
    responses.source::varchar as source,
    {{ whole_number("outcome.value:sol") }} as sol,
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

select
    coalesce(item.value:what::varchar, 'sol') as grain,
    responses.rover_name::varchar as rover_name,
    responses.source::varchar as source,
    cast(null as integer) as sol,
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
