-- The promise, sol by sol: that of the source in charge.

select manifest_sols.*
from {{ ref('stg_sources__manifest_sols') }} as manifest_sols
inner join {{ ref('source_in_charge') }} as charge
    on manifest_sols.rover_name = charge.rover_name and manifest_sols.source = charge.source
