"""Make the pictures of the dashboard that the README shows: python -m tests.dashboard.screenshots

The pages of the tests' scripted archive in Chromium, with pictures that the simulator draws; each PNG has 96 colours.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from mm_contracts.photos import image_id
from mm_contracts.sources import Source, Sources
from mm_dashboard import queries
from mm_dashboard.filters import PAGE, Filters
from PIL import Image

from tests.dashboard.archive import LAST, archive, cluster
from tests.dashboard.chromium import chromium
from tests.dashboard.conftest import served
from tests.unit.dashboard.scripted import ScriptedWarehouse, frame, rover

NOW = datetime.now(UTC).replace(tzinfo=None)
MISSIONS = {
    "Perseverance": (date(2021, 2, 18), NOW.date(), 39_100.0, 1_613_590_000.0),
    "Spirit": (date(2004, 1, 4), date(2010, 3, 21), 7_730.0, 1_073_137_591.0),
    "Opportunity": (date(2004, 1, 25), date(2018, 6, 10), 45_160.0, 1_074_957_566.0),
    "Curiosity": (date(2012, 8, 6), NOW.date(), 35_900.0, 1_344_174_599.0),
}
"""Landing, last day, metres driven and the first midnight of each."""
IMAGES = Path(__file__).parents[2] / "docs" / "images"
SHOTS = {"dashboard-overview": "/", "dashboard-sols": "/sols", "dashboard-pictures": "/pictures?rover=curiosity"}


@contextmanager
def simulator() -> Iterator[str]:
    """Yield the URL of a simulator with the demo's archive."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    env = (
        os.environ
        | {"SIM_PORT": str(port), "SIM_HOST": "127.0.0.1", "SIM_PROFILE": "demo"}
        | {"SIM_REQUIRE_KEY": "false"}
    )
    process = subprocess.Popen([sys.executable, "-m", "mm_simulator.main"], env=env)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                urllib.request.urlopen(f"{url}/healthz", timeout=1).read()
                break
            except OSError:
                assert process.poll() is None, "the simulator did not start"
                time.sleep(0.1)
        yield f"{url}/mars-photos/api/v1"
    finally:
        process.terminate()
        process.wait(20)


def _json(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def photos(base: str, name: str) -> list[dict[str, Any]]:
    """Return rows of the newest sol with photos of a rover, as the archive has them."""
    manifest = _json(f"{base}/manifests/{name.lower()}")["photo_manifest"]
    sol = max((one for one in manifest["photos"] if one["total_photos"] > 8), key=lambda one: one["sol"])["sol"]
    found = _json(f"{base}/rovers/{name.lower()}/photos?sol={sol}")["photos"]
    rows = []
    for number, one in enumerate(found):
        file = one["img_src"].rpartition("/")[2]
        rows.append(
            frame(
                file, sol, image_id=image_id(one["img_src"]), rover_name=name, camera_name=one["camera"]["name"],
                img_src=one["img_src"], lmst=8 + 9 * number / len(found), eye=None,
            )
        )  # fmt: skip
    return [row for row in rows if "thm" not in row["file_name"].lower()]


def shown(base: str) -> ScriptedWarehouse:
    """The tests' archive with the simulator's newest pictures, and without what is there to break pages."""
    found = archive()
    newest = {name: photos(base, name) for name in LAST}
    found.answers |= {
        queries.NEWEST: [rows[len(rows) // 2] for rows in newest.values()],
        queries.GAPS: [
            {"rover_name": "Curiosity", "reason": reason, "sols": sols, "photos": 9 * sols, "next_attempt_at": None,
             "attempts": 2}
            for reason, sols in (("NotAskedYet", 75), ("SourceError", 12), ("ManifestGrew", 3))
        ],
        queries.ROVERS: [
            rover(
                name, max_sol=last, newest_archived_sol=last, sols_promised=last - 90,
                sols_archived=last - 90 - 15 * (name == "Curiosity"),
                photos_promised=last * 106, photos_archived=last * 106 - 990 * (name == "Curiosity"),
                landing_date=MISSIONS[name][0], max_date=MISSIONS[name][1], distance_m=MISSIONS[name][2],
                midnight0_unix=MISSIONS[name][3], manifest_ingested_at=NOW, newest_photo_at=NOW, drives=last // 4,
                rover_status="complete" if name in ("Spirit", "Opportunity") else "active",
            )
            for name, last in LAST.items()
        ],
    }  # fmt: skip
    sql, _ = Filters(rover="Curiosity").question(PAGE + 1, 0)
    found.answers[sql] = newest["Curiosity"][: PAGE // 2]
    found.answers[queries.CAMERAS] = []
    return found


def main() -> None:
    """Make them."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:] or list(SHOTS)
    kube = cluster()
    kube.objects["ingestionplans"].pop("broken")
    with simulator() as base, chromium() as browser:
        sources = Sources(default="simulator", sources={"simulator": Source(base_url=base)})
        with served(shown(base), kube, sources=sources, picture_sources=("simulator",)) as site:
            for name, path in ((name, SHOTS[name]) for name in wanted):
                page = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
                page.goto(site.url + path, wait_until="load", timeout=120_000)
                page.wait_for_function(
                    "() => [...document.images].filter((i) => i.src && i.getBoundingClientRect().top < innerHeight)"
                    ".every((i) => i.complete && i.naturalWidth)",
                    timeout=120_000,
                )
                if path == "/sols":
                    page.wait_for_selector("#solmap[data-drawn]")
                shot = IMAGES / f"{name}.png"
                page.screenshot(path=shot)
                with Image.open(shot) as opened:
                    opened.convert("RGB").resize((960, 600), Image.Resampling.LANCZOS).quantize(96).save(
                        shot, optimize=True
                    )
                print(f"{shot.name}: {shot.stat().st_size:,} bytes", flush=True)
                page.close()


if __name__ == "__main__":
    main()
