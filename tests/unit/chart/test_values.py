"""Whatever Helm takes, the process that reads it takes too; null is the default; the rest is refused by name."""
# ruff: noqa: E501

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from mm_cli.main import build_parser
from mm_contracts.batch import BatchSpec, LoadSpec, TransformSpec
from mm_contracts.connections import kafka_names, kafka_settings, warehouse_arguments
from mm_contracts.plan import PlanSpec
from mm_contracts.sources import Sources
from mm_operator.core.jobs import build_ingest_job, build_load_job, build_transform_job
from mm_operator.core.settings import OperatorSettings
from mm_simulator.settings import load as simulator_settings
from mm_warehouse.settings import read_settings as warehouse_settings

from .conftest import CHART, EXTERNAL, helm_template
from .objects import Object, containers, named, pod_templates
from .samples import DEFAULTS, SCHEMA, nested, rounds, taken

Render = Callable[..., list[Object]]


def _write(folder: Path, values: dict[str, Any], name: str = "values") -> str:
    # As Helm's users do: a file, where whole numbers come as floats.
    path = folder / f"{name}.json"
    path.write_text(json.dumps(values))
    return f"--values={path}"


def _rendered(*arguments: str) -> list[Object]:
    answer = helm_template(*arguments)
    assert answer.returncode == 0, answer.stderr
    return [one for one in yaml.load_all(answer.stdout, yaml.CSafeLoader) if one]


def _comparable(objects: list[Object]) -> list[Object]:
    """Return the objects without what is random in each rendering."""
    return [{**one, "data": sorted(one["data"])} if one["kind"] == "Secret" else one for one in objects]


def test_null_is_the_default_for_every_value(render: Render, tmp_path: Path) -> None:
    nothing = _rendered(_write(tmp_path, nested(dict.fromkeys(DEFAULTS))))
    assert _comparable(nothing) == _comparable(render())


def test_null_is_the_default_for_every_section(render: Render, tmp_path: Path) -> None:
    sections = {name: None for name, schema in SCHEMA["properties"].items() if name != "global"}
    assert _comparable(_rendered(_write(tmp_path, sections))) == _comparable(render())


def test_values_removed_on_the_command_line_are_the_defaults(render: Render) -> None:
    removed = (
        "pod.affinity", "pod.tolerations", "pod.nodeSelector", "pod.annotations", "pod.priorityClassName",
        "imagePullSecrets", "jobs.ingest.resources", "operator.sweepInterval", "operator.planDefaults.ttlAfterFinished",
    )  # fmt: skip
    assert _comparable(_rendered(*(f"--set={path}=null" for path in removed))) == _comparable(render())


def test_null_removes_an_entry_of_a_map(tmp_path: Path) -> None:
    values = nested({"pod.labels": {"team": None, "cost": "low"}, "operator.resources": {"limits": None}})
    pod = named(_rendered(_write(tmp_path, values)), "Deployment", "mars-operator")["spec"]["template"]
    assert "team" not in pod["metadata"]["labels"]
    assert pod["metadata"]["labels"]["cost"] == "low"
    assert set(pod["spec"]["containers"][0]["resources"]) == {"requests"}


REFUSED = {
    "operator.sweepInterval": "1d", "operator.loadMaxObjects": 500, "operator.loadFoldSeconds": 120,
    "operator.loadParallelism": 32, "operator.planDefaults.batch.maxSols": 2000, "operator.planDefaults.retry.limit": 50,
    "operator.planDefaults.parallelism": 200, "jobs.load.activeDeadlineSeconds": 100_000,
    "warehouse.database": "mars-prod", "operator.planDefaults.ttlAfterFinished": "7d", "operator.stuckAfter": "",
    "imagePullSecrets": ["regcred"], "pod.nodeSelector": {"a": 1}, "pod.labels": {"team": "two words"},
    "operator.transformFoldSeconds": 301, "operator.maxConcurrentJobs": 10_001, "minio.bucket": "My_Bucket",
    "source.sources": {"mine": {"baseUrl": "https://example.org", "maxConcurency": 4}},
    "operator.resources": {"limits": {"memory": "1 GB"}}, "networkPolicy.externalPorts": ["https"],
    "warehouse.embedded.memoryLimit": "2", "schedule.manifests": "every hour", "simulator.seed": "Ä",
    "warehouse.embedded.threads": 1000, "operator.sweepAfterStart": "99999999999999h",
}  # fmt: skip
"""Values that Helm once took and with which a process then refused to start."""


@pytest.mark.parametrize("path", sorted(REFUSED))
def test_what_a_process_would_refuse_the_schema_refuses(path: str) -> None:
    found = [
        error.absolute_path for error in jsonschema.Draft7Validator(SCHEMA).iter_errors(nested({path: REFUSED[path]}))
    ]
    assert found
    assert all(list(place)[: path.count(".") + 1] == path.split(".") for place in found)


@pytest.mark.parametrize("path", ["operator.sweepInterval", "pod.nodeSelector", "source.sources"])
def test_helm_says_which_value_it_refuses(path: str, tmp_path: Path) -> None:
    answer = helm_template(_write(tmp_path, nested({path: REFUSED[path]})))
    assert answer.returncode != 0
    assert f"/{path.replace('.', '/')}" in answer.stderr


