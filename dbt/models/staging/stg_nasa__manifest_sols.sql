{{ config(materialized='table') }}

select
    manifests.source,
    manifests.rover_name,
    entry.value:sol::integer as sol,
    entry.value:earth_date::date as earth_date,
    entry.value:total_photos::integer as promised_photos,
    array_size(entry.value:cameras)::integer as promised_cameras,
    {{ joined_names('entry.value:cameras') }} as camera_names,
    manifests.ingested_at
from {{ ref('stg_nasa__manifests') }} as manifests,
    lateral flatten(input => manifests.sols) as entry
