with

cameras as (

    select * from {{ ref('dim_cameras') }}

),

counts as (

    select * from {{ ref('photo_counts') }}

),

totals as (

    select
        camera_key,
        sum(photos)::integer as photos,
        sum(thumbnails)::integer as thumbnails,
        count(*)::integer as sols,
        min(sol)::integer as first_sol,
        max(sol)::integer as last_sol,
        max(photos)::integer as most_photos_in_a_sol,
        min(first_taken_at) as first_taken_at,
        max(last_taken_at) as last_taken_at
    from counts
    where photos > 0
    group by camera_key

),

rover_totals as (

    select rover_name, sum(photos) as photos from counts group by rover_name

)

select
    cameras.camera_key,
    cameras.rover_id,
    cameras.rover_name,
    cameras.camera_name,
    cameras.camera_full_name,
    cameras.camera_category,
    coalesce(totals.photos, 0)::integer as photos,
    coalesce(totals.thumbnails, 0)::integer as thumbnails,
    coalesce(totals.sols, 0)::integer as sols,
    iff(rover_totals.photos > 0, coalesce(totals.photos, 0)::double / rover_totals.photos, 0)::double as share_of_rover,
    totals.first_sol,
    totals.last_sol,
    totals.most_photos_in_a_sol,
    totals.first_taken_at,
    totals.last_taken_at
from cameras
left join totals on cameras.camera_key = totals.camera_key
left join rover_totals on cameras.rover_name = rover_totals.rover_name
