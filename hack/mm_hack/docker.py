"""The few Docker calls that building needs: is an image there, build it from a folder, name it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from mm_hack import cache
from mm_hack.places import cache_root
from mm_hack.progress import Progress
from mm_hack.run import attempt, output, run

REPOSITORY = "martian-moments"


def image_id(name: str) -> str | None:
    """An image's id (``sha256:...``), or None if the engine has no such image."""
    found = attempt(["docker", "image", "inspect", "--format", "{{.Id}}", name], timeout=60)
    return found.strip() if found else None


def short_id(name: str) -> str:
    """The first 12 digits of an image's id; raises if there is no such image."""
    said = output(["docker", "image", "inspect", "--format", "{{.Id}}", name])
    return said.strip().removeprefix("sha256:")[:12]


def build(tag: str, dockerfile: Path, context: Path, *, log: str, args: Mapping[str, str] | None = None) -> None:
    """Build an image from a folder.

    The build sees the host's network, as package mirrors and proxies of the host are what it is set up for.
    """
    command = ["docker", "build", "--network", "host", "--force-rm", "--tag", tag, "--file", str(dockerfile)]
    for name, value in (args or {}).items():
        command += ["--build-arg", f"{name}={value}"]
    run([*command, str(context)], log=log)


def ensure(
    name: str, key: str, dockerfile: Path, fill: Callable[[Path], object], progress: Progress,
    *, args: Mapping[str, str] | None = None, about: float = 0,
) -> str:  # fmt: skip
    """An image of ours, built if the engine lacks it, named ``martian-moments/<name>:<key>``.

    Args:
        key: content key of what goes into it; the Dockerfile and `args` are added here.
        fill: puts the build context into an empty folder.
    """
    whole = cache.content_key(key, dockerfile, *(f"{k}={v}" for k, v in sorted((args or {}).items())))
    tag = f"{REPOSITORY}/{name}:{whole}"
    if image_id(tag):
        return tag
    with cache.lock(f"image-{name}"), progress.step(f"image {name}", about=about):
        context = cache_root() / "contexts" / name
        cache.remove(context)
        context.mkdir(parents=True)
        try:
            fill(context)
            build(tag, dockerfile, context, log=f"image-{name}", args=args)
        finally:
            cache.remove(context)
    return tag


def tag(image: str, *names: str) -> None:
    """Give an image more names."""
    for name in names:
        output(["docker", "tag", image, name])
