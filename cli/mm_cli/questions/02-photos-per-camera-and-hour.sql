-- Photos per camera and local hour
-- Local mean solar time of pictures that have a clock.
select rover_name, camera_name, local_hour, count(*) as photos from gold.photos where local_hour is not null and is_counted group by all order by rover_name, camera_name, local_hour;
