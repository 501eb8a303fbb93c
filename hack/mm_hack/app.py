"""The product's own image: locked dependencies (as wheels where a build reaches no index), then a layer of code."""

from __future__ import annotations

import re
import shutil
import tomllib
from collections.abc import Sequence
from pathlib import Path

from mm_hack import cache, docker, versions
from mm_hack.images import debian, link
from mm_hack.machine import Provision, go_arch
from mm_hack.places import REPO, cache_root
from mm_hack.progress import Progress
from mm_hack.run import SetupError, attempt, output, run
from mm_hack.venv import ensure_uv

NAME = f"{docker.REPOSITORY}/app"
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
RECIPE = "2"
"""Part of the wheels' key: raise it when the same lock is to give other wheels."""
GLIBC = range(5, 37)
"""The C library versions (2.x) whose wheels run on Debian bookworm, which has 2.36."""


def version() -> str:
    """The product's version, from the root pyproject.toml."""
    document = tomllib.loads((REPO / "pyproject.toml").read_text())
    return str(document["project"]["version"])


def plain_name() -> str:
    """The name that the chart uses by default: ``martian-moments/app:<version>``."""
    return f"{NAME}:{version()}"


def content_name() -> str:
    """The newest build's name by content; what is deployed by it restarts exactly when the image changed.

    Raises:
        CommandFailed: no image was built yet.
    """
    return f"{plain_name()}-{docker.short_id(plain_name())}"


def requirements() -> str:
    """The locked dependencies of all rooms with their hashes, as pip reads them."""
    options = ["--frozen", "--no-dev", "--no-emit-workspace", "--no-header", "--quiet"]
    return output([str(ensure_uv()), "export", *options], cwd=REPO)


def platforms(arch: str) -> list[str]:
    """The wheel platforms that the app image can run, newest first."""
    machine = MACHINES[arch]
    numbered = [f"manylinux_2_{minor}_{machine}" for minor in reversed(GLIBC)]
    return [*numbered, f"manylinux2014_{machine}", f"linux_{machine}"]


def wheelhouse(locked: str, progress: Progress) -> Path:
    """The wheels of the locked dependencies for the app image's Python, fetched with the host's own settings.

    The build then needs neither index nor certificates. Markers are resolved for the image's Python first: pip would
    resolve them for the host's.
    """
    arch = go_arch()

    def make(folder: Path) -> None:
        with progress.step("fetch the wheels", about=30):
            source, resolved = folder / ".locked.txt", folder / ".resolved.txt"
            source.write_text(locked)
            uv = ensure_uv()
            target = ["--python-version", versions.APP_PYTHON, "--python-platform", f"{MACHINES[arch]}-manylinux_2_36"]
            compiled = ["--no-deps", "--generate-hashes", "--no-header", "--quiet", "-o", str(resolved)]
            # Not from here: the project's override-dependencies would undo the lock's pins for what is newest today.
            run([str(uv), "pip", "compile", str(source), *compiled, *target], log="wheels", cwd=folder)
            if strangers := sorted(pins(resolved.read_text()) - pins(locked)):
                raise SetupError(f"The wheels to fetch are not the locked ones: {', '.join(strangers)}.")
            pip = [str(uv.parent / "python"), "-m", "pip", "download", "--no-deps", "--only-binary", ":all:", "--quiet"]
            for platform in platforms(arch):
                pip += ["--platform", platform]
            run([*pip, "--python-version", versions.APP_PYTHON, "-r", str(resolved), "-d", str(folder)], log="wheels")
            source.unlink()
            resolved.unlink()

    return cache.folder("wheels", cache.content_key(locked, versions.APP_PYTHON, arch, RECIPE), make)


def pins(requirements: str) -> set[str]:
    """The ``name==version`` of each requirement, without markers and hashes."""
    return {match[1] for match in re.finditer(r"(?m)^([^\s#=]+==[^\s;\\]+)", requirements)}


def build(provision: Provision, progress: Progress) -> str:
    """Build the image from the working tree, and return its name by content.

    Docker's own layer cache decides what is made anew: for a change of code the last, thin layer.
    """
    locked = requirements()
    wheels = wheelhouse(locked, progress) if provision is Provision.PACKAGES else None
    about = 70 if docker.image_id(plain_name()) is None else 0
    with cache.lock("image-app"), progress.step("image app", about=about) as step:
        context = cache_root() / "contexts" / "app"
        cache.remove(context)
        context.mkdir(parents=True)
        try:
            fill(context, locked, wheels)
            args = {"VERSION": version()}
            if wheels is not None:
                args |= {"BASE_IMAGE": debian(progress), "PIP_ARGS": "--no-index --find-links=/wheels"}
            before = docker.image_id(plain_name())
            docker.build(plain_name(), context / "Dockerfile", context, log="image-app", args=args)
        finally:
            cache.remove(context)
        name = content_name()
        docker.tag(plain_name(), name)
        forget_older(name)
        step.note = "unchanged" if docker.image_id(name) == before else name.rpartition(":")[2]
    return name


KEPT = 3
"""Builds that stay in the engine: going back to the last one needs no building."""


def names() -> list[str]:
    """All names of the app image in the engine, newest image first."""
    form = ["--format", "{{.Repository}}:{{.Tag}}"]
    return output(["docker", "image", "ls", "--filter", f"reference={NAME}", *form]).split()


def forget_older(newest: str) -> None:
    """Take the names from all but the last builds, so that the engine can drop their layers."""
    for name in older(names(), newest):
        attempt(["docker", "image", "rm", name])


def older(known: Sequence[str], newest: str) -> list[str]:
    """The builds to forget, out of all names of the app image, newest first."""
    prefix = f"{plain_name()}-"
    builds = [newest, *(name for name in known if name.startswith(prefix) and name != newest)]
    return builds[KEPT:]


def fill(context: Path, locked: str, wheels: Path | None) -> None:
    """Copy what the image is made of into a build context: what .dockerignore lets in, and the wheels."""
    ignored = [line.strip() for line in (REPO / ".dockerignore").read_text().splitlines()]
    patterns = [line.rpartition("/")[2] for line in ignored if line.startswith("**/")]
    needless = {str(REPO / line) for line in ignored if "/" in line and not line.startswith(("**/", "!", "#"))}

    def skip(folder: str, names: list[str]) -> set[str]:
        listed = {name for name in names if str(Path(folder) / name) in needless}
        return shutil.ignore_patterns(*patterns)(folder, names) | listed

    shutil.copyfile(REPO / ".dockerignore", context / ".dockerignore")
    shutil.copyfile(REPO / "Dockerfile", context / "Dockerfile")
    for name in (line[1:] for line in ignored if line.startswith("!")):
        source = REPO / name
        if name == "wheels" or not source.exists():
            continue
        if source.is_dir():
            shutil.copytree(source, context / name, ignore=skip)
        else:
            shutil.copyfile(source, context / name)
    (context / "requirements.txt").write_text(locked)
    (context / "wheels").mkdir()
    (context / "wheels" / ".keep").touch()
    for wheel in wheels.iterdir() if wheels else ():
        link(wheel, context / "wheels" / wheel.name)
