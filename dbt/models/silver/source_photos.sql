{{ config(materialized='view', tags=['loop']) }}

-- What each source says of a picture: of the sols in which it has shown it, the one to believe.

select * exclude (is_current, is_withdrawn)
from {{ ref('photo_sightings') }}
where is_current and not is_withdrawn
