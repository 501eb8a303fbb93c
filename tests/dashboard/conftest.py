"""The dashboard over a scripted archive, in a browser."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import uvicorn
from mm_contracts.sources import Source, Sources
from mm_dashboard.app import build
from mm_dashboard.kube import Api
from mm_dashboard.settings import Settings
from playwright.sync_api import Browser

from tests.dashboard.archive import TOKEN, archive, bucket, cluster, letterbox
from tests.dashboard.chromium import chromium
from tests.unit.dashboard.fake_kube import FakeKube, serving
from tests.unit.dashboard.letterbox import Letterbox
from tests.unit.dashboard.scripted import ScriptedWarehouse


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for all tests of a file. While it is open its driver's event loop runs in this thread, and no test
    of another room could run one of its own.
    """
    with chromium() as opened:
        yield opened


@dataclass
class Site:
    """The running dashboard and what is behind it."""

    url: str
    warehouse: ScriptedWarehouse
    kube: FakeKube
    mail: Letterbox


@contextmanager
def served(warehouse: ScriptedWarehouse, kube: FakeKube, **settings: Any) -> Iterator[Site]:
    """Yield the dashboard as it runs in the cluster, on a port of its own."""
    store, mail = bucket(), letterbox()
    with serving(kube) as api_url:
        known = Settings("mars", "mars", api_url, None, actions=True, token=TOKEN, **settings)
        api = Api(known)
        app = build(known, warehouse, api, store, mail, api.close)
        server = uvicorn.Server(uvicorn.Config(app, "127.0.0.1", 0, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run)
        thread.start()
        while not server.started:
            assert thread.is_alive(), "the dashboard did not start"
            thread.join(0.05)
        port = server.servers[0].sockets[0].getsockname()[1]
        try:
            yield Site(f"http://127.0.0.1:{port}", warehouse, kube, mail)
        finally:
            server.should_exit = True
            thread.join(30)


@pytest.fixture
def site(request: pytest.FixtureRequest) -> Iterator[Site]:
    """The dashboard over the scripted archive; pictures have no source that answers.

    With the parameter "away" the warehouse does not answer from the beginning.
    """
    warehouse = archive()
    warehouse.away = getattr(request, "param", "") == "away"
    nowhere = Sources(default="simulator", sources={"simulator": Source(base_url="http://127.0.0.1:9/v1")})
    with served(warehouse, cluster(), sources=nowhere) as site:
        yield site
