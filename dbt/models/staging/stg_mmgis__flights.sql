-- The layers of the helicopter come typed, with the feature as served beside it; what their names or kinds drift to is null here and
-- flagged. A clock of -1 is none, and the labels of the path are not those of the waypoints everywhere: both layers are kept apart.

select
    responses.object_key::varchar as object_key,
    responses.source::varchar as source,
    responses.rover_name::varchar as rover_name,
    place.value:layer::varchar as layer,
    (place.index + 1)::integer as place_number,
    {{ whole_number("place.value:flight") }} as flight,
    {{ sol_of("place.value:sol") }} as sol,
    {{ finite_number("place.value:lon") }} as longitude,
    {{ finite_number("place.value:lat") }} as latitude,
    {{ finite_number("place.value:elevation_m") }} as elevation_m,
    {{ finite_number("place.value:distance_m") }} as distance_m,
    {{ finite_number("place.value:total_distance_m") }} as total_distance_m,
    {{ finite_number("place.value:raw:properties:Max_Alt_m") }} as max_altitude_m,
    {{ finite_number("place.value:raw:properties:Max_Spd_m") }} as max_speed_m_s,
    {{ finite_number("place.value:raw:properties:Duration_s") }} as duration_s,
    {{ fine_clock_of("place.value:sclk_start") }} as sclk_start,
    {{ fine_clock_of("place.value:sclk_end") }} as sclk_end,
    coalesce({{ fine_clock_of("place.value:sclk_end") }} >= {{ fine_clock_of("place.value:sclk_start") }}, false) as has_window,
    coalesce({{ finite_number("place.value:lon") }} between -180 and 360, false)
    and coalesce({{ finite_number("place.value:lat") }} between -90 and 90, false) as has_position,
    responses.ingestion_date::timestamp_ntz as ingested_at
from
    {{ latest_layers('is_array(places)') }} as responses,
    lateral flatten(input => responses.places) as place
qualify
    place.value:layer::varchar in ('helicopter_waypoints', 'helicopter_path')
    and row_number() over (partition by responses.object_key, place.index order by place.index) = 1
