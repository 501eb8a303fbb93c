{{ config(tags=['loop']) }}

with

rovers as (

    select * from {{ ref('dim_rovers') }}

),

promised as (

    select
        rover_name,
        count(*)::integer as sols_promised,
        count_if(archived_photos > 0)::integer as sols_archived,
        sum(promised_photos)::integer as photos_promised,
        sum(archived_photos)::integer as photos_archived
    from {{ ref('sol_promises') }}
    group by rover_name

),

-- All pictures, whichever source has shown them.
archived as (

    select
        counts.rover_name,
        sum(iff(promises.sol is null, counts.photos, 0))::integer as photos_unpromised,
        sum(counts.unlisted_photos)::integer as photos_unlisted,
        min(iff(counts.photos > 0, counts.sol, null))::integer as first_archived_sol,
        max(iff(counts.photos > 0, counts.sol, null))::integer as newest_archived_sol,
        max(counts.last_taken_at) as newest_photo_at
    from {{ ref('sol_cameras') }} as counts
    left join {{ ref('sol_promises') }} as promises on counts.rover_name = promises.rover_name and counts.sol = promises.sol
    group by counts.rover_name

),

gaps as (

    select
        rover_name,
        count(*)::integer as gaps,
        count_if(is_due)::integer as gaps_due,
        count_if(not is_due)::integer as gaps_waiting,
        count_if(status = 'MISSING_SOL')::integer as missing_sols,
        min(next_attempt_at) as next_attempt_at
    from {{ ref('ingestion_planning') }}
    group by rover_name

),

drives as (

    select
        rover_name,
        count(*)::integer as drives,
        sum(length_m)::double as distance_m
    from {{ ref('fact_path') }}
    group by rover_name

)

select
    rovers.rover_id,
    rovers.rover_name,
    rovers.source,
    rovers.rover_status,
    rovers.launch_date,
    rovers.landing_date,
    rovers.max_sol,
    rovers.max_date,
    coalesce(promised.sols_promised, 0)::integer as sols_promised,
    coalesce(promised.sols_archived, 0)::integer as sols_archived,
    coalesce(promised.photos_promised, 0)::integer as photos_promised,
    coalesce(promised.photos_archived, 0)::integer as photos_archived,
    coalesce(archived.photos_unpromised, 0)::integer as photos_unpromised,
    coalesce(archived.photos_unlisted, 0)::integer as photos_unlisted,
    archived.first_archived_sol,
    archived.newest_archived_sol,
    archived.newest_photo_at,
    coalesce(gaps.gaps, 0)::integer as gaps,
    coalesce(gaps.gaps_due, 0)::integer as gaps_due,
    coalesce(gaps.gaps_waiting, 0)::integer as gaps_waiting,
    coalesce(gaps.missing_sols, 0)::integer as missing_sols,
    gaps.next_attempt_at,
    iff(rovers.has_traverse, coalesce(drives.drives, 0), null)::integer as drives,
    iff(rovers.has_traverse, coalesce(drives.distance_m, 0), null)::double as distance_m,
    rovers.manifest_ingested_at
from rovers
left join promised on rovers.rover_name = promised.rover_name
left join archived on rovers.rover_name = archived.rover_name
left join gaps on rovers.rover_name = gaps.rover_name
left join drives on rovers.rover_name = drives.rover_name
