"""What the release may do to the cluster."""

from collections.abc import Callable

from .conftest import VARIANTS
from .objects import Object, named


def test_rights_end_at_the_namespace(render: Callable[..., list[Object]]) -> None:
    for name in ("default", "strimzi", "team", "external"):
        kinds = {one["kind"] for one in render(*VARIANTS[name])}
        assert not kinds & {"ClusterRole", "ClusterRoleBinding"}, name


def test_the_operator_may_what_it_does(render: Callable[..., list[Object]]) -> None:
    rules = named(render(), "Role", "mars-operator")["rules"]
    allowed = {
        (group, resource, verb): rule.get("resourceNames")
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    assert not [what for what in allowed if "*" in what]
    assert not [what for what in allowed if what[1] in ("secrets", "pods/exec", "serviceaccounts", "roles")]
    assert allowed["", "configmaps", "patch"] == ["mars-operator-gate"]
    assert allowed["", "configmaps", "get"] == ["mars-owner"], "what owns what it makes"
    for verb in ("get", "list", "watch", "create", "patch", "delete"):
        assert ("batch", "jobs", verb) in allowed
        assert ("martian-moments.io", "ingestionplans", verb) in allowed
    assert ("", "pods", "delete") not in allowed


def _verbs(objects: list[Object], role: str) -> set[tuple[str, str]]:
    rules = named(objects, "Role", role)["rules"]
    return {(resource, verb) for rule in rules for resource in rule["resources"] for verb in rule["verbs"]}


def test_the_dashboard_only_reads_unless_its_buttons_are_on(render: Callable[..., list[Object]]) -> None:
    reads = {("ingestionplans", "get"), ("ingestionplans", "list"), ("jobs", "list"), ("pods", "list")} | {
        ("events", "list"), ("pods/log", "get"),
    }  # fmt: skip
    assert _verbs(render(), "mars-dashboard") == reads
    acts = {("ingestionplans", verb) for verb in ("create", "patch", "delete")} | {("events", "create")}
    assert _verbs(render("--set=dashboard.actions.enabled=true"), "mars-dashboard") == reads | acts


def test_the_dashboards_token_is_made_only_where_it_is_asked_for(render: Callable[..., list[Object]]) -> None:
    def secrets(*more: str) -> list[str]:
        return [
            one["metadata"]["name"]
            for one in render(*more)
            if one["kind"] == "Secret" and "DASHBOARD_TOKEN" in one.get("data", {})
        ]

    on = "--set=dashboard.actions.enabled=true"
    assert (secrets(), secrets(on)) == ([], ["mars-dashboard"])
    assert secrets(on, "--set=dashboard.actions.identityHeader=X-User") == []
    assert secrets(on, "--set=dashboard.actions.existingSecret=mine") == []


def test_roles_for_people_are_aggregated_where_wanted(render: Callable[..., list[Object]]) -> None:
    objects = render(*VARIANTS["everything"])
    view = named(objects, "ClusterRole", "mars-mars-ingestionplans-view")
    edit = named(objects, "ClusterRole", "mars-mars-ingestionplans-edit")
    assert view["metadata"]["labels"]["rbac.authorization.k8s.io/aggregate-to-view"] == "true"
    assert view["rules"][0]["verbs"] == ["get", "list", "watch"]
    assert {"create", "delete"} <= set(edit["rules"][0]["verbs"])


def test_the_crd_outlives_the_release_and_may_be_left_out(render: Callable[..., list[Object]]) -> None:
    crd = named(render(), "CustomResourceDefinition", "ingestionplans.martian-moments.io")
    assert crd["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"
    kinds = {one["kind"] for one in render("--set=crds.install=false")}
    assert "CustomResourceDefinition" not in kinds
