"""The kind node image, built from packages: a Debian with systemd and containerd, Kubernetes, and its images inside."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mm_hack import cache, docker, gobuild, images, versions
from mm_hack.gobuild import COREDNS, ETCD, KUBE, KUBE_ROUTER, PAUSE, PROVISIONER, Program
from mm_hack.machine import go_arch
from mm_hack.places import ASSETS
from mm_hack.progress import Progress
from mm_hack.run import CommandFailed, SetupError, output, run

NODE = ASSETS / "node"
PROGRAMS = (KUBE, ETCD, COREDNS, PROVISIONER, PAUSE, KUBE_ROUTER)
CONTROL_PLANE = ("kube-apiserver", "kube-controller-manager", "kube-scheduler")
CONTAINERD_TIMEOUT = 30.0


def image_tag(debian: str) -> str:
    """The name of the node image on a Debian image, by everything that goes into it."""
    keys = [f"{program.name}={_key(program)}" for program in PROGRAMS]
    files = (Path(__file__), NODE, *sorted(images.DOCKERFILES.glob("*.Dockerfile")))
    return f"{docker.REPOSITORY}/node:{versions.KUBERNETES}-{cache.content_key(debian, *keys, *files)}"


def _key(program: Program) -> str:
    return gobuild.key(program, go_arch(), "Linux")


def ensure(progress: Progress) -> str:
    """The node image, built if the engine lacks it. Its programs must have been built."""
    debian = images.debian(progress)
    tag = image_tag(debian)
    if docker.image_id(tag):
        return tag
    programs = {program.name: gobuild.build(program, progress) for program in PROGRAMS}
    plain = _plain_node(debian, programs["kube"], progress)
    preloaded = _control_plane(debian, programs, progress)
    with progress.step("image node: put the cluster's images inside", about=25), cache.lock("image-node"):
        _preload(plain, preloaded, tag)
    return tag


def base(progress: Progress) -> str:
    """The part of the node image that needs no more than Kubernetes: it can be built while the rest still compiles."""
    debian = images.debian(progress)
    return "" if docker.image_id(image_tag(debian)) else _plain_node(debian, gobuild.build(KUBE, progress), progress)


def _plain_node(base: str, kube: Path, progress: Progress) -> str:
    files = gobuild.module_folder(gobuild.CLUSTER_MODULE, "sigs.k8s.io/kind") / "images" / "base" / "files"
    storage = (NODE / "storage.yaml").read_text().replace("@PROVISIONER@", versions.LOCAL_PATH_PROVISIONER)
    network = network_manifest()

    def fill(context: Path) -> None:
        shutil.copytree(files, context / "files", copy_function=shutil.copyfile)
        for script in (context / "files" / "usr/local/bin").iterdir():
            script.chmod(script.stat().st_mode | stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH)
        (context / "network.yaml").write_text(network)
        (context / "storage.yaml").write_text(storage)
        (context / "version").write_text(versions.KUBERNETES)
        images.link(kube, context / "kube")

    key = cache.content_key(files, storage, network, _key(KUBE))
    return docker.ensure(
        "node-plain", key, NODE / "base.Dockerfile", fill, progress, args={"BASE_IMAGE": base}, about=40
    )


def network_manifest() -> str:
    """What kind applies as the cluster's network: kube-router, at the version that was built."""
    return (NODE / "network.yaml").read_text().replace("@KUBE_ROUTER@", versions.KUBE_ROUTER)


def _control_plane(base: str, programs: dict[str, Path], progress: Progress) -> list[str]:
    """Build the images that the node must hold before it starts, and return the names that kubeadm will look for."""
    helper = f"{docker.REPOSITORY}/local-path-helper:{versions.LOCAL_PATH_PROVISIONER}"
    network = f"{docker.REPOSITORY}/kube-router:{versions.KUBE_ROUTER}"
    provisioner = f"{docker.REPOSITORY}/local-path-provisioner:{versions.LOCAL_PATH_PROVISIONER}"
    router = programs["kube-router"]
    built = {
        "kube": _image("kube", programs["kube"], lambda context: _kube_files(programs["kube"], context), progress),
        "kube-proxy": _image(
            "kube-proxy", programs["kube"], lambda c: images.link(programs["kube"], c / "bin/kube"), progress,
            {"BASE_IMAGE": base},
        ),
        "kube-router": _image(
            "kube-router", router, lambda c: images.link(router, c / "bin/kube-router"), progress, {"BASE_IMAGE": base}
        ),
        "etcd": _single("etcd", programs["etcd"], progress),
        "coredns": _image("coredns", programs["coredns"], lambda c: _into(programs["coredns"], c), progress),
        "pause": _image("pause", programs["pause"], lambda c: _into(programs["pause"], c), progress),
        "provisioner": _single("local-path-provisioner", programs["local-path-provisioner"], progress),
    }  # fmt: skip
    docker.tag(base, helper)
    docker.tag(built["provisioner"], provisioner)
    docker.tag(built["kube-router"], network)
    names = [helper, provisioner, network]
    for name in kubeadm_images(programs["kube"]):
        docker.tag(built[part_of(name)], name)
        names.append(name)
    return names


