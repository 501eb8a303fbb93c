"""The command-line tools of a local cluster: found on the machine, else built; all in one folder of links.

``paths()`` is what other modules and tests call; it never builds anything.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from mm_hack import cache, gobuild, versions
from mm_hack.gobuild import HELM, KIND, KUBE, KUBECTL, Program
from mm_hack.machine import Provision
from mm_hack.places import CONTEXT, cache_root
from mm_hack.progress import Progress
from mm_hack.run import SetupError, attempt


@dataclass(frozen=True)
class Paths:
    """Where the tools are, and the environment in which they find each other.

    Attributes:
        kubectl, helm, kind: files in one folder of links.
        docker: the machine's own client.
        context: the kubeconfig context of the local cluster: every call names it.
        env: this process's environment with the folder first in PATH.
    """

    kubectl: Path
    helm: Path
    kind: Path
    docker: Path
    context: str
    env: dict[str, str]


@dataclass(frozen=True)
class Tool:
    """A tool that may be on the machine already: how to ask its version, and which versions do."""

    name: str
    ask: tuple[str, ...]
    fits: Callable[[str], bool]
    program: Program


TOOLS = (
    Tool(
        "kubectl",
        ("version", "--client", "-o", "yaml"),
        lambda said: versions.kubectl_fits(_git_version(said)),
        KUBECTL,
    ),
    Tool("kind", ("version",), lambda said: versions.at_least(said, versions.KIND_AT_LEAST), KIND),
    Tool("helm", ("version", "--short"), lambda said: versions.at_least(said, versions.HELM_AT_LEAST), HELM),
)


def folder() -> Path:
    """The folder of links; it may be put into PATH."""
    return cache_root() / "tools"


def paths() -> Paths:
    """The tools that ``up`` has set up.

    Raises:
        SetupError: it has not, or what it linked to is gone.
    """
    missing = [tool.name for tool in TOOLS if not (folder() / tool.name).exists()]
    docker = shutil.which("docker")
    if missing or docker is None:
        names = ", ".join([*missing, *(["docker"] if docker is None else [])])
        raise SetupError(f"These tools are not set up: {names}. Run `./mars up` first.")
    env = {**os.environ, "PATH": f"{folder()}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    return Paths(folder() / "kubectl", folder() / "helm", folder() / "kind", Path(docker), CONTEXT, env)


def on_path(tool: Tool) -> Path | None:
    """The machine's own copy of a tool if its version will do."""
    found = shutil.which(tool.name)
    if found is None or Path(found).parent == folder():
        return None
    return Path(found) if tool.fits(attempt([found, *tool.ask]) or "") else None


def ensure(provision: Provision, progress: Progress) -> Paths:
    """Have every tool, and return where.

    On a machine of packages Kubernetes is built anyway, and kubectl is a name of it.
    """
    for tool in TOOLS:
        target = on_path(tool)
        if target is None and tool.name == "kubectl" and provision is Provision.PACKAGES:
            target = gobuild.build(KUBE, progress)
        link(tool.name, target or gobuild.build(tool.program, progress))
    return paths()


def link(name: str, target: Path) -> None:
    """Put a tool's link into the folder, replacing an older one at once."""
    folder().mkdir(parents=True, exist_ok=True)
    place = folder() / name
    if place.is_symlink() and place.readlink() == target:
        return
    fresh = folder() / f".{name}.{os.getpid()}"
    cache.remove(fresh)
    fresh.symlink_to(target)
    fresh.replace(place)


def _git_version(said: str) -> str:
    """The client's version in ``kubectl version -o yaml``."""
    for line in said.splitlines():
        key, _, value = line.strip().partition(": ")
        if key == "gitVersion":
            return value
    return ""
