-- Time from a photo to the next drive
-- For pictures and drives that both have a clock.
select rover_name, sol, image_id, utc, drive_after_key, seconds_to_drive, round(seconds_to_drive / 3600, 2) as hours_to_drive from gold.photos where seconds_to_drive is not null and is_counted order by seconds_to_drive, image_id limit 100;
