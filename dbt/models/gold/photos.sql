-- A view over the stored frames and small tables, so that a drive or a waypoint that comes after its photos needs no run.
-- Places are compared by site * 10000 + drive, which grows as the rover goes on.

with

frames as (

    select
        photo.*,
        photo.site * 10000 + photo.drive as place
    from {{ ref('photo_frames') }} as photo

),

placed as (

    select
        frames.*,
        places.place_key,
        places.longitude,
        places.latitude,
        places.elevation_m,
        places.odometer_m,
        sols.drives as drives_of_sol,
        case
            when sols.drives is null then 'unknown'
            when sols.drives = 0 then 'stationary'
            -- A trustworthy clock decides; both bounds belong to the drive.
            when frames.utc is not null and sols.started_at is not null and not sols.is_doubtful then
                case
                    when frames.utc < sols.started_at then 'before'
                    when frames.utc > sols.ended_at then 'after'
                    else 'during'
                end
            -- Else the counters, where they are those of one end of the drive.
            when frames.place <= sols.from_place then 'before'
            when frames.place >= sols.to_place then 'after'
            when frames.utc is not null and sols.started_at is not null then 'doubtful'
            when frames.place > sols.from_place and frames.place < sols.to_place then 'during'
            else 'unknown'
        end as travel_phase,
        sols.is_doubtful,
        sols.first_drive_key,
        sols.last_drive_key,
        sols.started_at,
        sols.ended_at,
        sols.former_drive_sol,
        sols.former_drive_key,
        sols.former_drive_ended_at,
        sols.next_drive_sol,
        sols.next_drive_key,
        sols.next_drive_started_at,
        cameras.photos as camera_photos_of_sol
    from frames
    left join {{ ref('fact_places') }} as places
        on frames.rover_name = places.rover_name and frames.site = places.site and frames.drive = places.drive
    left join {{ ref('sol_drives') }} as sols on frames.rover_name = sols.rover_name and frames.sol = sols.sol
    left join {{ ref('sol_cameras') }} as cameras
        on
            frames.rover_name = cameras.rover_name
            and frames.sol = cameras.sol
            and frames.camera_name = cameras.camera_name

),

travelled as (

    select
        placed.*,
        case
            when travel_phase in ('stationary', 'before') then former_drive_key
            when travel_phase in ('after', 'during') then last_drive_key
        end as drive_before_key,
        case
            when travel_phase in ('stationary', 'before') then former_drive_sol
            when travel_phase in ('after', 'during') then sol
        end as drive_before_sol,
        case
            when travel_phase in ('stationary', 'before') then former_drive_ended_at
            when travel_phase = 'after' and not is_doubtful then ended_at
        end as drive_before_ended_at,
        case
            when travel_phase in ('stationary', 'after') then next_drive_key
            when travel_phase in ('before', 'during') then first_drive_key
        end as drive_after_key,
        case
            when travel_phase in ('stationary', 'after') then next_drive_sol
            when travel_phase in ('before', 'during') then sol
        end as drive_after_sol,
        case
            when travel_phase in ('stationary', 'after') then next_drive_started_at
            when travel_phase = 'before' and not is_doubtful then started_at
        end as drive_after_started_at
    from placed

)

select
    travelled.rover_name,
    travelled.image_id,
    travelled.rover_id,
    travelled.source,
    travelled.photo_id,
    travelled.sol,
    travelled.earth_date,
    travelled.utc,
    travelled.utc_date,
    travelled.taken_from,
    travelled.taken_to,
    travelled.sort_key,
    travelled.lmst,
    travelled.ltst,
    travelled.mission_time,
    floor(travelled.lmst)::integer as local_hour,
    travelled.solar_longitude,
    travelled.mars_year,
    travelled.season,
    travelled.camera_key,
    travelled.camera_name,
    travelled.camera_full_name,
    travelled.camera_photos_of_sol,
    travelled.frame_key,
    travelled.pair_key,
    travelled.sequence_id,
    travelled.product_type,
    travelled.product_version,
    travelled.versions,
    travelled.version_list,
    travelled.is_latest_version,
    travelled.is_listed,
    travelled.is_thumbnail,
    travelled.is_range_map,
    travelled.is_downsampled_twin,
    travelled.is_counted,
    travelled.downsampling,
    travelled.tile,
    travelled.eye,
    travelled.filter,
    travelled.sclk,
    travelled.sclk_ms,
    travelled.site,
    travelled.drive,
    travelled.place_key,
    travelled.longitude,
    travelled.latitude,
    travelled.elevation_m,
    travelled.odometer_m,
    travelled.travel_phase,
    travelled.drive_before_key,
    before.length_m as drive_before_length_m,
    (travelled.sol - travelled.drive_before_sol)::integer as sols_since_drive,
    (datediff('millisecond', travelled.drive_before_ended_at, travelled.utc) / 1000)::double as seconds_since_drive,
    travelled.drive_after_key,
    after.length_m as drive_after_length_m,
    (travelled.drive_after_sol - travelled.sol)::integer as sols_to_drive,
    (datediff('millisecond', travelled.utc, travelled.drive_after_started_at) / 1000)::double as seconds_to_drive,
    travelled.img_src,
    {{ thumbnail_address('travelled.rover_name', 'travelled.img_src') }} as thumbnail_src,
    {{ small_address('travelled.rover_name', 'travelled.img_src') }} as small_src,
    {{ full_address('travelled.rover_name', 'travelled.img_src') }} as full_src,
    travelled.ingested_at
from travelled
left join {{ ref('fact_drives') }} as before on travelled.drive_before_key = before.drive_key
left join {{ ref('fact_drives') }} as after on travelled.drive_after_key = after.drive_key
