-- One frame in several versions
-- Products of one exposure that were sent more than once.
select rover_name, sol, frame_key, max(versions) as versions, listagg(distinct product_version, ', ') within group (order by product_version) as version_list from gold.photos where versions > 1 group by all order by rover_name, sol, frame_key;
