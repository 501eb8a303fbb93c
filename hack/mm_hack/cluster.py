"""The local cluster: kind's nodes (a control plane and two workers), made, looked at, given images, deleted."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from mm_hack import cache, thin, versions
from mm_hack.node import import_images
from mm_hack.places import ASSETS, CLUSTER, CONTEXT, NODE
from mm_hack.progress import Progress
from mm_hack.run import CommandFailed, SetupError, attempt, output, run

READY_TIMEOUT = 300.0
NODE_COUNT = 3
"""Nodes in cluster/kind.yaml."""


def render(template: str, node_image: str, *, packages: bool) -> str:
    """The kind config for this machine: one file, with the lines for package-built nodes kept or left out."""
    lines = []
    for line in template.splitlines():
        text, mark, _ = line.partition(" # packages")
        if mark and not packages:
            continue
        lines.append(text if mark else line)
    return "\n".join(lines).replace("@NODE_IMAGE@", node_image).replace("@COREDNS@", versions.COREDNS) + "\n"


def nodes() -> dict[str, bool]:
    """The containers of the cluster's nodes, the control plane first, and whether each runs."""
    form, label = "{{.Names}} {{.State}}", f"label=io.x-k8s.kind.cluster={CLUSTER}"
    said = attempt(["docker", "container", "ls", "--all", "--filter", label, "--format", form]) or ""
    found = dict(line.split(maxsplit=1) for line in said.splitlines() if line.strip())
    return {name: found[name].strip() == "running" for name in sorted(found, key=lambda name: (name != NODE, name))}


def state() -> str:
    """``running``, ``stopped`` (one node at least) or ``absent``."""
    found = nodes()
    return "absent" if NODE not in found else "running" if all(found.values()) else "stopped"


def node_image() -> str | None:
    """The image that the running cluster was made from."""
    found = attempt(["docker", "container", "inspect", "--format", "{{.Config.Image}}", NODE])
    return found.strip() if found else None


def ensure(kind: Path, kubectl: Path, image: str, progress: Progress, *, packages: bool) -> None:
    """Have the cluster run: keep it, start it again, or make it; never replaces one that holds data.

    Raises:
        SetupError: it does not become ready; the text says what to look at.
    """
    with cache.lock("cluster"):
        before = state()
        if before == "stopped":
            with progress.step("start the cluster again"):
                for name in nodes():  # the control plane first: it gets the address back that the workers know
                    run(["docker", "start", name], log="cluster")
        if before != "absent" and not _complete():
            progress.say("the cluster's creation was interrupted: it is made anew")
            delete(kind, progress)
            before = "absent"
        if before == "absent":
            _create(kind, image, progress, packages=packages)
        elif not attempt([str(kubectl), "--context", CONTEXT, "version", "-o", "json"], timeout=20):
            run([str(kind), "export", "kubeconfig", "--name", CLUSTER], log="cluster")
        if before != "absent" and (node_image() != image or len(nodes()) != NODE_COUNT):
            progress.say("the cluster is of an older form; `./mars down` and up again makes it anew, without its data")
        with progress.step("cluster ready") as step:
            wait_ready(kubectl)
            step.note = f"context {CONTEXT}, Kubernetes {_server_version(kubectl)}"


def _create(kind: Path, image: str, progress: Progress, *, packages: bool) -> None:
    config = render((ASSETS / "kind.yaml").read_text(), image, packages=packages)
    with progress.step("create the cluster", about=60), tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kind.yaml"
        path.write_text(config)
        run([str(kind), "create", "cluster", "--name", CLUSTER, "--config", str(path)], log="cluster")
        run(["docker", "exec", NODE, "touch", COMPLETE], log="cluster")


COMPLETE = "/kind/complete"
"""A file of the node that says that kind came to its end: a node without it is half a cluster and holds nothing."""


def _complete() -> bool:
    # Only the node's own "no" counts: a busy engine that does not answer must not cost a cluster its data.
    return output(["docker", "exec", NODE, "sh", "-c", f"test -e {COMPLETE} && echo yes || echo no"]).strip() == "yes"


def wait_ready(kubectl: Path) -> None:
    """Wait until the API answers and node, DNS and storage work."""
    call = [str(kubectl), "--context", CONTEXT]
    try:
        _await_pods(call)
        run([*call, "wait", "--for=condition=Ready", "node", "--all", f"--timeout={READY_TIMEOUT:.0f}s"], log="cluster")
    except SetupError as error:
        look = f"kubectl --context {CONTEXT} get pods -A"
        raise SetupError(f"The cluster is not ready. Look with `{look}`. {error}") from error


def _await_pods(call: Sequence[str]) -> None:
    """Wait until the system's pods are ready, in this run of the node.

    After a restart the API first tells the state of before, in which everything was ready.
    """
    since = output(["docker", "container", "inspect", "--format", "{{.State.StartedAt}}", NODE]).strip()
    deadline = time.monotonic() + READY_TIMEOUT
    for namespace in SYSTEM_NAMESPACES:
        while True:
            said = attempt([*call, "--namespace", namespace, "get", "pods", "-o", "json"], timeout=20)
            waiting = not_ready(json.loads(said), since[:19]) if said else ["the API server"]
            if not waiting:
                break
            if time.monotonic() > deadline:
                raise SetupError(f"{', '.join(waiting)} did not become ready.")
            time.sleep(0.5)


