"""Who may talk to whom, worked out from the policies as a cluster does, against the list of what the parts need."""

from collections.abc import Callable, Iterator

from .conftest import VARIANTS
from .objects import Object, containers, matches, named, pod_templates

PARTS = {
    "app.kubernetes.io/name": "martian-moments",
    "app.kubernetes.io/instance": "mars",
    "app.kubernetes.io/part-of": "martian-moments",
}
JOBS = ("job-ingest", "job-load", "job-sweep", "job-transform")


def _pods(objects: list[Object]) -> dict[str, dict[str, str]]:
    """Return the labels of each component's pods; those of the operator's Jobs are its own."""
    made = {
        template["metadata"]["labels"]["app.kubernetes.io/component"]: template["metadata"]["labels"]
        for _, template in pod_templates(objects)
    }
    return made | {job: {**PARTS, "app.kubernetes.io/component": job} for job in JOBS}


def _rules(objects: list[Object], labels: dict[str, str], side: str) -> Iterator[Object]:
    for policy in objects:
        if policy["kind"] == "NetworkPolicy" and matches(policy["spec"]["podSelector"], labels):
            yield from policy["spec"].get(side.lower(), [])


def _allowed(rules: Iterator[Object], peer: dict[str, str], port: int) -> bool:
    key = {"peers": ("to", "from")}
    return any(
        any(
            "podSelector" in one and "namespaceSelector" not in one and matches(one["podSelector"], peer)
            for one in peers
        )
        for rule in rules
        for peers in [rule.get(key["peers"][0], rule.get(key["peers"][1], []))]
        if any(allowed["port"] == port for allowed in rule["ports"])
    )


def _flows(objects: list[Object]) -> set[tuple[str, str]]:
    """Return the (client, server) pairs that both the client's and the server's policies allow."""
    pods = _pods(objects)
    ports = {"kafka": 9092, "minio": 9000, "warehouse": 8080, "simulator": 8000, "operator": 8080}
    return {
        (client, server)
        for server, port in ports.items()
        if server in pods
        for client, labels in pods.items()
        if client != server
        and _allowed(_rules(objects, labels, "Egress"), pods[server], port)
        and _allowed(_rules(objects, pods[server], "Ingress"), labels, port)
    }


def test_each_part_reaches_what_it_needs_and_nothing_else(render: Callable[..., list[Object]]) -> None:
    kafka = {"operator", "minio", "job-load", "job-sweep", "job-transform", "setup", "schedule", "test", "dashboard"}
    assert _flows(render()) == (
        {(client, "kafka") for client in kafka}
        | {
            (client, "minio")
            for client in ("job-ingest", "job-load", "job-sweep", "job-transform", "setup", "docs", "dashboard")
        }
        | {(client, "warehouse") for client in ("job-load", "job-sweep", "job-transform", "dashboard", "test")}
        | {
            ("job-ingest", "simulator"),
            ("job-ingest", "operator"),
            ("dashboard", "simulator"),
            ("dashboard", "operator"),
        }
    )


def _outside(objects: list[Object], component: str) -> set[int]:
    """Return the ports of addresses outside the cluster that a component may reach."""
    labels = _pods(objects)[component]
    return {
        port["port"]
        for rule in _rules(objects, labels, "Egress")
        if any("ipBlock" in peer for peer in rule["to"])
        for port in rule["ports"]
        if port["port"] != 53
    }


def test_only_who_asks_kubernetes_leaves_a_cluster_that_has_everything(render: Callable[..., list[Object]]) -> None:
    objects = render()
    assert {part: ports for part in _pods(objects) if (ports := _outside(objects, part))} == {
        "operator": {443, 6443},
        "dashboard": {443, 6443},
    }


def test_the_dashboard_fetches_pictures_from_live_sources(render: Callable[..., list[Object]]) -> None:
    assert _outside(render(*VARIANTS["team"]), "dashboard") == {80, 443, 6443}


def test_the_dashboard_is_read_from_the_namespaces_that_are_named(render: Callable[..., list[Object]]) -> None:
    labels = _pods(render())["dashboard"]
    assert list(_rules(render(), labels, "Ingress")) == []
    named_ones = render("--set=networkPolicy.dashboardNamespaceLabels.team=web")
    (rule,) = _rules(named_ones, labels, "Ingress")
    assert rule == {"from": [{"namespaceSelector": {"matchLabels": {"team": "web"}}}], "ports": [{"port": 8000}]}


def test_parts_reach_the_outside_services_that_they_use(render: Callable[..., list[Object]]) -> None:
    objects = render(*VARIANTS["external"])
    assert _outside(objects, "job-load") == {9094, 443, 80}
    assert _outside(objects, "job-ingest") == {443}
    assert _outside(objects, "setup") == {9094, 443}
    live = render(*VARIANTS["team"])
    assert _outside(live, "job-ingest") == {80, 443}
    assert _outside(live, "schedule") == set()


def test_without_docs_transform_runs_have_no_way_to_the_bucket(render: Callable[..., list[Object]]) -> None:
    flows = _flows(render("--set=docs.enabled=false"))
    clients = {client for client, server in flows if server == "minio"}
    assert clients == {"job-ingest", "job-load", "job-sweep", "setup", "dashboard"}


def test_without_the_dashboard_nothing_of_it_is_left(render: Callable[..., list[Object]]) -> None:
    objects = render("--set=dashboard.enabled=false")
    assert not [one["metadata"]["name"] for one in objects if one["metadata"]["name"].endswith("-dashboard")]
    assert not [flow for flow in _flows(objects) if "dashboard" in flow]


def test_the_docs_are_read_from_the_namespaces_that_are_named(render: Callable[..., list[Object]]) -> None:
    labels = _pods(render())["docs"]
    assert list(_rules(render(), labels, "Ingress")) == []
    named_ones = render("--set=networkPolicy.docsNamespaceLabels.team=web")
    (rule,) = _rules(named_ones, labels, "Ingress")
    assert rule == {"from": [{"namespaceSelector": {"matchLabels": {"team": "web"}}}], "ports": [{"port": 8000}]}


def test_policies_select_every_pod_of_the_release(variant: list[Object]) -> None:
    deny = named(variant, "NetworkPolicy", "mars-deny")["spec"]
    assert deny["policyTypes"] == ["Ingress", "Egress"]
    assert "ingress" not in deny
    for labels in _pods(variant).values():
        assert matches(deny["podSelector"], labels)


def test_switched_off_means_none(render: Callable[..., list[Object]]) -> None:
    objects = render("--set=networkPolicy.enabled=false")
    assert not [one for one in objects if one["kind"] == "NetworkPolicy"]
    assert containers(named(objects, "Deployment", "mars-operator")["spec"]["template"])
