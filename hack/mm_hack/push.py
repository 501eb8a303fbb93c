"""The app image in a registry: built from the working tree, named as the chart will ask for it, pushed."""

from mm_hack import app, docker
from mm_hack.machine import Provision
from mm_hack.progress import Progress
from mm_hack.run import SetupError, output, run


def target_of(registry: str, tag: str) -> str:
    """Return the image's name in a registry.

    Args:
        registry: host, port and path, such as ``registry.example.org:5000/team``.
        tag: empty is the product's version.

    Raises:
        SetupError: the registry is no name that an image can begin with.
    """
    name = registry.removeprefix("https://").removeprefix("http://").rstrip("/")
    if not name or " " in name or "@" in name:
        raise SetupError(f"{registry!r} is no registry: give its host and path, such as registry.example.org/team.")
    return f"{name}/{app.NAME}:{tag or app.version()}"


def push(provision: Provision, registry: str, tag: str, progress: Progress) -> list[str]:
    """Build the image, push it, and return the lines that tell how to install it.

    Raises:
        SetupError: the registry's name cannot be used; a failed push says where its log is.
    """
    target = target_of(registry, tag)
    built = app.build(provision, progress)
    docker.tag(built, target)
    with progress.step(f"push {target}"):
        run(["docker", "push", "--quiet", target], log="push")
    found = output(["docker", "image", "inspect", "--format", "{{json .RepoDigests}}", target])
    digest = digest_of(found, target)
    repository, _, pushed_tag = target.rpartition(":")
    host, _, path = repository.partition("/")
    values = [f"--set image.registry={host}", f"--set image.repository={path}", f"--set image.tag={pushed_tag}"]
    return [
        f"pushed {target}",
        "helm upgrade --install mars charts/martian-moments --namespace mars \\",
        "  " + " ".join([*values, *([f"--set image.digest={digest}"] if digest else [])]),
    ]


def digest_of(repo_digests: str, target: str) -> str:
    """Return the digest of a repository out of ``docker image inspect``'s list, or nothing where it is not told."""
    repository = target.rpartition(":")[0]
    for part in repo_digests.strip().strip("[]").split(","):
        name, _, digest = part.strip().strip('"').partition("@")
        if name == repository:
            return digest
    return ""
