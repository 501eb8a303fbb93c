-- No photo is of a sol beyond the last one of a manifest that its source gave later.

select photos.rover_name, photos.sol, photos.photo_id, manifests.max_sol
from {{ ref('fact_photos') }} as photos
inner join {{ ref('stg_sources__manifests') }} as manifests
    on photos.source = manifests.source and photos.rover_name = manifests.rover_name
where photos.sol > manifests.max_sol and photos.ingested_at < manifests.ingested_at
