-- Promised sols = sols that agree + gaps, per rover and in photos: nothing is neither.

select
    rover_name,
    sols_promised,
    gaps,
    photos_promised
from (
    select
        promised.rover_name,
        count(*) as sols_promised,
        count(gaps.sol) as gaps,
        sum(iff(gaps.sol is null, promised.promised_photos, 0)) as photos_promised,
        sum(iff(gaps.sol is null, coalesce(archived.photos, 0), 0)) as photos_archived
    from {{ ref('stg_nasa__manifest_sols') }} as promised
    left join {{ ref('ingestion_planning') }} as gaps
        on promised.rover_name = gaps.rover_name and promised.sol = gaps.sol
    left join (
        select source, rover_name, sol, sum(photos) as photos
        from {{ ref('sol_cameras') }}
        group by source, rover_name, sol
    ) as archived
        on promised.source = archived.source and promised.rover_name = archived.rover_name and promised.sol = archived.sol
    group by promised.rover_name
) as rovers
where photos_promised <> photos_archived
