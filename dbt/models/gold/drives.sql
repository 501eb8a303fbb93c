-- Drives with where they led, for people; what is not measured is null.

select
    drives.drive_key,
    drives.rover_name,
    drives.sol,
    drives.drive_number,
    drives.length_m,
    drives.started_at,
    drives.ended_at,
    (datediff('second', drives.started_at, drives.ended_at) / 60)::double as minutes,
    drives.from_place_key,
    origins.longitude as from_longitude,
    origins.latitude as from_latitude,
    origins.elevation_m as from_elevation_m,
    drives.to_place_key,
    ends.longitude as to_longitude,
    ends.latitude as to_latitude,
    ends.elevation_m as to_elevation_m,
    ends.odometer_m,
    drives.is_doubtful,
    drives.is_measured,
    drives.evidence
from {{ ref('fact_drives') }} as drives
left join {{ ref('fact_places') }} as origins on drives.from_place_key = origins.place_key
left join {{ ref('fact_places') }} as ends on drives.to_place_key = ends.place_key
