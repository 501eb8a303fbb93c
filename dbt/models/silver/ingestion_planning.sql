{{ config(materialized='view', tags=['loop']) }}

{%- set backoff = var('planning_backoff_seconds') | int -%}
{%- set backoff_max = var('planning_backoff_max_seconds') | int -%}
{%- set settle = var('planning_settle_seconds', backoff) | int -%}
{%- set lease = var('planning_lease_seconds') | int -%}
{%- set newest = var('planning_newest_sols') | int %}

-- A view, so that it is true at any moment: whether a gap is due depends on the clock, and its attempts on a ledger that is
-- written between two dbt runs.

with

rovers as (

    select * from {{ ref('dim_rovers') }}

),

gaps as (

    select
        promised.source,
        promised.rover_name,
        promised.sol,
        promised.earth_date,
        promised.promised_photos,
        promised.ingested_at as promised_at,
        promised.archived_photos,
        promised.promised_cameras,
        promised.archived_cameras,
        case
            when promised.archived_photos = 0 then 'MISSING_SOL'
            when promised.archived_photos <> promised.promised_photos then 'PHOTO_COUNT_MISMATCH'
            else 'CAMERA_COUNT_MISMATCH'
        end as status,
        coalesce(rovers.rover_status = 'active' and promised.sol > rovers.max_sol - {{ newest }}, false) as is_newest
    from {{ ref('sol_promises') }} as promised
    inner join rovers on promised.rover_name = rovers.rover_name
    where not promised.is_kept

),

-- "not_promised" is no attempt: the Job made no request because the manifest of its time had no such sol.
attempted as (

    select
        outcomes.*,
        row_number() over (
            partition by outcomes.source, outcomes.rover_name, outcomes.sol
            order by outcomes.ingested_at desc, outcomes.object_key desc
        ) as recency,
        row_number() over (
            partition by outcomes.source, outcomes.rover_name, outcomes.sol, outcomes.is_whole
            order by outcomes.ingested_at desc, outcomes.object_key desc
        ) as recency_of_kind,
        gaps.promised_photos as now_promised_photos,
        gaps.promised_at
    from {{ ref('sol_outcomes') }} as outcomes
    inner join gaps
        on outcomes.source = gaps.source and outcomes.rover_name = gaps.rover_name and outcomes.sol = gaps.sol
    where outcomes.is_latest_attempt and outcomes.status in ('complete', 'mismatch', 'failed')

),

-- "grown" is the sol's last whole answer to an older manifest that promised something else. Attempts count from there. A sol
-- that agreed with this very manifest and still is a gap has a disagreement inside the archive: its attempts keep counting.
-- One that agreed with a newer manifest than the warehouse has waits for that one: asking again would change nothing.
histories as (

    select
        source,
        rover_name,
        sol,
        max(iff(recency = 1, status, null)) as last_status,
        max(iff(recency = 1, reason, null)) as last_reason,
        max(iff(recency = 1, message, null)) as last_message,
        max(iff(recency = 1, ingested_at, null)) as last_outcome_at,
        max(iff(is_whole and promised_photos <> now_promised_photos and ingested_at < promised_at, ingested_at, null))
            as grown_after,
        count_if(
            recency = 1 and status = 'complete' and promised_photos <> now_promised_photos and ingested_at >= promised_at
        ) > 0 as is_ahead,
        count_if(recency_of_kind <= 2 and status = 'mismatch' and promised_photos = now_promised_photos) = 2
        and min(iff(recency_of_kind <= 2 and is_whole, received_photos, null))
        = max(iff(recency_of_kind <= 2 and is_whole, received_photos, null))
        and min(iff(recency_of_kind <= 2 and is_whole, received_cameras, null))
        = max(iff(recency_of_kind <= 2 and is_whole, received_cameras, null)) as is_stable
    from attempted
    group by source, rover_name, sol

),

asked as (

    select
        gaps.source,
        gaps.rover_name,
        gaps.sol,
        ledger.scheduled_at,
        histories.grown_after is null or ledger.scheduled_at > histories.grown_after as is_attempt
    from {{ source('bronze', 'schedule_ledger') }} as ledger
    inner join gaps on ledger.rover_name = gaps.rover_name and ledger.sol = gaps.sol
    left join histories
        on gaps.source = histories.source and gaps.rover_name = histories.rover_name and gaps.sol = histories.sol
    where ledger.dataset = 'photos' and coalesce(ledger.source, gaps.source) = gaps.source

),

-- Attempts start anew when the manifest grows; how often the sol was asked for at all never does, so that it can tell any
-- two schedules of it apart.
schedules as (

    select
        source,
        rover_name,
        sol,
        count(*)::integer as times_scheduled,
        nullif(count_if(is_attempt), 0)::integer as attempts,
        max(iff(is_attempt, scheduled_at, null))::timestamp_ntz as last_attempt_at
    from asked
    group by source, rover_name, sol

),

-- A sol that was asked for and has no outcome since is in flight: its plan may wait or run for long and retries by itself, so
-- the planner keeps off until the lease ends. The wait after an outcome doubles with each attempt; an answer that
-- is whole and twice the same is not asked for again before the longest wait.
timed as (

    select
        gaps.*,
        coalesce(schedules.times_scheduled, 0)::integer as times_scheduled,
        coalesce(schedules.attempts, 0)::integer as attempts,
        schedules.last_attempt_at,
        case
            when schedules.attempts is null and histories.grown_after is not null
                then dateadd('second', {{ settle }}, histories.grown_after)
            when schedules.attempts is null then null
            when histories.last_outcome_at is null or histories.last_outcome_at < schedules.last_attempt_at
                then dateadd('second', {{ lease }}, schedules.last_attempt_at)
            when histories.is_stable or histories.is_ahead
                then dateadd('second', {{ backoff_max }}, histories.last_outcome_at)
            else
                dateadd(
                    'second',
                    least({{ backoff }} * power(2, least(schedules.attempts - 1, 30)), {{ backoff_max }})::integer,
                    histories.last_outcome_at
                )
        end as next_attempt_at,
        case
            when histories.sol is null and schedules.attempts is null then null
            when histories.sol is null then 'NoOutcome'
            when histories.last_status = 'failed' then coalesce(histories.last_reason, 'SourceError')
            when histories.is_stable then 'StableMismatch'
            when histories.last_outcome_at = histories.grown_after then 'ManifestGrew'
            when histories.last_status = 'mismatch' then 'Mismatch'
            when histories.is_ahead then 'ManifestBehind'
            else 'ArchiveDisagrees'
        end as reason,
        histories.last_message as message
    from gaps
    left join histories
        on gaps.source = histories.source and gaps.rover_name = histories.rover_name and gaps.sol = histories.sol
    left join schedules
        on gaps.source = schedules.source and gaps.rover_name = schedules.rover_name and gaps.sol = schedules.sol

),

-- Newest sols first, then the oldest gaps; the rovers take turns, so that none starves behind a bigger one.
queued as (

    select
        timed.*,
        row_number() over (
            partition by rover_name
            order by is_newest desc, iff(is_newest, -sol, sol)
        ) as turn
    from timed

)

select
    source,
    rover_name,
    sol,
    earth_date,
    status,
    promised_photos,
    archived_photos,
    promised_cameras,
    archived_cameras,
    times_scheduled,
    attempts,
    last_attempt_at,
    next_attempt_at,
    next_attempt_at is null or next_attempt_at <= {{ now_utc() }} as is_due,
    reason,
    message,
    is_newest,
    row_number() over (order by turn, rover_name)::integer as priority_rank
from queued
