-- A camera that NASA documents for other rovers only is not this rover's: dim_cameras takes in what photos and manifests name,
-- so that being in it proves nothing. A name that nobody documents is new, and only warned of elsewhere.

select cameras.rover_name, cameras.camera_name
from {{ ref('dim_cameras') }} as cameras
where
    not cameras.is_documented
    and cameras.camera_name in (select camera_name from {{ ref('ref_cameras') }})
