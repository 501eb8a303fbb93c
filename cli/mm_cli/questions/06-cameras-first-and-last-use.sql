-- Cameras' first and last use
-- Cameras that have photos, and the sols of their first and last one.
select rover_name, camera_name, camera_full_name, first_sol, last_sol, photos from gold.camera_summary where photos > 0 order by rover_name, first_sol, camera_name;
