-- Sols with photos while driving
-- Pictures that were taken while the rover moved. Doubtful ones do not count.
select rover_name, sol, count(*) as photos from gold.photos where travel_phase = 'during' and is_counted group by all order by rover_name, sol;
