-- Share of thumbnails
-- How much of what is listed is thumbnails, by camera.
select rover_name, camera_name, count(*) as photos, count_if(is_thumbnail) as thumbnails, round(count_if(is_thumbnail) / count(*), 4) as share from gold.photos where is_listed group by all order by rover_name, camera_name;
