"""One release of the ``tiny`` profile in its own namespace, for all tests of this folder.

Tests run in the order of their files' numbers on one archive that grows: installing anew for each would cost minutes.
Where this machine has real captures of NASA's API, the simulator serves their sols as they were recorded.
"""

import json
import os
import socket
import subprocess
from collections.abc import Iterator

import pytest
from mm_hack import places

from tests.cluster import captures
from tests.cluster.system import System, opened

NAMESPACE = "mars-test"
SPARE_WORKER = f"{places.CLUSTER}-worker2"
"""No part of the release is placed here, so that this node can be lost without its data; Jobs run on both workers."""

SIMULATOR = "http://mars-simulator:8000/mars-photos/api/v1"
KEY = {"apiKeySecret": "mars-source", "apiKeySecretKey": "SOURCE_API_KEY"}
"""The simulator's key: the chart gives it to the source that it makes, and no other has it by itself."""
MORE_SOURCES = [
    "--set-json",
    "source.sources="
    + json.dumps(
        {
            "paged": {"kind": "nasa-v1", "baseUrl": SIMULATOR, "pageSize": 500, **KEY},
            "thrifty": {"kind": "nasa-v1", "baseUrl": SIMULATOR, "pageSize": 5, "requestsPerHour": 2, **KEY},
        }
    ),
]
"""Sources that no rover has, for plans that name them: one of large pages, and one that can be asked twice an hour."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything in this folder needs the cluster."""
    for item in items:
        if "tests/cluster" in str(item.path):
            item.add_marker(pytest.mark.cluster)


def free_port() -> int:
    """Return a port of this machine that nobody listens on: Kafka advertises it to clients here."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def cluster() -> None:
    """The cluster. Without one the tests are skipped, unless the run promised one."""
    from mm_hack import release

    if not release.cluster_answers():
        if os.environ.get("MARS_REQUIRE_CLUSTER"):
            pytest.fail("the cluster does not answer: run ./mars up")
        pytest.skip("needs a cluster: run ./mars test")


@pytest.fixture(scope="session")
def system(cluster: None) -> Iterator[System]:  # noqa: ARG001 (without it there is none)
    """The installed release, made anew; with MARS_KEEP_TEST_NAMESPACE set it is kept and used again."""
    from mm_hack import release, tools

    keep = bool(os.environ.get("MARS_KEEP_TEST_NAMESPACE"))
    if not (keep and release.installed(NAMESPACE)):
        release.uninstall(NAMESPACE)
        release.make_namespace(NAMESPACE)
        values = ["--set", f"kafka.embedded.forwardPort={free_port()}", *MORE_SOURCES]
        kubectl = release.kubectl(NAMESPACE)
        subprocess.run([*kubectl, "cordon", SPARE_WORKER], check=True, capture_output=True)
        try:
            release.install(NAMESPACE, "tiny", [*values, *captures.install_arguments(kubectl)])
        finally:
            subprocess.run([*kubectl, "uncordon", SPARE_WORKER], check=True, capture_output=True)
    paths = tools.paths()
    with opened(release.kubectl(NAMESPACE), str(paths.docker)) as system:
        yield system
    if not keep:
        release.uninstall(NAMESPACE)
