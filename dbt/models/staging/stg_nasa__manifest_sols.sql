{{ config(materialized='table') }}

select
    manifests.source,
    manifests.rover_name,
    {{ whole_number("entry.value:sol") }} as sol,
    try_to_date(entry.value:earth_date::varchar) as earth_date,
    {{ whole_number("entry.value:total_photos") }} as promised_photos,
    array_size(entry.value:cameras)::integer as promised_cameras,
    {{ joined_names('entry.value:cameras') }} as camera_names,
    manifests.ingested_at
from {{ ref('stg_nasa__manifests') }} as manifests,
    lateral flatten(input => manifests.sols) as entry
where
    {{ whole_number("entry.value:sol") }} is not null
    and {{ whole_number("entry.value:total_photos") }} > 0
