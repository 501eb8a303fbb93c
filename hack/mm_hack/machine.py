"""What kind of machine this is, and so where tools and images come from. Facts are gathered once; choices are pure."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from mm_hack import versions
from mm_hack.run import SetupError, attempt

NEEDED_CAPABILITIES = (12, 21)
"""CAP_NET_ADMIN and CAP_SYS_ADMIN, by number: without these no container engine can run at all."""


class Provision(Enum):
    """Where tools and images come from."""

    REGISTRY = "registry"
    """A Docker engine that pulls images."""
    PACKAGES = "packages"
    """Language and distribution packages only; everything is built here."""


@dataclass(frozen=True)
class Facts:
    """What the choice depends on.

    Attributes:
        system: ``Linux``, ``Darwin``, ...
        root: whether this process may install packages and start a container engine.
        apt: whether Debian's package tools are here.
        engine: the Docker engine's version, or None if none answers.
        own_engine: the engine that answers was started by this package, on a machine without one.
        node_image: the published node image is in that engine, or could be pulled.
    """

    system: str
    root: bool
    apt: bool
    engine: str | None
    own_engine: bool
    node_image: bool


def choose(wanted: str, facts: Facts) -> tuple[Provision, str]:
    """Where things come from on this machine, and why in a sentence.

    Args:
        wanted: ``auto``, ``registry`` or ``packages``.

    Raises:
        SetupError: neither way can work here; the text says what to install.
    """
    can_build = facts.system == "Linux" and facts.root and facts.apt
    old = facts.engine is not None and not versions.at_least(facts.engine, versions.DOCKER_AT_LEAST)
    if wanted == Provision.REGISTRY.value:
        if facts.engine is None:
            raise SetupError(
                "`--provision registry` needs a Docker engine: install and start Docker, then run this again."
            )
        return Provision.REGISTRY, "images are pulled, as asked"
    if wanted == Provision.PACKAGES.value:
        if not can_build:
            raise SetupError("`--provision packages` needs Debian or Ubuntu and root, to start a Docker engine.")
        return Provision.PACKAGES, "everything is built from packages, as asked"
    if old:
        raise SetupError(f"The Docker engine is {facts.engine}; update Docker to {versions.DOCKER_AT_LEAST} or newer.")
    if facts.engine and not facts.own_engine and facts.node_image:
        return Provision.REGISTRY, "a Docker engine answers and pulls images"
    if can_build:
        if facts.own_engine:
            return Provision.PACKAGES, "everything is built from packages, as the Docker engine was"
        if facts.engine:
            return Provision.PACKAGES, "the Docker engine cannot pull images: everything is built from packages"
        return Provision.PACKAGES, "no Docker engine, but root and Debian: everything is built from packages"
    if facts.engine:
        raise SetupError("The Docker engine cannot pull images: check its network or its login, then run this again.")
    raise SetupError("No Docker engine answers: install Docker, start it, and run this again.")


def system() -> str:
    """The operating system's name as Python tells it."""
    return platform.system()


def is_root() -> bool:
    """Whether this process is the superuser (never on Windows)."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def has_apt() -> bool:
    """Whether Debian's package tools are here."""
    return shutil.which("apt-get") is not None and shutil.which("dpkg-query") is not None


def go_arch() -> str:
    """The machine's architecture as Go, Debian and container images spell it.

    Raises:
        SetupError: an architecture that nothing here was tried on.
    """
    names = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
    machine = platform.machine().lower()
    if machine not in names:
        raise SetupError(f"This machine's architecture is {machine}; only amd64 and arm64 are supported.")
    return names[machine]


def missing_capabilities(status: str, last: int) -> list[int]:
    """The capability numbers up to `last` that a process may never have, from its ``/proc/<pid>/status``.

    Raises:
        SetupError: the text has no ``CapBnd`` line, so it is no process status.
    """
    for line in status.splitlines():
        name, _, value = line.partition(":")
        if name == "CapBnd":
            bounding = int(value.strip(), 16)
            return [number for number in range(last + 1) if not bounding >> number & 1]
    raise SetupError("/proc/self/status has no CapBnd line: this does not look like Linux.")


def missing_here() -> list[int]:
    """The capabilities that nothing on this machine can have; empty on anything but Linux."""
    if sys.platform != "linux":
        return []
    last = int(Path("/proc/sys/kernel/cap_last_cap").read_text())
    return missing_capabilities(Path("/proc/self/status").read_text(), last)


def engine_version() -> str | None:
    """The version of the Docker engine that answers, or None."""
    said = attempt(["docker", "version", "--format", "{{.Server.Version}}"], timeout=20)
    return said.strip() if said and versions.parse(said) else None