SYSTEM_NAMESPACES = ("kube-system", "local-path-storage")


def not_ready(pods: dict[str, Any], since: str) -> list[str]:
    """The lasting pods with a container that is not ready or was started before `since` (UTC, to the second).

    Pods without an owner do one thing and end, as those do that make and delete volumes. No pods at all count as one
    that is missing: their Deployment has not made them yet.
    """
    waiting = []
    lasting = [pod for pod in pods["items"] if pod["metadata"].get("ownerReferences")]
    for pod in lasting:
        statuses = pod["status"].get("containerStatuses", [])
        fine = [s["ready"] and s["state"].get("running", {}).get("startedAt", "")[:19] >= since for s in statuses]
        if not fine or not all(fine):
            waiting.append(str(pod["metadata"]["name"]))
    return waiting if lasting else ["the first pod"]


def _server_version(kubectl: Path) -> str:
    said = output([str(kubectl), "--context", CONTEXT, "version", "-o", "json"], timeout=30)
    return str(json.loads(said)["serverVersion"]["gitVersion"])


def loaded(node: str = NODE) -> dict[str, str]:
    """The names of the images in a node, and the digest that each stands for."""
    return parse_images(output(["docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", "ls"]))


def _lacking(names: Sequence[str]) -> list[str]:
    """The nodes that lack an image under one of its names."""
    return [node for node in nodes() if not is_loaded(names, loaded(node))]


def _on_each(lacking: Sequence[str], action: Callable[[str], object]) -> list[object]:
    """Do something on several nodes at a time; raises what the first that failed raised."""
    with ThreadPoolExecutor(max_workers=max(1, len(lacking)), thread_name_prefix="node") as pool:
        return list(pool.map(action, lacking))


def parse_images(listing: str) -> dict[str, str]:
    """Names and digests out of what ``ctr images ls`` prints: a heading, then name, type, digest and more per line."""
    lines = [line.split() for line in listing.splitlines()[1:]]
    return {fields[0]: fields[2] for fields in lines if len(fields) > 2}


def is_loaded(names: Sequence[str], present: Mapping[str, str]) -> bool:
    """Whether all names of one image are in the node and stand for the same image there.

    One of them must change with the content: a plain name alone says nothing about what it stands for.
    """
    digests = {present.get(full_name(name)) for name in names}
    return len(digests) == 1 and None not in digests


def load(names: Sequence[str], progress: Progress, *, about: float = 0) -> None:
    """Copy an image into the nodes that lack it, under all its names.

    Args:
        names: as Docker writes them; one of them changes with the image's content.
    """
    if lacking := _lacking(names):
        with progress.step(f"load into the cluster: {short_name(names[-1])}", about=about):
            _on_each(lacking, lambda node: import_images(node, names, "--snapshotter", "overlayfs"))


def load_thin(image: str, names: Sequence[str], progress: Progress) -> None:
    """Copy an image into the nodes under its names, as :func:`load` does, but only the layers that each lacks."""
    lacking = _lacking([image, *names])
    if not lacking:
        return
    full = [full_name(name) for name in dict.fromkeys((*names, image))]
    with progress.step(f"load into the cluster: {short_name(image)}") as step:
        try:
            counts = _on_each(lacking, lambda node: thin.send(node, image, full))
            step.note = f"{max(int(str(count)) for count in counts)} layers"
        except (thin.Unexpected, CommandFailed):
            _on_each(lacking, lambda node: import_images(node, [*names, image], "--snapshotter", "overlayfs"))


def forget(prefix: str, kept: Sequence[str]) -> None:
    """Take the names with a prefix out of the nodes, but those to keep; containerd then drops unused layers."""
    keep = {full_name(name) for name in kept}
    for node in nodes():
        doomed = [name for name in loaded(node) if name.startswith(full_name(prefix)) and name not in keep]
        if doomed:
            output(["docker", "exec", node, "ctr", "--namespace", "k8s.io", "images", "rm", *doomed])


def full_name(name: str) -> str:
    """A name as containerd keeps it: ``minio/minio:x`` is ``docker.io/minio/minio:x``."""
    head, slash, _ = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        return name
    return f"docker.io/{name}" if slash else f"docker.io/library/{name}"


def short_name(name: str) -> str:
    """A name without its tag, for people."""
    return name.rpartition(":")[0].rpartition("/")[2]


def delete(kind: Path | None, progress: Progress) -> bool:
    """Delete the cluster and its entry in the kubeconfig. False if there was none."""
    if state() == "absent":
        return False
    with progress.step("delete the cluster"):
        if kind is not None:
            run([str(kind), "delete", "cluster", "--name", CLUSTER], log="cluster")
        else:
            subprocess.run(["docker", "rm", "--force", "--volumes", *nodes()], check=True, stdout=subprocess.DEVNULL)
    return True
