"""What is pinned: one place for every version that this package brings to a machine.

The Go programs' versions are locked by the ``go.mod`` of each folder of ``hack/cluster``; the ones repeated
here are those that other files must name (image tags, kubeadm's settings), and a test holds the two together.
"""

from __future__ import annotations

import re
from typing import NamedTuple

KUBERNETES = "v1.34.4"
KIND = "v0.33.0"
HELM = "v3.19.5"
ETCD = "v3.6.5"
COREDNS = "v1.12.4"
LOCAL_PATH_PROVISIONER = "v0.0.30"
PAUSE = "3.10"
KAFKA = "4.3.1"
SCALA = "2.13"
SLF4J = "1.7.36"
LOG4J = "2.25.5"
KUBE_ROUTER = "v2.1.0"
MINIO = "RELEASE.2025-09-07T16-13-09Z"
K9S = "v0.50.18"
DEBIAN = "bookworm"
GO_WHEEL = "1.26.6"
UV = "0.13.9"

KIND_NODE_IMAGE = "kindest/node:v1.34.0@sha256:7416a61b42b1662ca6ca89f02028ac133a309a2a30ba309614e8ec94d976dc5a"
"""The node image where images can be pulled; a patch release behind KUBERNETES, which is what kind publishes."""

APP_PYTHON = "3.11"
"""The Python of the app image: Debian bookworm's. The wheelhouse is made for it, whatever the host runs."""


class Version(NamedTuple):
    """Three numbers that compare; what follows them (build, date, vendor) does not matter here."""

    major: int
    minor: int
    patch: int = 0

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}"


GO_AT_LEAST = Version(1, 25, 1)
"""What hack/cluster/*/go.mod ask for; Debian bookworm's Go is 1.19."""

KIND_AT_LEAST = Version(0, 30, 0)
"""The first release that knows Kubernetes 1.34's node images."""

HELM_AT_LEAST = Version(3, 14, 0)
DOCKER_AT_LEAST = Version(20, 10, 0)

_VERSION = re.compile(r"(?<![\d.])v?(\d+)\.(\d+)(?:\.(\d+))?")


def parse(text: str) -> Version | None:
    """The first version number in a program's own words, or None: ``go version go1.26.8 linux/amd64`` is 1.26.8."""
    found = _VERSION.search(text.replace("go1.", " 1."))
    return Version(int(found[1]), int(found[2]), int(found[3] or 0)) if found else None


def at_least(text: str, wanted: Version) -> bool:
    """Whether the version in `text` is `wanted` or newer; a text without a version is not."""
    version = parse(text)
    return version is not None and version >= wanted


def kubectl_fits(text: str) -> bool:
    """Whether a kubectl of that version may talk to the cluster: one minor version either side is supported."""
    version, cluster = parse(text), parse(KUBERNETES)
    if version is None or cluster is None:
        return False
    return version.major == cluster.major and abs(version.minor - cluster.minor) <= 1
