"""The dashboard over a scripted warehouse, a Kubernetes API in memory and a store in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from mm_dashboard import queries
from mm_dashboard.app import build
from mm_dashboard.kube import Api
from mm_dashboard.settings import Settings
from starlette.testclient import TestClient

from .fake_kube import FakeKube, serving
from .letterbox import Letterbox
from .scripted import AT, MemoryStore, ScriptedWarehouse, frame, rover, source_health


@dataclass
class Site:
    """The running application and what is behind it."""

    client: TestClient
    warehouse: ScriptedWarehouse
    kube: FakeKube
    store: MemoryStore
    mail: Letterbox


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
                source_health()
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
    store, mail = MemoryStore(), Letterbox()
    with serving(kube) as url:
        settings = settings_of(url, **options)
        api = Api(settings)
        app = build(settings, warehouse, api, store, mail, api.close)
        with TestClient(app, base_url="http://mars.example") as client:
            yield Site(client, warehouse, kube, store, mail)


TEMPLATES = Path(queries.__file__).parent / "templates"
