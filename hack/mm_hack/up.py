"""``mars up``: from a machine as it is to a running cluster that holds every image the chart needs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mm_hack import app, cluster, docker, engine, gobuild, images, machine, node, tools, versions
from mm_hack.graph import Task, run_all
from mm_hack.machine import Facts, Provision
from mm_hack.places import CONTEXT, NAMESPACE, cache_root
from mm_hack.progress import Progress
from mm_hack.run import SetupError, attempt, run

PROVISIONS = ("auto", *(provision.value for provision in Provision))


def facts(progress: Progress | None = None) -> Facts:
    """Look at this machine. With a `progress` the node image is pulled if an engine answers that is not ours."""
    version = machine.engine_version()
    own = engine.own_process() is not None
    pulled = False
    if version and not own:
        pulled = docker.image_id(versions.KIND_NODE_IMAGE) is not None
        if not pulled and progress is not None:
            with progress.step("ask for the node image", about=30) as step:
                pulled = attempt(["docker", "pull", "--quiet", versions.KIND_NODE_IMAGE], timeout=1200) is not None
                step.note = "" if pulled else "it cannot be pulled here"
    return Facts(machine.system(), machine.is_root(), machine.has_apt(), version, own, pulled)


def up(wanted: str, progress: Progress) -> Provision:
    """Bring the cluster up with all images in it. Doing it again takes seconds and changes nothing.

    Args:
        wanted: ``auto``, ``registry`` or ``packages``.

    Raises:
        SetupError: the machine lacks something, or a step failed; the text says what to do.
    """
    provision, why = machine.choose(wanted, facts(progress if wanted != Provision.PACKAGES.value else None))
    progress.say(f"{provision.value}: {why}")
    run_all(registry_tasks(progress) if provision is Provision.REGISTRY else packages_tasks(progress))
    _remember(provision)
    progress.say(f"kubectl, helm and kind are in {tools.folder()}")
    return provision


def registry_tasks(progress: Progress) -> list[Task]:
    """Steps where images are pulled: the cluster pulls Kafka's and MinIO's itself when the chart asks for them."""
    here = Provision.REGISTRY
    return [
        Task("tools", lambda: tools.ensure(here, progress)),
        Task("app", lambda: app.build(here, progress)),
        Task("cluster", lambda: _cluster(here, versions.KIND_NODE_IMAGE, progress), after=["tools"]),
        Task("load", lambda: _load_app(progress), after=["cluster", "app"]),
    ]


def packages_tasks(progress: Progress) -> list[Task]:
    """Steps where everything is built. Compiling decides how long it takes: it is one lane, the rest fits in."""
    here = Provision.PACKAGES
    programs = (*node.PROGRAMS, gobuild.KIND, gobuild.HELM, gobuild.MINIO)
    made: dict[str, str] = {}

    def make(name: str, tag: str) -> None:
        made[name] = tag

    def load(name: str, *plain: str) -> None:
        cluster.load([made[name], *plain], progress)

    builds = [
        Task(f"build {p.name}", lambda p=p: gobuild.build(p, progress), lane="go")  # type: ignore[misc]
        for p in programs
    ]
    unbuilt = [p for p in programs if gobuild.built(p) is None]
    trim = [Task("trim", gobuild.forget_objects, after=[f"build {p.name}" for p in programs])] if unbuilt else []
    return [
        Task("engine", lambda: engine.ensure(progress), lane="apt"),
        *builds,
        *trim,
        Task("debian", lambda: images.debian(progress), after=["engine"], lane="apt"),
        Task("jars", lambda: images.kafka_jars(progress), after=["debian"], lane="apt"),
        Task("kafka", lambda: make("kafka", images.kafka(progress)), after=["debian", "jars"], lane="image"),
        Task("node parts", lambda: node.base(progress), after=["debian", "build kube"], lane="image"),
        Task("app", lambda: app.build(here, progress), after=["debian"], lane="image"),
        Task("minio", lambda: make("minio", images.minio(progress)), after=["debian", "build minio"]),
        Task("tools", lambda: tools.ensure(here, progress), after=["build kube", "build kind", "build helm", "engine"]),
        Task(
            "cluster",
            lambda: _cluster(here, node.ensure(progress), progress),
            after=["tools", "debian", "node parts", *(f"build {p.name}" for p in node.PROGRAMS)],
        ),
        Task("load kafka", lambda: load("kafka", *images.KAFKA_IMAGES), after=["cluster", "kafka"], lane="load"),
        Task("load app", lambda: _load_app(progress), after=["cluster", "app"], lane="load"),
        Task("load minio", lambda: load("minio", *images.MINIO_IMAGES), after=["cluster", "minio"], lane="load"),
    ]


def _cluster(provision: Provision, image: str, progress: Progress) -> None:
    found = tools.paths()
    cluster.ensure(found.kind, found.kubectl, image, progress, packages=provision is Provision.PACKAGES)


def _load_app(progress: Progress) -> None:
    cluster.load_thin(app.content_name(), [app.plain_name()], progress)
    cluster.forget(f"{app.plain_name()}-", app.names())


def app_image(wanted: str, progress: Progress) -> None:
    """The inner loop: build the app image, load it into the cluster, restart what runs it.

    Raises:
        SetupError: the cluster is not up, or a step failed.
    """
    provision = remembered() if wanted == "auto" else None
    if provision is None:
        provision, _ = machine.choose(wanted, facts())
    if cluster.state() != "running":
        raise SetupError("The cluster is not running: `./mars up` brings it up, with this image in it.")
    name = app.build(provision, progress)
    _load_app(progress)
    restart(tools.paths().kubectl, name, progress)


def restart(kubectl: Path, name: str, progress: Progress) -> None:
    """Restart the workloads of the product's namespace that run the app image, unless they run this build already."""
    call = [str(kubectl), "--context", CONTEXT, "--namespace", NAMESPACE]
    said = attempt([*call, "get", "deployments,statefulsets", "-o", "json"])
    digest = (docker.image_id(name) or "").removeprefix("sha256:")[:12]
    workloads = stale(json.loads(said or '{"items": []}'), digest)
    if not workloads:
        return
    with progress.step(f"restart {', '.join(name for _, name in workloads)}"):
        note = {"spec": {"template": {"metadata": {"annotations": {BUILD_ANNOTATION: digest}}}}}
        for kind, name in workloads:
            run([*call, "patch", kind, name, "--type", "merge", "--patch", json.dumps(note)], log="restart")
        for kind, name in workloads:
            run([*call, "rollout", "status", f"{kind}/{name}", "--timeout=120s"], log="restart")


BUILD_ANNOTATION = "martian-moments.io/app-build"
"""On pod templates: the build of the app image that they were last restarted for."""


def stale(workloads: dict[str, Any], digest: str) -> list[tuple[str, str]]:
    """Kind and name of the workloads that use the app image and were not restarted for the build `digest` yet."""
    found = []
    for item in workloads["items"]:
        template = item["spec"]["template"]
        names = [container["image"] for container in template["spec"]["containers"]]
        noted = (template["metadata"].get("annotations") or {}).get(BUILD_ANNOTATION)
        if any(name.partition(":")[0] == app.NAME for name in names) and noted != digest:
            found.append((item["kind"].lower(), item["metadata"]["name"]))
    return found


def _remember(provision: Provision) -> None:
    (cache_root() / "provision").write_text(provision.value)


def remembered() -> Provision | None:
    """How this machine was set up, or None if it was not."""
    try:
        return Provision((cache_root() / "provision").read_text().strip())
    except (OSError, ValueError):
        return None
