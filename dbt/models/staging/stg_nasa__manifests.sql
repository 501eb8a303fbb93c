-- The promise: no other source's manifest changes it.

select manifests.*
from {{ ref('stg_sources__manifests') }} as manifests
inner join {{ ref('source_in_charge') }} as charge
    on manifests.rover_name = charge.rover_name and manifests.source = charge.source
