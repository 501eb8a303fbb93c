-- Stereo pairs
-- Moments that both eyes of a pair of cameras have seen.
select rover_name, sol, pair_key, max(iff(eye = 'L', image_id, null)) as left_image, max(iff(eye = 'R', image_id, null)) as right_image from gold.photos where pair_key is not null and is_counted group by all having count(distinct eye) = 2 order by rover_name, sol, pair_key;
