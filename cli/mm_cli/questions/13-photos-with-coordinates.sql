-- Photos with coordinates and elevation
-- Pictures of places that somebody measured.
select rover_name, sol, image_id, longitude, latitude, elevation_m, odometer_m, small_src, sort_key from gold.photos where longitude is not null and is_counted order by rover_name, sort_key limit 1000;
