"""The dashboard over a scripted warehouse, a Kubernetes API in memory and a store in memory."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from mm_dashboard import queries
from mm_dashboard.app import build
from mm_dashboard.kube import Api
from mm_dashboard.settings import Settings
from mm_dashboard.warehouse import Away, NotBuilt, Row
from starlette.testclient import TestClient

from .fake_kube import FakeKube, serving

AT = datetime.datetime(2025, 10, 7, 12, 0)


def rover(name: str = "Curiosity", **changes: Any) -> Row:
    """A row of the rovers' question."""
    row: Row = {
        "rover_name": name, "source": "simulator", "rover_status": "active", "landing_date": datetime.date(2012, 8, 6),
        "max_sol": 1004, "max_date": datetime.date(2015, 6, 3), "sols_promised": 66, "sols_archived": 52,
        "photos_promised": 22_153, "photos_archived": 19_271, "newest_archived_sol": 1004, "newest_photo_at": AT,
        "gaps": 15, "gaps_due": 15, "gaps_waiting": 0, "drives": 13, "distance_m": 656.14, "manifest_ingested_at": AT,
        "midnight0_unix": 1344174599.0, "has_traverse": True,
    }  # fmt: skip
    return row | changes


def frame(name: str = "NRA_486265257EDR_F0481570NCAM00323M_.JPG", sol: int = 1000, **changes: Any) -> Row:
    """A row of a picture."""
    row: Row = {
        "rover_name": "Curiosity", "sol": sol, "camera_name": "NAVCAM", "file_name": name, "utc": AT, "lmst": 14.5,
        "sclk": 486265257, "eye": "R", "is_thumbnail": False, "is_listed": True, "source": "simulator",
        "img_src": f"https://mars.nasa.gov/msl/{name}",
    }  # fmt: skip
    return row | changes


@dataclass
class ScriptedWarehouse:
    """Answers by the statement's text; what is not scripted has no rows."""

    answers: dict[str, list[Row] | Callable[[Sequence[object]], list[Row]]] = field(default_factory=dict)
    away: bool = False
    not_built: bool = False
    asked: list[tuple[str, tuple[object, ...]]] = field(default_factory=list)

    async def rows(self, sql: str, binds: Sequence[object] = ()) -> list[Row]:
        """Answer."""
        self.asked.append((sql, tuple(binds)))
        if self.away:
            raise Away("The warehouse does not answer.")
        if self.not_built:
            raise NotBuilt("The warehouse lacks the tables that this page shows.")
        answer = self.answers.get(sql, [])
        return answer(binds) if callable(answer) else answer


class MemoryStore:
    """Keeps thumbnails in memory."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    async def read(self, key: str) -> bytes | None:
        """Read."""
        return self.objects.get(key)

    async def write(self, key: str, body: bytes, _media: str) -> None:
        """Write."""
        self.objects[key] = body


@dataclass
class Site:
    """The running application and what is behind it."""

    client: TestClient
    warehouse: ScriptedWarehouse
    kube: FakeKube
    store: MemoryStore


@pytest.fixture
def warehouse() -> ScriptedWarehouse:
    """An archive of one rover."""
    return ScriptedWarehouse(
        {
            queries.ROVERS: [rover()],
            queries.NEWEST: [frame()],
            queries.GAPS: [
                {"rover_name": "Curiosity", "reason": "SourceError", "sols": 9, "photos": 120, "next_attempt_at": AT,
                 "attempts": 2},
            ],
            queries.BUILT: [{"built_at": AT, "tests": "passed"}],
            queries.SOURCES: [
                {"source": "simulator", "last_answer_at": AT, "last_failure_at": None, "failed": 3, "asked": 231}
            ],
        }
    )  # fmt: skip


@pytest.fixture
def kube() -> FakeKube:
    """An empty cluster."""
    return FakeKube()


@pytest.fixture
def settings_of() -> Callable[..., Settings]:
    """Makes settings that reach the fake API server at a URL."""

    def make(url: str, **changes: Any) -> Settings:
        return Settings(release="mars", namespace="mars", kube_url=url, kube_account=None, **changes)

    return make


@pytest.fixture
def options() -> dict[str, Any]:
    """Settings of the site; a test overrides it to switch actions on."""
    return {}


@pytest.fixture
def site(
    warehouse: ScriptedWarehouse, kube: FakeKube, settings_of: Callable[..., Settings], options: dict[str, Any]
) -> Iterator[Site]:
    """The application, started."""
    store = MemoryStore()
    with serving(kube) as url:
        settings = settings_of(url, **options)
        api = Api(settings)
        app = build(settings, warehouse, api, store, api.close)
        with TestClient(app, base_url="http://mars.example") as client:
            yield Site(client, warehouse, kube, store)


TEMPLATES = Path(queries.__file__).parent / "templates"
