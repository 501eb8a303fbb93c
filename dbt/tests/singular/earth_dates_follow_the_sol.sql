-- NASA's rule: landing date plus the whole days in that many sols. Other sources give the true date, so this only warns.

{{ config(severity='warn') }}

select manifest_sols.rover_name, manifest_sols.sol, manifest_sols.earth_date
from {{ ref('stg_nasa__manifest_sols') }} as manifest_sols
inner join {{ ref('dim_rovers') }} as rovers on manifest_sols.rover_name = rovers.rover_name
where
    manifest_sols.earth_date
    <> dateadd('day', floor(manifest_sols.sol * {{ sol_seconds() }} / 86400)::integer, rovers.landing_date)::date
