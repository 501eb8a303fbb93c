"""Rules of the cluster that deny what is asked of it, as an administrator's policy engine would."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.cluster.system import System, wait_until

NAME = "mars-test-no-urgent-plans"


def _objects(namespace: str, most: int) -> list[dict[str, Any]]:
    api = "admissionregistration.k8s.io/v1"
    policy = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicy",
        "metadata": {"name": NAME},
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace}},
                "resourceRules": [
                    {
                        "apiGroups": ["martian-moments.io"],
                        "apiVersions": ["v1alpha1"],
                        "operations": ["CREATE"],
                        "resources": ["ingestionplans"],
                    }
                ],
            },
            "validations": [
                {
                    "expression": f"!has(object.spec.priority) || object.spec.priority <= {most}",
                    "message": f"plans of a priority over {most} need an approval",
                    "reason": "Forbidden",
                }
            ],
        },
    }
    binding = {
        "apiVersion": api,
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": {"name": NAME},
        "spec": {"policyName": NAME, "validationActions": ["Deny"]},
    }
    return [policy, binding]


@contextmanager
def priority_denied(system: System, most: int) -> Iterator[None]:
    """While this holds, the API server denies plans of a higher priority with 403."""
    (operator,) = system.get("deploy", "mars-operator")
    for manifest in _objects(operator["metadata"]["namespace"], most):
        system.apply(manifest)
    probe: dict[str, Any] = {
        "apiVersion": "martian-moments.io/v1alpha1",
        "kind": "IngestionPlan",
        "metadata": {"generateName": "probe-"},
        "spec": {"rovers": [{"name": "Spirit", "sols": ["1"]}], "priority": most + 1},
    }
    try:
        wait_until(lambda: "need an approval" in system.create(probe, "--dry-run=server"), "the rule to hold", 60)
        yield
    finally:
        for kind in ("validatingadmissionpolicybinding", "validatingadmissionpolicy"):
            system.kubectl("delete", kind, NAME, "--ignore-not-found")
