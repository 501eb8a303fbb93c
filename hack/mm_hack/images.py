"""The images that come from packages: Debian, Kafka, MinIO. Each is built once per content and named by it."""

from __future__ import annotations

import hashlib
import os
import shutil
from pathlib import Path

from mm_hack import cache, docker, engine, gobuild, versions
from mm_hack.machine import go_arch
from mm_hack.places import ASSETS, cache_root
from mm_hack.progress import Progress
from mm_hack.run import SetupError, attempt, output, run

DOCKERFILES = ASSETS / "images"
KAFKA_IMAGES = (f"apache/kafka:{versions.KAFKA}", f"martian-moments/kafka:{versions.KAFKA}")
MINIO_IMAGES = (f"minio/minio:{versions.MINIO}",)
"""The names that the chart asks for: where images cannot be pulled, ours answer to them."""


# What the published slim image leaves out too.
NEEDLESS = (
    *("var/cache/apt/*.bin", "var/cache/apt/archives/*.deb", "var/lib/apt/lists/*", "var/log/*.log", "var/log/apt/*"),
    *("usr/share/doc/*", "usr/share/man/*", "usr/share/info/*", "usr/share/locale/*"),
)


def debian(progress: Progress) -> str:
    """A Debian image made with debootstrap from the machine's own mirror: what ``debian:<suite>-slim`` is elsewhere."""
    tag = f"{docker.REPOSITORY}/debian:{cache.content_key(versions.DEBIAN, go_arch(), *NEEDLESS)}"
    if not docker.image_id(tag):
        archive = _debian_archive(progress)
        with progress.step("image debian"), archive.open("rb") as source:
            run(["docker", "import", "--change", 'CMD ["bash"]', "-", tag], log="image-debian", stdin=source)
    return tag


def _debian_archive(progress: Progress) -> Path:
    def make(folder: Path) -> None:
        engine.install_packages(("debootstrap",), progress)
        with progress.step("make a Debian root", about=60):
            root, lists = folder / "root", _package_lists()
            mirror = [address for address, codename in lists if codename == versions.DEBIAN][:1]
            options = ["--variant=minbase", "--include=ca-certificates", f"--arch={go_arch()}"]
            run(["debootstrap", *options, versions.DEBIAN, str(root), *mirror], log="debootstrap")
            if mirror:  # with the security archive, which debootstrap does not know of
                lines = [f"deb {address} {codename} main\n" for address, codename in lists]
                (root / "etc/apt/sources.list").write_text("".join(lines))
            (root / "etc/apt/apt.conf.d/90slim").write_text(
                'APT::Install-Recommends "false";\nAcquire::Languages "none";\n'
            )
            for pattern in NEEDLESS:
                for path in root.glob(pattern):
                    cache.remove(path)
            run(["tar", "--numeric-owner", "-C", str(root), "-cf", str(folder / "root.tar"), "."], log="debootstrap")
            cache.remove(root)

    return cache.folder("debian", cache.content_key(versions.DEBIAN, go_arch(), *NEEDLESS), make) / "root.tar"


def _package_lists() -> list[tuple[str, str]]:
    """Where this machine gets the suite from: (address, codename), main archive first; none on another suite."""
    form = "$(CODENAME) $(REPO_URI)"
    said = attempt(["apt-get", "indextargets", "--format", form, "Created-By: Packages", "Component: main"]) or ""
    found = {(address, codename) for codename, _, address in (line.partition(" ") for line in said.splitlines())}
    ours = [pair for pair in found if pair[1] == versions.DEBIAN or pair[1].startswith(f"{versions.DEBIAN}-")]
    return sorted(ours, key=lambda pair: pair[1])


def kafka(progress: Progress) -> str:
    """Apache Kafka on a Java runtime, laid out as apache/kafka is where the chart looks."""
    jars = kafka_jars(progress)
    tag = docker.ensure(
        "kafka",
        cache.content_key(ASSETS / "kafka" / "jars.sha256"),
        DOCKERFILES / "kafka.Dockerfile",
        lambda context: link_tree(jars, context / "libs"),
        progress,
        args={"BASE_IMAGE": debian(progress)},
        about=45,
    )
    docker.tag(tag, *KAFKA_IMAGES)
    return tag


def kafka_jars(progress: Progress) -> Path:
    """The broker's jars, fetched with Maven as the machine's settings say and checked against the locked hashes.

    Raises:
        SetupError: a jar is missing, differs from its hash, or was not expected.
    """
    pom, locked = ASSETS / "kafka" / "pom.xml", ASSETS / "kafka" / "jars.sha256"

    def make(folder: Path) -> None:
        if shutil.which("mvn") is None:
            engine.install_packages(("maven",), progress)
        with progress.step("fetch Kafka"):
            local = cache_root() / "maven"
            goal = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"
            options = ["-DincludeScope=runtime", f"-DoutputDirectory={folder}", f"-Dmaven.repo.local={local}"]
            run(["mvn", "-B", "-ntp", "-f", str(pom), goal, *options], log="kafka-jars", cwd=folder)
            verify(folder, locked.read_text())

    return cache.folder("kafka-jars", cache.content_key(pom, locked), make)


def verify(folder: Path, locked: str) -> None:
    """Hold the files of a folder against ``sha256sum`` lines.

    Raises:
        SetupError: they differ; names the files.
    """
    wanted = {name: digest for digest, name in (line.split() for line in locked.splitlines() if line.strip())}
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.glob("*.jar")}
    wrong = sorted(name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name))
    if wrong:
        raise SetupError(
            f"These jars are not the locked ones: {', '.join(wrong)}. Nothing was kept; check the Maven mirror."
        )


def minio(progress: Progress) -> str:
    """The object store on a small Debian (the chart's scripts need a shell)."""
    program = gobuild.build(gobuild.MINIO, progress)
    tag = docker.ensure(
        "minio",
        program.parent.name,
        DOCKERFILES / "minio.Dockerfile",
        lambda context: link(program, context / "minio"),
        progress,
        args={"BASE_IMAGE": debian(progress)},
    )
    docker.tag(tag, *MINIO_IMAGES)
    return tag


def link(source: Path, target: Path) -> None:
    """Put a file into a build context without copying it where the file system allows."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def link_tree(source: Path, target: Path) -> None:
    """Put a folder into a build context, as :func:`link` does each file."""
    for path in source.rglob("*"):
        if path.is_file():
            link(path, target / path.relative_to(source))


def remove_ours() -> None:
    """Delete the images that this package made, on an engine that is not its own."""
    listing = output(["docker", "image", "ls", "--no-trunc", "--format", "{{.ID}} {{.Repository}}:{{.Tag}}"])
    if names := ours(listing):
        run(["docker", "image", "rm", "--force", *names], log="clean")


def ours(listing: str) -> list[str]:
    """All names of the images that have a name of ours, out of lines of id and name."""
    pairs = [(fields[0], fields[1]) for fields in (line.split() for line in listing.splitlines()) if len(fields) == 2]
    known = {image for image, name in pairs if name.startswith(f"{docker.REPOSITORY}/")}
    return [name for image, name in pairs if image in known]
