"""A scripted archive as large as the real one where that matters: every sol of the four rovers."""

from __future__ import annotations

import datetime
import json
from collections.abc import Sequence
from typing import Any

from mm_contracts.keys import DOCS_PAGE, LINEAGE
from mm_dashboard import queries

from tests.unit.dashboard.fake_kube import FakeKube, job, plan, pod
from tests.unit.dashboard.letterbox import Letterbox, message
from tests.unit.dashboard.scripted import AT, MemoryStore, ScriptedWarehouse, frame, picture, rover, source_health

TOKEN = "open-sesame"
LAST = {"Perseverance": 1640, "Spirit": 2208, "Opportunity": 5111, "Curiosity": 4687}
"""Newest sols, as the manifests had them in the autumn of 2025."""
MODELS_PAGE = b"""<!doctype html><html lang="en"><title>models</title><body><p id="said">-</p><script>
let said = "ran";
try { said += parent.document ? ", reached" : ""; } catch { said += ", kept apart"; }
document.querySelector("#said").textContent = said + eval("'!'");
</script></body></html>"""
"""It runs scripts, as dbt's page does, and tries to reach the page around it."""
EVIL = "<img src=x onerror=alert(1)>"


def sols() -> list[dict[str, Any]]:
    """A row for most sols; some are gaps of each kind."""
    gaps = {
        11: ("MISSING_SOL", None), 23: ("MISSING_SOL", "SourceError"), 31: ("PHOTO_COUNT_MISMATCH", "StableMismatch"),
        47: ("PHOTO_COUNT_MISMATCH", "ManifestGrew"), 53: ("MISSING_SOL", "NoOutcome"),
    }  # fmt: skip
    rows = []
    for name, last in LAST.items():
        for sol in range(last + 1):
            if sol % 29 == 0:
                continue
            status, reason = gaps.get(sol % 61, (None, None))
            rows.append(
                {
                    "rover_name": name, "sol": sol, "promised_photos": 100,
                    "photos": 0 if status == "MISSING_SOL" else 100, "status": status, "reason": reason,
                    "attempts": 1 if reason else 0, "is_due": True, "is_newest": False,
                }
            )  # fmt: skip
    return rows


def outcome(status: str = "complete", **changes: Any) -> dict[str, Any]:
    """One attempt at a sol."""
    row = {
        "requested_at": AT, "attempt": 1, "source": "simulator", "status": status, "reason": None, "message": "",
        "promised_photos": 12, "received_photos": 12, "plan": "loop-7f3a", "batch": 3, "load_id": "0f3c",
        "object_key": "photos/curiosity/mars_rover_photos_batch_sol_1000_to_1000_20251007T120000Z.json",
        "trace_id": "0af7651916cd43dd8448eb211c80319c", "is_latest_attempt": True, "ingested_at": AT,
    }  # fmt: skip
    return row | changes


