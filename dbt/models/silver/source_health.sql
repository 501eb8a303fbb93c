{{ config(materialized='view', tags=['loop']) }}

-- A view: how old something is depends on the clock. Failures are those that a source's answers for sols have on record; a Job that
-- could ask for nothing at all leaves none, and shows as a newest manifest that grows old.

with

manifests as (

    select * from {{ ref('stg_sources__manifests') }}

),

outcomes as (

    select
        source,
        rover_name,
        max(iff(is_whole, ingested_at, null)) as last_answer_at,
        max(iff(status = 'failed', ingested_at, null)) as last_failure_at,
        count_if(status = 'failed' and ingested_at > dateadd('hour', -24, {{ now_utc() }})) as failures,
        count_if(status in ('failed', 'complete', 'mismatch') and ingested_at > dateadd('hour', -24, {{ now_utc() }})) as attempts
    from {{ ref('sol_outcomes') }}
    group by source, rover_name

),

last_failures as (

    select source, rover_name, reason, message
    from {{ ref('sol_outcomes') }}
    where status = 'failed'
    qualify row_number() over (partition by source, rover_name order by ingested_at desc, object_key desc, sol desc) = 1

),

counts as (

    select
        source,
        rover_name,
        max(iff(photos > 0, sol, null)) as newest_archived_sol,
        sum(photos) as photos
    from {{ ref('source_sol_cameras') }}
    group by source, rover_name

),

-- What each source said last of its own limits, in any answer for the rover.
budgets as (

    select source, rover_name, budget, ingestion_date
    from (
        select source, rover_name, budget, ingestion_date from {{ source('bronze', 'raw_photo_response') }}
        union all
        select source, rover_name, budget, ingestion_date from {{ source('bronze', 'raw_manifest_response') }}
    ) as responses
    where budget is not null
    qualify row_number() over (partition by source, rover_name order by ingestion_date desc) = 1

),

every as (

    select rover_name, source from {{ ref('ref_sources') }}
    union
    select rover_name, source from manifests
    union
    select rover_name, source from outcomes

)

select
    every.rover_name::varchar as rover_name,
    every.source::varchar as source,
    sources.precedence,
    coalesce(charge.source = every.source, false) as is_in_charge,
    coalesce(manifests.is_derived, false) as is_manifest_derived,
    manifests.ingested_at as last_manifest_at,
    outcomes.last_answer_at,
    greatest(
        coalesce(manifests.ingested_at, outcomes.last_answer_at), coalesce(outcomes.last_answer_at, manifests.ingested_at)
    ) as last_success_at,
    outcomes.last_failure_at,
    last_failures.reason as last_failure_reason,
    last_failures.message as last_failure_message,
    coalesce(outcomes.attempts, 0)::integer as attempts_of_a_day,
    iff(outcomes.attempts > 0, outcomes.failures / outcomes.attempts, null)::double as error_rate,
    {{ whole_number("budgets.budget:limit") }} as budget_limit,
    {{ whole_number("budgets.budget:remaining") }} as budget_remaining,
    {{ time_of("budgets.budget:reset_at") }} as budget_reset_at,
    manifests.max_sol as newest_sol,
    counts.newest_archived_sol::integer as newest_archived_sol,
    coalesce(counts.photos, 0)::integer as photos,
    -- From the end of the newest sol that the source has photos of.
    (
        datediff(
            'second', {{ unix_to_timestamp(sol_midnight('(manifests.max_sol + 1)', 'rovers')) }}, {{ now_utc() }}
        ) / 3600.0
    )::double as freshness_hours
from every
inner join {{ ref('ref_rovers') }} as rovers on every.rover_name = rovers.rover_name
left join {{ ref('ref_sources') }} as sources on every.rover_name = sources.rover_name and every.source = sources.source
left join {{ ref('source_in_charge') }} as charge on every.rover_name = charge.rover_name
left join manifests on every.rover_name = manifests.rover_name and every.source = manifests.source
left join outcomes on every.rover_name = outcomes.rover_name and every.source = outcomes.source
left join last_failures on every.rover_name = last_failures.rover_name and every.source = last_failures.source
left join counts on every.rover_name = counts.rover_name and every.source = counts.source
left join budgets on every.rover_name = budgets.rover_name and every.source = budgets.source
