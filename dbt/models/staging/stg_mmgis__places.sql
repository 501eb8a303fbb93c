-- Where the rovers stood, by the waypoint layers of the latest object that has any. The history comes first: the layer of the current
-- place repeats its last point. What a layer spoils is null already (see mm_contracts.documents.Place).

select
    responses.object_key::varchar as object_key,
    responses.source::varchar as source,
    responses.rover_name::varchar as rover_name,
    {{ text_of('place.value:layer') }} as layer,
    place.index::integer as place_index,
    {{ sol_of("place.value:sol") }} as sol,
    {{ whole_number("place.value:site") }} as site,
    {{ whole_number("place.value:drive") }} as drive,
    {{ finite_number('place.value:lon') }} as longitude,
    {{ finite_number('place.value:lat') }} as latitude,
    {{ finite_number('place.value:elevation_m') }} as elevation_m,
    {{ finite_number('place.value:distance_m') }} as distance_m,
    {{ finite_number('place.value:total_distance_m') }} as odometer_m,
    coalesce({{ text_of('place.value:final') }}, 'y') = 'y' as is_end_of_drive,
    responses.ingestion_date::timestamp_ntz as ingested_at
from
    {{ latest_layers() }} as responses,
    lateral flatten(input => responses.places) as place
where {{ text_of('place.value:layer') }} in ('waypoints', 'waypoints_current')
