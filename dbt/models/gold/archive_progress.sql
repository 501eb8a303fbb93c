{%- set newest = var('planning_newest_sols') | int %}

-- For people: what became of each sol that a manifest promises, and of those that only the archive has. Machines read ingestion_planning.

with

rovers as (

    select * from {{ ref('dim_rovers') }}

),

sols as (

    select
        rover_name,
        sol,
        true as is_promised,
        is_kept,
        earth_date,
        promised_photos,
        archived_photos
    from {{ ref('sol_promises') }}

    union all

    select
        rover_name,
        sol,
        false as is_promised,
        false as is_kept,
        cast(null as date) as earth_date,
        cast(null as integer) as promised_photos,
        sum(photos)::integer as archived_photos
    from {{ ref('photo_counts') }}
    where photos > 0 and not is_promised_sol
    group by rover_name, sol

),

graded as (

    select
        sols.rover_name,
        sols.sol,
        sols.earth_date,
        sols.promised_photos,
        sols.archived_photos,
        case
            when not sols.is_promised then 'unpromised'
            when sols.is_kept and rovers.rover_status = 'active' and sols.sol > rovers.max_sol - {{ newest }} then 'growing'
            when sols.is_kept then 'complete'
            when gaps.status <> 'MISSING_SOL' and (gaps.is_newest or gaps.reason = 'ManifestGrew') then 'growing'
            when gaps.status <> 'MISSING_SOL' then 'mismatch'
            when gaps.reason is null or gaps.reason = 'ManifestGrew' then 'missing'
            when gaps.reason in ('NoOutcome', 'ManifestBehind') then 'waiting'
            else 'failed'
        end as state,
        gaps.status as gap,
        gaps.reason,
        gaps.message,
        coalesce(gaps.attempts, 0) as attempts,
        gaps.last_attempt_at,
        gaps.next_attempt_at,
        coalesce(gaps.is_due, false) as is_due
    from sols
    inner join rovers on sols.rover_name = rovers.rover_name
    left join {{ ref('ingestion_planning') }} as gaps on sols.rover_name = gaps.rover_name and sols.sol = gaps.sol

)

select
    rover_name,
    sol,
    earth_date,
    state,
    case state
        when 'complete' then 'All photos and cameras that the manifest promises are in the archive.'
        when 'growing' then 'One of the last sols of an active rover: more photos may come, and it is asked for again.'
        when 'unpromised' then 'The archive has photos of this sol, the latest manifest has none.'
        when 'missing' then 'It was not asked for yet.'
        when 'waiting' then 'It was asked for, and what came of it is not known yet.'
        when 'mismatch' then
            coalesce(
                nullif(message, ''),
                iff(
                    gap = 'PHOTO_COUNT_MISMATCH',
                    'The source has ' || archived_photos::varchar || ' photos, and its manifest promises ' || promised_photos::varchar || '.',
                    'The source has photos of other cameras than its manifest promises.'
                )
            )
        else coalesce(nullif(message, ''), 'The last attempt failed: ' || reason || '.')
    end as why,
    reason,
    promised_photos::integer as promised_photos,
    archived_photos::integer as archived_photos,
    attempts::integer as attempts,
    last_attempt_at,
    next_attempt_at,
    is_due
from graded
