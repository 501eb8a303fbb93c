with

rovers as (

    select * from {{ ref('dim_rovers') }}

),

manifest_sols as (

    select * from {{ ref('stg_nasa__manifest_sols') }}

)

select
    rovers.rover_id,
    counts.rover_name,
    counts.sol,
    manifest_sols.earth_date,
    counts.camera_key,
    counts.camera_name,
    counts.photos,
    counts.thumbnails,
    counts.unlisted_photos,
    manifest_sols.sol is not null as is_promised_sol,
    counts.first_taken_at,
    counts.last_taken_at
from {{ ref('sol_cameras') }} as counts
inner join rovers on counts.rover_name = rovers.rover_name
left join manifest_sols on counts.rover_name = manifest_sols.rover_name and counts.sol = manifest_sols.sol
