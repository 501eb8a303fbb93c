"""``mars up``: from a machine as it is to a running cluster that holds every image the chart needs."""

from __future__ import annotations

from pathlib import Path

from mm_hack import app, cluster, docker, engine, gobuild, images, machine, node, release, tools, versions
from mm_hack.graph import Task, run_all
from mm_hack.machine import Facts, Provision
from mm_hack.places import CONTEXT, NAMESPACE, cache_root
from mm_hack.progress import Progress
from mm_hack.run import SetupError, attempt

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
    # A release of an older build starts Jobs from it at any time: its image must stay.
    used = in_use(tools.paths().kubectl)
    if used is not None:
        cluster.forget(f"{app.plain_name()}-", [*app.names(), *used])


def app_image(wanted: str, progress: Progress) -> None:
    """The inner loop: build the app image, load it into the cluster, upgrade the release to it.

    Raises:
        SetupError: the cluster is not up, or a step failed.
    """
    provision = remembered() if wanted == "auto" else None
    if provision is None:
        provision, _ = machine.choose(wanted, facts())
    if cluster.state() != "running":
        raise SetupError("The cluster is not running: `./mars up` brings it up, with this image in it.")
    app.build(provision, progress)
    _load_app(progress)
    if release.installed(NAMESPACE):
        with progress.step("upgrade the release: what runs another build restarts", about=15):
            release.renew(NAMESPACE)


def in_use(kubectl: Path) -> list[str] | None:
    """The images that workloads of any namespace are made from; None if the API did not say."""
    call = [str(kubectl), "--context", CONTEXT, "get", "deployments,statefulsets,cronjobs", "--all-namespaces"]
    said = attempt([*call, "-o", "jsonpath={..image}"])
    return None if said is None else said.split()


def _remember(provision: Provision) -> None:
    (cache_root() / "provision").write_text(provision.value)


def remembered() -> Provision | None:
    """How this machine was set up, or None if it was not."""
    try:
        return Provision((cache_root() / "provision").read_text().strip())
    except (OSError, ValueError):
        return None
