{{ config(materialized='table') }}

-- The names are brought into one order here, each once, because they are compared with names that the archive sorts: a
-- source orders them as its own database collates. A manifest that does not list them promises none in particular. A sol
-- that a manifest lists twice (by date, say) is one sol: its photos are added up.

with

entries as (

    select
        manifests.source,
        manifests.rover_name,
        {{ sol_of("entry.value:sol") }} as sol,
        {{ date_of("entry.value:earth_date") }} as earth_date,
        {{ whole_number("entry.value:total_photos") }} as photos,
        manifests.ingested_at
    from {{ ref('stg_sources__manifests') }} as manifests,
        lateral flatten(input => manifests.sols) as entry

),

named as (

    select
        manifests.source,
        manifests.rover_name,
        {{ sol_of("entry.value:sol") }} as sol,
        camera.value::varchar as camera_name
    from {{ ref('stg_sources__manifests') }} as manifests,
        lateral flatten(input => manifests.sols) as entry,
        lateral flatten(input => entry.value:cameras) as camera

),

cameras as (

    select
        source,
        rover_name,
        sol,
        count(distinct camera_name)::integer as promised_cameras,
        listagg(distinct camera_name, ',') within group (order by camera_name) as camera_names
    from named
    where camera_name <> ''
    group by source, rover_name, sol

),

promises as (

    select
        source,
        rover_name,
        sol,
        min(earth_date) as earth_date,
        sum(photos)::integer as promised_photos,
        max(ingested_at)::timestamp_ntz as ingested_at
    from entries
    where sol >= 0 and photos > 0
    group by source, rover_name, sol

)

select
    promises.source,
    promises.rover_name,
    promises.sol,
    promises.earth_date,
    promises.promised_photos,
    cameras.promised_cameras,
    cameras.camera_names,
    promises.ingested_at
from promises
left join cameras
    on promises.source = cameras.source and promises.rover_name = cameras.rover_name and promises.sol = cameras.sol