def _frames(count: int, sol: int = 1000) -> list[dict[str, Any]]:
    names = [f"NRB_48626{5000 + i}EDR_F0481570NCAM00323M_.JPG" for i in range(count)]
    return [
        frame(name, sol, sclk=486_265_000 + i // 2, lmst=9 + i / 10, camera_name="NAVCAM" if i % 3 else "FHAZ")
        for i, name in enumerate(names)
    ]


def archive() -> ScriptedWarehouse:
    """The archive."""
    found = ScriptedWarehouse()
    known = picture(sclk_ms=None, tile=None)

    def picture_of(binds: Sequence[object]) -> list[dict[str, Any]]:
        by_name = {row["file_name"].partition(".")[0]: row for row in _frames(9)}
        return [known | by_name[str(binds[2])]] if binds[2] in by_name else []

    found.answers = {
        queries.ROVERS: [
            rover(name, max_sol=last, rover_status="complete" if name in ("Spirit", "Opportunity") else "active")
            for name, last in LAST.items()
        ],
        queries.NEWEST: [frame(rover_name=name, sol=last) for name, last in LAST.items()],
        queries.GAPS: [
            {"rover_name": "Curiosity", "reason": reason, "sols": 9, "photos": 120, "next_attempt_at": AT,
             "attempts": 2}
            for reason in ("SourceError", "NotAskedYet", EVIL)
        ],
        queries.BUILT: [{"built_at": AT, "tests": "passed"}],
        queries.SOURCES: [source_health(last_failure_at=AT, budget_remaining=700, budget_limit=1000)],
        queries.SOLS: sols(),
        queries.PROMISE: [
            {"earth_date": datetime.date(2015, 5, 30), "promised_photos": 12, "promised_cameras": 2,
             "camera_names": "FHAZ,NAVCAM", "ingested_at": AT}
        ],
        queries.OUTCOMES: [outcome("failed", reason="SourceError", message=EVIL), outcome()],
        queries.PHOTOS_OF_SOL: _frames(9),
        queries.PHOTO: picture_of,
        queries.CAMERAS: [
            {"rover_name": "Curiosity", "camera_name": name, "camera_full_name": name, "camera_category": "engineering",
             "photos": 9, "first_sol": 0, "last_sol": 1000}
            for name in ("FHAZ", "NAVCAM", EVIL)
        ],
        queries.ROUTE: [
            {"drive_number": i // 20, "point_number": i % 20, "longitude": 77.45 + i * 1e-4,
             "latitude": 18.44 + i % 7 * 1e-4, "elevation_m": -2570 + i % 13,
             "sol": 14 + i, "length_m": 6.5, "to_site": 3, "to_drive": i // 20}
            for i in range(200)
        ],
        queries.SPOTS: [{"site": 3, "drive": i, "photos": 9 + i, "first_sol": 14, "last_sol": 15} for i in range(9)],
        queries.FAMILY: [
            row
            | {"product_type": "EDR", "product_version": "M_", "is_latest_version": True, "is_range_map": False,
               "is_downsampled_twin": False, "is_counted": True, "tile": None, "is_other_eye": bool(i)}
            for i, row in enumerate(_frames(2))
        ],
        queries.TESTS: [
            {"test_name": EVIL, "status": "fail", "is_good": False, "failures": 21, "message": "Got 21 results",
             "seconds": 0.2, "run_id": "run-9", "tested_at": AT, "last_passed_at": AT,
             "history": "2025-10-07T12:00:00Z fail 21 run-9\n2025-10-07T11:00:00Z pass 0 run-8\n2025-10",
             "broken_rows": json.dumps({"columns": ["image_id", "sol"], "rows": [[EVIL, "7"], ["NRB_1", None]]})},
            {"test_name": "unique_photos", "status": "pass", "is_good": True, "failures": 0, "message": None,
             "seconds": 0.1, "run_id": "run-9", "tested_at": AT, "last_passed_at": AT,
             "history": "2025-10-07T12:00:00Z pass 0 run-9\n", "broken_rows": None},
        ],
        queries.LOADS_OF_SOL: [
            {"object_key": outcome()["object_key"], "load_id": "0f3c", "loaded_at": AT, "row_count": 1}
        ],
        queries.IN_GOLD: [{"photos": 9, "cameras": 2}],
        queries.LOADS: [{"load_id": "0f3c", "loaded_at": AT, "objects": 4, "row_count": 4}],
        queries.OBJECTS: [
            {"plan": "long-gone", "rover_name": "Spirit", "objects": 3, "photos": 99, "first_at": AT, "last_at": AT}
        ],
    }  # fmt: skip
    return found


def letterbox() -> Letterbox:
    """Dead letters, one of a stranger who tries."""
    evil = message(8, EVIL.encode(), why=EVIL)
    return Letterbox({"minio-events": [message(7, b'{"Records": 1}', "BadMessage"), evil]})


def bucket() -> MemoryStore:
    """The bucket with what a transform run leaves there."""
    store = MemoryStore()
    store.objects[LINEAGE] = json.dumps(
        [
            {"name": "gold.photos", "layer": "gold", "description": EVIL, "from": ["silver.fact_photos"]},
            {"name": "silver.fact_photos", "layer": "silver", "description": "", "from": ["bronze.raw_photo_response"]},
            {"name": "bronze.raw_photo_response", "layer": "bronze", "description": "As loaded.", "from": []},
        ]
    ).encode()
    store.objects[DOCS_PAGE] = MODELS_PAGE
    return store


def gallery(warehouse: ScriptedWarehouse, address: str, count: int) -> None:
    """Have the gallery at an address show some pictures."""
    from mm_dashboard.filters import PAGE, read

    query = dict(pair.split("=") for pair in address.partition("?")[2].split("&") if pair)
    filters = read(query)
    sql, _ = filters.question(PAGE + 1, (filters.page - 1) * PAGE)
    warehouse.answers[sql] = _frames(count)


def cluster() -> FakeKube:
    """A loop at work, with a plan that failed."""
    failed: dict[str, Any] = {
        "batch": 7, "rover": "Curiosity", "sols": "70-79", "state": "Failed", "attempts": 5, "reason": "BadResponse",
        "message": EVIL, "advice": "Look at the source.", "logTail": "asking\n500",
    }  # fmt: skip
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    kube = FakeKube()
    kube.put(
        "ingestionplans",
        plan("loop-7f3a"),
        plan("broken", "Failed", records=[failed], failedIndexes="7", finishedAt=now),
    )
    fetching = job("loop-7f3a-6-1", "ingest", plan="loop-7f3a", batch="6", attempt="1")
    fetching["metadata"]["creationTimestamp"] = now
    kube.put("jobs", fetching)
    kube.put("pods", *(pod(part) for part in ("operator", "kafka", "minio", "warehouse")))
    return kube
