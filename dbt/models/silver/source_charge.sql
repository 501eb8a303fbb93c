{{ config(materialized='view', tags=['loop']) }}

-- The history of hand-overs, as transform runs have decided them.

select
    charge_id::integer as charge_id,
    rover_name::varchar as rover_name,
    source::varchar as source,
    former_source::varchar as former_source,
    since::timestamp_ntz as since,
    reason::varchar as reason,
    message::varchar as message,
    row_number() over (partition by rover_name order by since desc, charge_id desc) = 1 as is_latest
from {{ source('bronze', 'charge_ledger') }}
