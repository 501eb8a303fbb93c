"""What the tutorial tells people to type works on a running release, command by command, in its order."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from mm_hack import access

from tests.cluster.archive import wait_quiet
from tests.cluster.conftest import NAMESPACE
from tests.cluster.system import System, wait_until

pytestmark = pytest.mark.long

TUTORIAL = Path(__file__).parents[2] / "docs" / "tutorial.md"
NOT_HERE = {"demo", "ui", "clean"}
"""They bring the cluster up, wait for a person, or take everything away."""
PICTURE = re.compile(r"[A-Z]{3}_\d{4}_\w+")


def commands() -> Iterator[list[str]]:
    """Yield the words of each command of the tutorial, without ``./mars``."""
    for block in re.findall(r"^```sh\n(.*?)^```", TUTORIAL.read_text(), re.MULTILINE | re.DOTALL):
        for line in block.splitlines():
            program, *words = shlex.split(line)
            assert program == "./mars", line
            if words[0] not in NOT_HERE:
                yield words


def here(system: System) -> tuple[dict[str, str], str]:
    """Return what to type in place of the demo's sols, and a picture of a drive, as this smaller archive has them."""
    few = "select sol from gold.archive_progress where rover_name = 'Curiosity' and state = 'complete'"
    (first,), (second,) = system.sql(f"{few} order by promised_photos, sol limit 2")
    ((image,),) = system.sql(
        "select max(image_id) from gold.photos where rover_name = 'Perseverance' and camera_name = 'NAVCAM_LEFT' "
        "and travel_phase = 'during' and is_counted"
    )
    return {"12-17": f"{first},{second}", "curiosity/12": f"curiosity/{first}"}, str(image)


def test_each_command_of_the_tutorial_ends_well(
    system: System, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The demo's sols and picture are replaced by some that this archive has; the schedule's plan is waited for."""
    wait_quiet(system)
    sols, image = here(system)
    monkeypatch.chdir(tmp_path)  # where the picture is kept
    ran: list[str] = []
    plans = {plan["metadata"]["name"] for plan in system.get("iplan")}
    try:
        for words in commands():
            typed = [sols.get(word, image if PICTURE.fullmatch(word) else word) for word in words]
            code = access.run_command(typed, NAMESPACE)
            said = capfd.readouterr()
            assert code == 0, f"mars {shlex.join(typed)}: {said.out}{said.err}"
            ran += typed
        wait_until(lambda: {p["metadata"]["name"] for p in system.get("iplan")} - plans, "the schedule's plan")
    finally:
        wait_quiet(system)
    assert {"status", "questions", "sql", "schedule", "trace", image, *sols.values()} <= set(ran)
    assert (tmp_path / "drive.jpg").stat().st_size > 0
