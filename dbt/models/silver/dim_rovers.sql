{{ config(tags=['loop']) }}

with

rovers as (

    select * from {{ ref('ref_rovers') }}

),

manifests as (

    select * from {{ ref('stg_nasa__manifests') }}

)

select
    rovers.rover_id,
    rovers.rover_name,
    manifests.source,
    manifests.rover_status,
    manifests.launch_date,
    manifests.landing_date,
    manifests.max_sol,
    manifests.max_date,
    manifests.total_photos,
    rovers.has_traverse,
    manifests.object_key as manifest_object_key,
    manifests.ingested_at as manifest_ingested_at
from rovers
left join manifests on rovers.rover_name = manifests.rover_name
