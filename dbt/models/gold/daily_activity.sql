-- What a sol was spent on. Where nothing tells whether the rover drove, or how far, the day type is Unknown: no drive on record is
-- not the same as no drive.

with

rovers as (

    select * from {{ ref('dim_rovers') }}

),

cameras as (

    select * from {{ ref('dim_cameras') }}

),

photos as (

    select
        counts.rover_name,
        counts.sol,
        sum(counts.photos)::integer as photos,
        sum(iff(cameras.camera_category = 'engineering', counts.photos, 0))::integer as engineering_photos,
        sum(iff(cameras.camera_category = 'science', counts.photos, 0))::integer as science_photos,
        sum(iff(cameras.camera_category = 'EDL', counts.photos, 0))::integer as edl_photos,
        sum(iff(cameras.camera_category = 'other', counts.photos, 0))::integer as other_photos,
        count(*)::integer as cameras
    from {{ ref('sol_cameras') }} as counts
    inner join rovers on counts.rover_name = rovers.rover_name
    inner join cameras on counts.camera_key = cameras.camera_key
    where counts.photos > 0
    group by counts.rover_name, counts.sol

),

drives as (

    select
        rover_name,
        sol,
        drives,
        length_m as distance_m,
        datediff('second', started_at, ended_at)::integer as drive_seconds,
        is_doubtful as has_odd_drive
    from {{ ref('sol_drives') }}
    where drives is not null

),

sols as (

    select rover_name, sol from photos
    union
    select rover_name, sol from drives where drives > 0

)

select
    rovers.rover_id,
    sols.rover_name,
    sols.sol,
    dateadd('day', floor(sols.sol * {{ sol_seconds() }} / 86400)::integer, rovers.landing_date)::date as earth_date,
    case
        when drives.distance_m is null then 'Unknown'
        when drives.distance_m = 0 then 'Stationary'
        when drives.distance_m < 5 then 'Minimal Movement'
        when drives.distance_m < 20 then 'Short Travel'
        else 'Long Travel'
    end as day_type,
    drives.distance_m::double as distance_m,
    drives.drives::integer as drives,
    drives.drive_seconds,
    coalesce(drives.has_odd_drive, false) as has_odd_drive,
    coalesce(photos.photos, 0)::integer as photos,
    coalesce(photos.engineering_photos, 0)::integer as engineering_photos,
    coalesce(photos.science_photos, 0)::integer as science_photos,
    coalesce(photos.edl_photos, 0)::integer as edl_photos,
    coalesce(photos.other_photos, 0)::integer as other_photos,
    coalesce(photos.cameras, 0)::integer as cameras
from sols
inner join rovers on sols.rover_name = rovers.rover_name
left join photos on sols.rover_name = photos.rover_name and sols.sol = photos.sol
left join drives on sols.rover_name = drives.rover_name and sols.sol = drives.sol
