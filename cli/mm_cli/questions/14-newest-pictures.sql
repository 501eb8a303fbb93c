-- Newest pictures
-- By the time they were taken; where that is not known, by their sol.
select rover_name, sol, camera_name, coalesce(utc, taken_from) as taken_at, image_id, small_src, sort_key from gold.photos where is_counted order by taken_at desc, sort_key desc limit 20;
