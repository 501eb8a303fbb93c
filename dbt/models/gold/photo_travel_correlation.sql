-- A view: a drive that arrives after its photos, or the other way round, needs no run to be taken in.
-- Bounds are inclusive. Both clocks count whole seconds: a frame of the last second belongs to the drive.

with

rovers as (

    select * from {{ ref('dim_rovers') }}

),

drives as (

    select * from {{ ref('fact_path') }} where has_window

),

photos as (

    select photo.*
    from {{ ref('fact_photos') }} as photo
    inner join rovers on photo.rover_name = rovers.rover_name
    where photo.is_listed and photo.sclk is not null

)

select
    photos.image_id,
    photos.photo_id,
    drives.drive_key,
    photos.rover_id,
    photos.rover_name,
    photos.sol,
    photos.camera_key,
    photos.camera_name,
    photos.img_src,
    photos.sclk,
    photos.utc,
    drives.sclk_start,
    drives.sclk_end,
    drives.started_at,
    drives.ended_at,
    case
        when drives.has_inverted_clock then 'unknown'
        when photos.sclk < drives.sclk_start then 'before'
        when photos.sclk > drives.sclk_end then 'after'
        when drives.has_odd_window then 'doubtful'
        else 'during'
    end as travel_phase,
    photos.sclk between drives.sclk_start and drives.sclk_end and not drives.has_odd_window as taken_during_travel,
    drives.has_odd_window,
    photos.sclk between drives.sclk_start and drives.sclk_end and drives.has_odd_window as is_doubtful
from photos
inner join drives on photos.rover_name = drives.rover_name and photos.sol = drives.sol
