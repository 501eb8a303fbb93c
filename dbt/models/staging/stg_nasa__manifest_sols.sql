{{ config(materialized='table') }}

-- The names are brought into one order here, each once, because they are compared with names that the archive sorts: a
-- source orders them as its own database collates. A manifest that does not list them promises none in particular.

select
    manifests.source,
    manifests.rover_name,
    max({{ whole_number("entry.value:sol") }})::integer as sol,
    max(try_to_date(entry.value:earth_date::varchar)) as earth_date,
    max({{ whole_number("entry.value:total_photos") }})::integer as promised_photos,
    nullif(count(distinct camera.value::varchar), 0)::integer as promised_cameras,
    nullif(listagg(distinct camera.value::varchar, ',') within group (order by camera.value::varchar), '') as camera_names,
    max(manifests.ingested_at)::timestamp_ntz as ingested_at
from {{ ref('stg_nasa__manifests') }} as manifests,
    lateral flatten(input => manifests.sols) as entry,
    lateral flatten(input => entry.value:cameras, outer => true) as camera
where
    {{ whole_number("entry.value:sol") }} is not null
    and {{ whole_number("entry.value:total_photos") }} > 0
group by manifests.source, manifests.rover_name, entry.index
