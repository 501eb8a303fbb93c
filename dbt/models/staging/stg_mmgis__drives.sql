-- Perseverance's layer spells SCLK_START in capitals and length in small letters, Curiosity's has only Length, and both have
-- been seen in other spellings: every known one is read, and what is absent stays null.

select
    responses.object_key::varchar as object_key,
    responses.source::varchar as source,
    responses.rover_name::varchar as rover_name,
    (feature.index + 1)::integer as drive_number,
    coalesce({{ sol_of("feature.value:properties:sol") }}, {{ sol_of("feature.value:properties:SOL") }}) as sol,
    nullif(coalesce(feature.value:properties:fromRMC::varchar, feature.value:properties:fromrmc::varchar), '') as from_rmc,
    nullif(coalesce(feature.value:properties:toRMC::varchar, feature.value:properties:tormc::varchar), '') as to_rmc,
    coalesce({{ finite_number("feature.value:properties:length") }}, {{ finite_number("feature.value:properties:Length") }}) as length_m,
    coalesce({{ clock_of("feature.value:properties:SCLK_START") }}, {{ clock_of("feature.value:properties:sclk_start") }}) as sclk_start,
    coalesce({{ clock_of("feature.value:properties:SCLK_END") }}, {{ clock_of("feature.value:properties:sclk_end") }}) as sclk_end,
    feature.value:geometry:type::varchar as geometry_type,
    feature.value:geometry:coordinates as coordinates,
    responses.ingestion_date::timestamp_ntz as ingested_at
from
    {{ latest_layers() }} as responses,
    lateral flatten(input => responses.coordinates) as feature
