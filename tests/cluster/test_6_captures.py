"""Real answers of NASA's API go through the whole loop and stay what they were."""

import json
from typing import Any

import pytest

from tests.cluster.archive import wait_complete
from tests.cluster.captures import FILES, captured
from tests.cluster.system import System

pytestmark = [
    pytest.mark.shared,
    pytest.mark.skipif(not FILES, reason="no real captures here: MARS_SHARED names a folder with data/captures"),
]

FACTS = """
select
    photo.photo_id, photo.rover_id, rover.rover_id, photo.rover_name, photo.sol, photo.earth_date::varchar,
    photo.camera_key, camera.nasa_camera_id, photo.served_camera_id, photo.camera_name, photo.camera_full_name,
    photo.img_src
from silver.fact_photos as photo
left join silver.dim_rovers as rover on photo.rover_name = rover.rover_name
left join silver.dim_cameras as camera
    on photo.rover_name = camera.rover_name and photo.camera_key = camera.camera_key
where photo.rover_name = '{}' and photo.sol = {} and photo.is_listed
"""


def facts(photo: dict[str, Any]) -> tuple[Any, ...]:
    """Return what a row of FACTS must say of a photo."""
    rover, camera = photo["rover"], photo["camera"]
    return (
        photo["id"], rover["id"], rover["id"], rover["name"], photo["sol"], photo["earth_date"],
        str(camera["id"]), camera["id"], camera["id"], camera["name"], camera["full_name"],
        photo["img_src"],
    )  # fmt: skip


def test_every_captured_photo_stands_in_the_archive_field_by_field(system: System) -> None:
    """Nothing is lost, changed or added: the sols list the captured photos and no other."""
    wait_complete(system)
    for (rover, sol), photos in captured().items():
        assert sorted(system.sql(FACTS.format(rover, sol))) == sorted(map(facts, photos)), f"{rover}, sol {sol}"


def test_objects_and_bronze_hold_captured_photos_as_they_came(system: System) -> None:
    """All of a photo's JSON, the rover inside it too, in the object that the archive's rows name and in its row."""
    wait_complete(system)
    s3 = system.s3()
    for (rover, sol), photos in captured().items():
        where = f"rover_name = '{rover}' and sol = {sol} and is_listed"
        ((key,),) = system.sql(f"select distinct object_key from silver.fact_photos where {where}")
        stored = json.loads(s3.get_object(Bucket="mars", Key=key)["Body"].read())["photos"]
        assert [photo for photo in stored if photo["sol"] == sol] == photos, f"{rover}, sol {sol}: {key}"
        ((row,),) = system.sql(f"select photos from bronze.raw_photo_response where object_key = '{key}'")
        assert json.loads(row) == stored, key
