{{ config(materialized='view', tags=['loop']) }}

-- A sol is archived where the archive has as many photos as the source in charge promises, in the cameras that it names. What another
-- source has shown counts as well where it is as many: the pictures are the same, and asking again would fetch what is there.

with

counts as (

    select
        source,
        rover_name,
        sol,
        sum(photos)::integer as photos,
        count(*)::integer as cameras,
        listagg(camera_name, ',') within group (order by camera_name) as camera_names
    from {{ ref('source_sol_cameras') }}
    where photos > 0
    group by source, rover_name, sol

),

promised as (

    select * from {{ ref('stg_nasa__manifest_sols') }}

),

compared as (

    select
        promised.rover_name,
        promised.sol,
        counts.source,
        counts.photos,
        counts.cameras,
        case
            when counts.source = promised.source
                then
                    counts.photos = promised.promised_photos
                    and (promised.camera_names is null or counts.camera_names = promised.camera_names)
            else counts.photos = promised.promised_photos
        end as is_kept,
        counts.source = promised.source as is_own
    from promised
    inner join counts on promised.rover_name = counts.rover_name and promised.sol = counts.sol
    qualify
        row_number() over (
            partition by promised.rover_name, promised.sol order by is_kept desc, is_own desc, counts.source
        ) = 1
        and (is_kept or is_own)

)

select
    promised.source,
    promised.rover_name,
    promised.sol,
    promised.earth_date,
    promised.promised_photos,
    promised.promised_cameras,
    promised.camera_names,
    coalesce(compared.photos, 0)::integer as archived_photos,
    coalesce(compared.cameras, 0)::integer as archived_cameras,
    compared.source as archived_source,
    coalesce(compared.is_kept, false) as is_kept,
    promised.ingested_at
from promised
left join compared on promised.rover_name = compared.rover_name and promised.sol = compared.sol
