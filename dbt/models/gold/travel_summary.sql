-- Photos and metres of the same sols: from a rover's first archived sol to its last.

with

pictures as (

    select
        rover_name,
        min(sol) as first_sol,
        max(sol) as last_sol,
        count_if(is_counted) as photos,
        count_if(is_counted and longitude is not null) as placed_photos
    from {{ ref('photos') }}
    group by rover_name

),

driven as (

    select
        pictures.rover_name,
        count(*) as drives,
        count_if(drives.is_measured) as measured_drives,
        count(drives.length_m) as drives_with_length,
        sum(drives.length_m) as distance_m
    from pictures
    inner join {{ ref('fact_drives') }} as drives
        on pictures.rover_name = drives.rover_name and drives.sol between pictures.first_sol and pictures.last_sol
    group by pictures.rover_name

)

select
    pictures.rover_name,
    pictures.first_sol::integer as first_sol,
    pictures.last_sol::integer as last_sol,
    pictures.photos::integer as photos,
    pictures.placed_photos::integer as placed_photos,
    driven.drives::integer as drives,
    driven.measured_drives::integer as measured_drives,
    driven.distance_m::double as distance_m,
    -- Pictures of drives that nobody measured have no metres to stand over.
    iff(
        driven.drives_with_length = driven.drives and driven.distance_m > 0,
        pictures.photos / driven.distance_m,
        null
    )::double as photos_per_metre
from pictures
left join driven on pictures.rover_name = driven.rover_name
