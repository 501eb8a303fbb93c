-- Longest drives
-- Of each drive that somebody measured: its metres, and where it led.
select rover_name, sol, length_m, minutes, to_longitude, to_latitude, evidence from gold.drives where length_m is not null order by length_m desc, rover_name, sol limit 20;
