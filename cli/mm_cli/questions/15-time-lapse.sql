-- Frames for a time-lapse
-- One eye of Perseverance's navigation camera in order of time, whole frames only.
select image_id, utc, lmst, small_src, sort_key from gold.photos where rover_name = 'Perseverance' and camera_name = 'NAVCAM_LEFT' and is_counted and coalesce(tile, 1) <= 1 order by sort_key;
