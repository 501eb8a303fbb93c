"""What an ingest Job writes of any kind of source, the load's reader takes as it is."""

import json
from typing import Any

import pytest
from mm_contracts.keys import WORK_PREFIX
from mm_contracts.source_kinds import KINDS
from mm_jobs.common.log import Log
from mm_jobs.ingest import job
from mm_jobs.ingest.gate import OpenGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.spec import Batch, SourceSettings
from mm_jobs.load import documents

from tests.unit.jobs import recorded_shapes as shapes
from tests.unit.jobs.scripted_source import ScriptedSource, json_reply
from tests.unit.jobs.test_ingest_job import MemoryStore

V1_MANIFEST = {"name": "Perseverance", "max_sol": 123, "photos": [{"sol": 123, "total_photos": 1, "cameras": None}, 7]}
ODD = {"title": "half \ud83c", "caption": float("nan")}


def _answers(source: ScriptedSource, kind: str) -> None:
    odd = {"nobody": "knows me", "x": 10**30}
    if kind in ("nasa-v1", "marsvista-v1"):
        source.on("/manifests/Perseverance", json_reply({"photo_manifest": V1_MANIFEST}))
        source.on("/rovers/Perseverance/photos", json_reply({"photos": [shapes.v1_photo(1) | ODD, odd]}))
    elif kind == "marsvista-v2":
        source.on("/rovers/perseverance/manifest", json_reply({"data": {"attributes": V1_MANIFEST}}))
        source.on("/photos", json_reply(shapes.v2_page([shapes.v2_photo(1) | ODD, odd])))
    elif kind == "m20-raw":
        source.on("", json_reply(shapes.m20_page([shapes.m20_image(1) | ODD, odd], total=1)))
        source.on("/", json_reply(shapes.m20_page([shapes.m20_image(1) | ODD, odd], total=1)))
    elif kind == "msl-raw":
        source.on("/", json_reply(shapes.msl_page([shapes.msl_item(1) | ODD, odd])))
    else:
        for layer in ("MSL_traverse", "MSL_waypoints", "MSL_waypoints_current"):
            make = shapes.drive if layer == "MSL_traverse" else shapes.waypoint
            source.on(f"/MSL/Layers/json/{layer}.json", json_reply({"features": [make(3), odd]}))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_load_takes_what_was_written(kind: str, source: ScriptedSource, log: Log) -> None:
    _answers(source, kind)
    rover = KINDS[kind].rovers[0] if kind != "mmgis" else "Curiosity"
    default: Any = KINDS[kind]
    settings = SourceSettings(
        "s", kind, source.url, page_size=default.page_size, sample_types=default.sample_types, rovers=default.rovers
    )
    for dataset in default.datasets:
        if dataset == "manifests" and kind in ("m20-raw", "msl-raw"):
            continue  # derived ones are counted from many answers: test_ingest_kinds has them
        store = MemoryStore()
        sols = "123" if dataset == "photos" else ""
        batch = Batch("p", 0, 1, dataset, rover, "", "20260102T030405Z-1a2b3c4d", "a" * 32, sols)
        job.run(batch, settings, SourceClient(OpenGate(), log, timeout=5, pause=lambda _: None), store, log)
        ((key, stored),) = ((key, one) for key, one in store.objects.items() if not key.startswith(WORK_PREFIX))
        loadable = documents.read(key, stored.etag, stored.body)
        assert loadable.notes == ()
        document = json.loads(stored.body)
        if dataset == "photos":
            assert document["photo_count"] == 1
            assert [one["reason"] for sol in document["sols"] for one in sol["set_aside"]]
            # Every field of the document that has a column arrives there.
        kept = json.loads(loadable.document)
        assert kept["source_kind"] == kind
        assert {name: document[name] for name in kept} == kept
