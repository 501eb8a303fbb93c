-- What the latest whole answer for a sol counted is what the archive lists: ids that collide or a photo that got lost on the
-- way would show here. Both sides are small: no photo is read.

with

answers as (

    select source, rover_name, sol, received_photos
    from {{ ref('sol_outcomes') }}
    where is_whole and not is_pending
    qualify row_number() over (partition by source, rover_name, sol order by ingested_at desc, object_key desc) = 1

),

listed as (

    select source, rover_name, sol, sum(photos)::integer as photos
    from {{ ref('source_sol_cameras') }}
    group by source, rover_name, sol

)

select answers.*, listed.photos
from answers
left join listed
    on answers.source = listed.source and answers.rover_name = listed.rover_name and answers.sol = listed.sol
where answers.received_photos <> coalesce(listed.photos, 0)
