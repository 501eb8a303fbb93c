-- Seasons by Ls
-- Pictures by Mars year and season, with the range of Ls. The seasons are those of the north.
select rover_name, mars_year, season, round(min(solar_longitude), 1) as first_ls, round(max(solar_longitude), 1) as last_ls, count(*) as photos from gold.photos where is_counted group by all order by rover_name, mars_year, first_ls;
