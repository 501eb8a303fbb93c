-- Promised sols = sols whose promise is kept + gaps, and what is kept is in the archive: nothing is neither.

select
    promises.rover_name,
    promises.sol,
    promises.is_kept,
    gaps.status,
    promises.promised_photos,
    listed.photos
from {{ ref('sol_promises') }} as promises
left join {{ ref('ingestion_planning') }} as gaps on promises.rover_name = gaps.rover_name and promises.sol = gaps.sol
left join (
    select source, rover_name, sol, sum(photos) as photos
    from {{ ref('source_sol_cameras') }}
    group by source, rover_name, sol
) as listed
    on
        promises.archived_source = listed.source
        and promises.rover_name = listed.rover_name
        and promises.sol = listed.sol
where
    promises.is_kept = (gaps.sol is not null)
    or (promises.is_kept and coalesce(listed.photos, 0) <> promises.promised_photos)