# What these say depends on one another: the frames below give sets that belong together.
CHOICES = {
    "kafka.provider", "minio.provider", "warehouse.provider", "simulator.enabled", "source.default", "simulator.profile",
    "kafka.external.bootstrapServers", "kafka.external.securityProtocol",
    "kafka.external.existingSecret", "kafka.external.caSecret", "minio.existingSecret", "minio.external.endpointUrl",
    "warehouse.existingSecret", "warehouse.snowflake.account", "warehouse.snowflake.externalStage",
    "trustedCa.secret", "minio.external.credentials", "fullnameOverride", "nameOverride", "simulator.env",
}  # fmt: skip


def _env(container: Object, objects: list[Object]) -> dict[str, str]:
    """Return a container's environment as its process sees it; a Secret's value is a word."""
    found: dict[str, str] = {}
    for source in container.get("envFrom", []):
        if "configMapRef" in source and source["configMapRef"]["name"].endswith("-env"):
            found |= named(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    for one in container.get("env", []):
        found[one["name"]] = str(one["value"]) if "value" in one else f"from-a-secret-{one['name']}"
    return found


def _read_all(objects: list[Object]) -> None:
    """Give every process's settings to the function that reads them; each raises where it would refuse to start."""
    (text,) = [one["data"]["operator.json"] for one in objects if "operator.json" in one.get("data", {})]
    settings = OperatorSettings.model_validate_json(text).model_copy(update={"namespace": "mars"})
    (sources,) = [one["data"]["sources.json"] for one in objects if "sources.json" in one.get("data", {})]
    Sources.model_validate_json(sources).pick("")
    plan = PlanSpec.model_validate({"rovers": [{"name": "Curiosity", "sols": ["1"]}]})
    batch = BatchSpec.model_validate(
        {"plan": "p", "batch": 0, "dataset": "photos", "rover": "Curiosity", "sols": "1", "stamp": "20250101T000000Z",
         "trace_id": "a" * 32, "attempt": 1, "source": ""}
    )  # fmt: skip
    jobs = [
        build_ingest_job(settings, "uid", plan, batch),
        build_load_job(settings, LoadSpec(load_id="a", trace_id="a" * 32)),
        build_transform_job(settings, TransformSpec(run_id="a", trace_id="a" * 32)),
    ]
    for name, template in [*pod_templates(objects), *(("Job", job["spec"]["template"]) for job in jobs)]:
        _texts_are_texts(name, template)
        for container in containers(template):
            env = _env(container, objects)
            words = [*container.get("command", []), *container.get("args", [])]
            if {"mm-operator", "topics", "schedule"} & set(words):
                kafka_settings(env, lambda _where: "certificates that Kafka's owner gives")
                kafka_names(env)
            if "SNOWFLAKE_USER" in env:
                warehouse_arguments(env)
            if "mm-simulator" in words:
                simulator_settings(env)
            if "mm-warehouse" in words:
                warehouse_settings(env)
            if "mm-transform" in words:
                for variable in ("DBT_THREADS", *(name for name in env if name.startswith("MARS_PLANNING_"))):
                    assert re.fullmatch("[0-9]+", env[variable]), variable
            if "mars" in words:
                build_parser().parse_args(words[words.index("mars") + 1 :])


def _texts_are_texts(name: str, template: Object) -> None:
    for place in ("labels", "annotations"):
        for key, value in template["metadata"].get(place, {}).items():
            assert isinstance(value, str), f"{name}: {place} {key}"
    assert isinstance(template["spec"].get("serviceAccountName", ""), str), name
    for container in containers(template):
        assert isinstance(container["image"], str), name
        assert re.fullmatch(r"[^\s]+", container["image"]), f"{name}: {container['image']!r}"
        for one in container.get("env", []):
            assert isinstance(one.get("value", ""), str), f"{name}: {one}"
            for reference in one.get("valueFrom", {}).values():
                assert isinstance(reference.get("name", ""), str), f"{name}: {one}"
                assert isinstance(reference.get("key", ""), str), f"{name}: {one}"
        assert all(isinstance(one, str) for one in [*container.get("args", []), *container.get("command", [])]), name
        for kind in container["resources"].values():
            assert all("e+" not in str(amount) for amount in kind.values()), name


FRAMES: dict[str, tuple[str, ...]] = {
    "embedded": (),
    "external": tuple(EXTERNAL),
    "strimzi": ("--set=kafka.provider=strimzi",),
}


@pytest.mark.parametrize("frame", sorted(FRAMES))
def test_every_value_that_helm_takes_is_read(frame: str, tmp_path: Path) -> None:
    paths = [path for path in DEFAULTS if path not in CHOICES]
    fixed = {} if frame == "embedded" else {"networkPolicy.enabled": True}
    trees = list(rounds(paths, fixed))
    # The frames differ in few values: all samples in the first, some trees in the others.
    for turn, tree in enumerate(trees if frame == "embedded" else trees[::6]):
        answer = helm_template(_write(tmp_path, tree, f"round-{turn}"), "--set=crds.install=false", *FRAMES[frame])
        assert answer.returncode == 0, f"{answer.stderr}\n{json.dumps(tree)}"
        _read_all([one for one in yaml.load_all(answer.stdout, yaml.CSafeLoader) if one])


def test_the_samples_try_every_value_beyond_its_default() -> None:
    untried = [path for path in DEFAULTS if len({json.dumps(one) for one in taken(path)}) < 2]
    assert untried == []


def test_the_schema_is_one() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)


def test_every_template_puts_the_defaults_first() -> None:
    first = '{{- include "mars.defaults" . -}}'
    late = [
        str(path.relative_to(CHART))
        for path in (CHART / "templates").rglob("*")
        if path.is_file() and not path.name.startswith("_") and not path.read_text().startswith(first)
    ]
    assert not late, f"begin with {first}: without it a value set to null is nothing instead of its default"
