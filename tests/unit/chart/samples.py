"""Values that people write, right and wrong ones. Which are right is for the schema to say."""

import copy
import functools
import json
from collections.abc import Iterator
from typing import Any

import jsonschema

from .conftest import CHART

NUMBERS = [0, 1, 2, 9, 10, 16, 17, 20, 21, 60, 61, 100, 101, 200, 201, 256, 257, 300, 301, 1000, 1001, 10_000, 10_001]
NUMBERS += [65_535, 65_536, 86_400, 86_401, 100_000, 1_000_000, 1_048_576, 8_388_609, 31_536_000, 2**31, 10**12, -1]
FRACTIONS = [0.0, 0.5, 1.0, 59.9, 60.0, 60.1, 300.0, 300.5, -0.5, 1e9]
TEXTS = [
    "",
    "a",
    "mars-prod",
    "MARS",
    "1",
    "true",
    "1e3",
    "a b",
    "ä",
    "A" * 300,
    "x" * 64,
    "with: colon",
    'a"b',
    "a\nb",
]
TEXTS += [
    "s",
    "1d",
    "7d",
    "90s",
    "15m",
    "1h30m",
    "0s",
    "9999999h",
    "99999999999999h",
    "1m1h",
    "10Gi",
    "10G",
    "512m",
    "1.5Gi",
]
TEXTS += [
    "2GB",
    "64MiB",
    "2 GB",
    "GB",
    "*/5 * * * *",
    "* * * *",
    "@daily",
    "@never",
    "a.b.c",
    "A.B.C",
    "registry:5000/a/b",
]
TEXTS += [
    "v1.2.3+build.7",
    "sha256:" + "a" * 64,
    "https://example.org",
    "example.org",
    "http://[::1]:9000",
    "user@host",
]
MAPS: list[Any] = [
    {},
    {"a": "b"},
    {"a": 1},
    {"a b": "c"},
    {"team": "x" * 64},
    {"example.org/a": "B_c.d-e"},
    {"a": None},
]
MAPS += [{"requests": {"cpu": "1"}}, {"requests": {"cpu": "one"}}, {"limits": {"memory": 1_000_000_000}}, {"limit": {}}]
MAPS += [
    {"limits": {"cpu": None, "memory": "1Gi"}},
    {"limits": None},
    {"runAsUser": 5},
    {"runAsUser": 0},
    {"labels": {"a": 1}},
]
MAPS += [{"affinity": None}, {"afinity": {}}, {"nodeSelector": {"disk": "fast"}}, {"tolerations": [{"key": "a"}]}]
MAPS += [{"extraEnv": [{"name": "A", "value": 1}]}, {"extraEnv": [{"name": "A", "value": "1"}]}, {"extraEnv": ["A"]}]
MAPS += [{"extraVolumes": [{"name": "v", "emptyDir": {}}], "extraVolumeMounts": [{"name": "v", "mountPath": "/v"}]}]
MAPS += [
    {"mine": {"baseUrl": "https://example.org/api/v1"}},
    {"mine": {"baseUrl": 5}},
    {"mine": {"baseURL": "https://a.org"}},
]
MAPS += [{"mine": {"baseUrl": "https://example.org/api/v1", "maxConcurrency": 1000}}]
MAPS += [{"mine": {"baseUrl": "https://example.org/api/v1", "pageSize": 0}}]
MAPS += [{"mine": {"baseUrl": "https://example.org/api/v1", "pageSize": None, "requestsPerHour": 900}}]
MAPS += [{"log.segment.bytes": 67_108_864}, {"SIM_RATE_LIMIT_PER_HOUR": 1_000_000}, {"log.cleaner.enable": True}]
LISTS: list[Any] = [
    [],
    [{}],
    [{"name": "x"}],
    ["x"],
    [1],
    [443, 6443],
    [0],
    [70_000],
    ["10.0.0.0/8", "fd00::/8"],
    ["10.0.0.0"],
]
LISTS += [
    [{"name": "A", "value": 1}],
    [{"name": "A", "value": "1"}],
    [{"name": "v", "mountPath": "/v"}],
    ["a.org", ".b.org"],
]
LISTS += [
    [{"key": "a", "operator": "Exists"}],
    ["IPv4", "IPv6"],
    [{"configMapRef": {"name": "a"}}],
    [{"configMap": "a"}],
]
ANYTHING: list[Any] = [None, True, False, *NUMBERS, *FRACTIONS, *TEXTS, *MAPS, *LISTS]

MOST = 8
"""Samples of one value, about: each round of them is a rendering."""

SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text())
DEFAULTS: dict[str, Any] = json.loads((CHART / "files/defaults.json").read_text())


def schema_of(path: str) -> dict[str, Any]:
    """Return the schema of the value at a dotted path."""
    found = SCHEMA
    for key in path.split("."):
        found = found["properties"][key]
    return found


@functools.cache
def taken(path: str) -> list[Any]:
    """Return those of all samples that the schema lets this value be, its default first."""
    validator = jsonschema.Draft7Validator(schema_of(path))
    good = [one for one in ANYTHING if validator.is_valid(one)]
    numbers = sorted({one for one in good if isinstance(one, int | float) and not isinstance(one, bool)})
    # Of numbers the outermost that are taken, and one between.
    kept = {numbers[0], numbers[len(numbers) // 2], numbers[-1]} if numbers else set()
    good = [one for one in good if isinstance(one, bool) or not isinstance(one, int | float) or one in kept]
    extra = [one for one in schema_of(path).get("enum", []) if one is not None and one not in good]
    # Where nearly everything is taken, some of it is enough.
    return [DEFAULTS[path], *good[:: len(good) // MOST + 1], *extra]


def nested(flat: dict[str, Any]) -> dict[str, Any]:
    """Return values by dotted path as the tree that a values file holds."""
    tree: dict[str, Any] = {}
    for path, value in flat.items():
        *sections, leaf = path.split(".")
        node = tree
        for section in sections:
            node = node.setdefault(section, {})
        node[leaf] = copy.deepcopy(value)
    return tree


def rounds(paths: list[str], fixed: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield trees of values until each sample that the schema takes was in one; no two values walk in step."""
    choices = {path: taken(path) for path in paths if path not in fixed}
    for turn in range(max(map(len, choices.values()))):
        flat = {path: options[(turn + place) % len(options)] for place, (path, options) in enumerate(choices.items())}
        yield nested(flat | fixed)
