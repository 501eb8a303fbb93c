-- sol_cameras is kept sol by sol; its sum must be what counting all photos gives.

with

kept as (

    select rover_name, sum(photos)::integer as photos from {{ ref('sol_cameras') }} group by rover_name

),

counted as (

    select rover_name, count_if(is_listed)::integer as photos from {{ ref('fact_photos') }} group by rover_name

)

select counted.rover_name, counted.photos, kept.photos as kept_photos
from counted
left join kept on counted.rover_name = kept.rover_name
where counted.photos <> coalesce(kept.photos, 0)
