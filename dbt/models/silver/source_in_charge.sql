{{ config(materialized='view', tags=['loop']) }}

-- Who is in charge is decided by each transform run and kept in a ledger (silver.source_charge), because it depends on what was
-- before. Until it has decided, the first of the rover's list that has a manifest is; a source outside of the list comes after it,
-- and among those the one whose manifest came first.

with

manifests as (

    select
        source,
        rover_name,
        min(ingestion_date) as first_manifest_at
    from {{ source('bronze', 'raw_manifest_response') }}
    group by source, rover_name

),

decided as (

    select rover_name, source, since, reason
    from {{ source('bronze', 'charge_ledger') }}
    qualify row_number() over (partition by rover_name order by since desc, charge_id desc) = 1

),

ranked as (

    select
        manifests.rover_name,
        manifests.source,
        sources.precedence,
        decided.since,
        coalesce(decided.reason, 'FirstInOrder') as reason,
        row_number() over (
            partition by manifests.rover_name
            order by
                iff(decided.source is null, 1, 0), coalesce(sources.precedence, 1000), manifests.first_manifest_at, manifests.source
        ) as place
    from manifests
    left join decided on manifests.rover_name = decided.rover_name and manifests.source = decided.source
    left join {{ ref('ref_sources') }} as sources
        on manifests.rover_name = sources.rover_name and manifests.source = sources.source

)

select
    rover_name::varchar as rover_name,
    source::varchar as source,
    precedence,
    since::timestamp_ntz as since,
    reason::varchar as reason
from ranked
where place = 1
