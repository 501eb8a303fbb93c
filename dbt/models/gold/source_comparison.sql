-- By the sol that each source gives a picture; what the first source of the rover's list says of it is in silver.fact_photos.

with

shown as (

    select
        said.rover_name,
        said.sol,
        said.source,
        said.image_id,
        picture.listed_by
    from {{ ref('source_photos') }} as said
    inner join {{ ref('fact_photos') }} as picture on said.image_id = picture.image_id
    where said.is_listed

)

select
    rover_name,
    sol,
    source,
    count(*)::integer as photos,
    count_if(contains(listed_by, ','))::integer as photos_common,
    count_if(not contains(listed_by, ','))::integer as photos_only_here
from shown
group by rover_name, sol, source