def kubeadm_images(kube: Path) -> list[str]:
    """The image names that kubeadm of this version starts a cluster with, CoreDNS at the version that was built."""
    said = output([str(kube), "kubeadm", "config", "images", "list", "--kubernetes-version", versions.KUBERNETES])
    names = said.split()
    renamed = [f"{n.rpartition(':')[0]}:{versions.COREDNS}" if part_of(n) == "coredns" else n for n in names]
    pauses = [f"{n.rpartition(':')[0]}:{versions.PAUSE}" for n in names if part_of(n) == "pause"]
    return list(dict.fromkeys([*renamed, *pauses]))


def part_of(name: str) -> str:
    """Which of our images stands for a kubeadm image name; the control plane's three programs are one image."""
    last = name.rpartition(":")[0].rpartition("/")[2]
    return "kube" if last in CONTROL_PLANE else last


def _kube_files(kube: Path, context: Path) -> None:
    images.link(kube, context / "bin" / "kube")
    for name in CONTROL_PLANE:
        (context / "bin" / name).symlink_to("kube")


def _into(program: Path, context: Path) -> None:
    images.link(program, context / program.name)


def _image(
    name: str, program: Path, fill: Callable[[Path], None], progress: Progress, args: dict[str, str] | None = None
) -> str:
    dockerfile = images.DOCKERFILES / f"{name}.Dockerfile"
    return docker.ensure(name, program.parent.name, dockerfile, fill, progress, args=args)


def _single(name: str, program: Path, progress: Progress) -> str:
    return docker.ensure(
        name, program.parent.name, images.DOCKERFILES / "program.Dockerfile",
        lambda context: _into(program, context), progress, args={"PROGRAM": name},
    )  # fmt: skip


def _preload(plain: str, names: Sequence[str], tag: str) -> None:
    """Import images into the node's containerd as it will find them, and keep the result as the node image."""
    with _container(plain) as name:
        containerd = subprocess.Popen(
            ["docker", "exec", name, "containerd"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        _await_containerd(name)
        import_images(name, names, "--no-unpack")  # a build's container may not mount; the kubelet unpacks at first use
        # The process to end is the one inside: the exec that started it only waits for it.
        run(["docker", "exec", name, "sh", "-c", "kill $(pidof containerd)"], log="image-node")
        containerd.wait(timeout=CONTAINERD_TIMEOUT)
        run(["docker", "exec", name, "rm", "-rf", "/run/containerd"], log="image-node")
        entry = '["/usr/local/bin/entrypoint", "/sbin/init"]'
        changes = ["--change", f"ENTRYPOINT {entry}", "--change", "CMD []"]
        run(["docker", "commit", *changes, name, tag], log="image-node")


@contextmanager
def _container(image: str) -> Iterator[str]:
    name = f"{docker.REPOSITORY}-node-build-{os.getpid()}"
    options = ["--security-opt", "seccomp=unconfined", "--entrypoint", "sleep"]
    run(["docker", "run", "--detach", "--name", name, *options, image, "infinity"], log="image-node")
    try:
        yield name
    finally:
        output(["docker", "rm", "--force", name])


def _await_containerd(container: str) -> None:
    deadline = time.monotonic() + CONTAINERD_TIMEOUT
    while True:
        try:
            output(["docker", "exec", container, "ctr", "version"], timeout=10)
            return
        except CommandFailed as error:
            if time.monotonic() > deadline:
                raise SetupError(f"containerd did not start in the node image. {error}") from error
            time.sleep(0.2)


def import_images(container: str, names: Sequence[str], *options: str) -> None:
    """Copy images from the engine into the containerd of a node.

    Args:
        options: of ``ctr images import``, such as how to unpack.

    Raises:
        CommandFailed: either end failed.
    """
    save = subprocess.Popen(["docker", "save", *names], stdout=subprocess.PIPE)
    assert save.stdout is not None
    load = ["docker", "exec", "--interactive", container, "ctr", "--namespace", "k8s.io", "images", "import"]
    try:
        run([*load, "--all-platforms", "--digests", *options, "-"], log="load-images", stdin=save.stdout)
    finally:
        save.stdout.close()
        code = save.wait()
    if code != 0:
        raise CommandFailed(["docker", "save", *names], code, "", None)
