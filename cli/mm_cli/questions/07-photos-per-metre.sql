-- Photos per metre
-- Pictures over metres of the same sols; no number unless every drive of them was measured.
select rover_name, photos, round(distance_m, 1) as metres, round(photos_per_metre, 2) as photos_per_metre from gold.travel_summary order by rover_name;
