-- The clock of a photo lies in the sol that the source gives it, to 15 minutes (the clocks of Spirit and Opportunity are
-- known to 10). A source may file a late frame under the next sol, so this only warns.

{{ config(severity='warn') }}

select photos.rover_name, photos.sol, photos.photo_id, photos.utc
from {{ ref('fact_photos') }} as photos
inner join {{ ref('ref_rovers') }} as rovers on photos.rover_name = rovers.rover_name
where
    photos.utc < {{ unix_to_timestamp(sol_midnight('photos.sol', 'rovers') ~ ' - 900') }}
    or photos.utc > {{ unix_to_timestamp(sol_midnight('(photos.sol + 1)', 'rovers') ~ ' + 900') }}
