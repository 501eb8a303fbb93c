"""docs/install.md says what was run with what: versions are those that are pinned, tests are there, gaps are told."""

import json
import os
import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from mm_hack import versions
from mm_hack.push import digest_of, target_of
from mm_hack.run import SetupError
from mm_hack.venv import ensure_uv

from tests.unit.chart.conftest import find_helm

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs/install.md").read_text()
CHART = yaml.safe_load((ROOT / "charts/martian-moments/Chart.yaml").read_text())
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]


def _table() -> dict[str, tuple[str, str]]:
    text = PAGE.partition("## What was run with what")[2]
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    return {row[0]: (row[1], row[2]) for row in rows[2:]}


def test_the_table_names_the_versions_that_are_pinned() -> None:
    table = _table()
    for part, version in {
        "Kubernetes": versions.KUBERNETES,
        "Helm": versions.HELM,
        "Kafka, embedded": versions.KAFKA,
        "object store, embedded": versions.MINIO,
    }.items():
        assert version in table[part][0], part


def test_each_line_names_a_test_or_says_that_there_is_none() -> None:
    for part, (what, test) in _table().items():
        path = test.strip("`")
        assert (ROOT / path).is_file() if path else what.startswith("never"), part


def test_links_lead_to_pages() -> None:
    for target in re.findall(r"]\(([^)#]+)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_one_number_serves_image_and_chart() -> None:
    assert (CHART["version"], CHART["appVersion"]) == (VERSION, VERSION)
    assert f"## {VERSION}\n" in (ROOT / "CHANGELOG.md").read_text()


def test_the_licence_is_what_the_chart_says() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()
    assert CHART["annotations"]["artifacthub.io/license"] == "Apache-2.0"


def test_a_release_is_packed_with_its_sbom_and_checksums(tmp_path: Path) -> None:
    helm = find_helm()
    if helm is None:
        pytest.skip("there is no helm: put one on the PATH or bring up the local cluster once")
    env = {**os.environ, "MARS_HELM": helm, "MARS_UV": str(ensure_uv())}
    command = [ROOT / "hack/release.sh", "--dry-run", tmp_path]
    subprocess.run(command, env=env, capture_output=True, text=True, check=True)
    parts = {one["name"] for one in json.loads((tmp_path / "sbom.cdx.json").read_text())["components"]}
    assert {"kopf", "pydantic"} <= parts
    assert (tmp_path / f"martian-moments-{VERSION}.tgz").is_file()
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=tmp_path, check=True)


def test_the_pushed_image_is_named_for_the_registry() -> None:
    assert target_of("https://r.example.org:5000/team/", "v1") == "r.example.org:5000/team/martian-moments/app:v1"
    assert target_of("r.example.org", "") == f"r.example.org/martian-moments/app:{VERSION}"
    with pytest.raises(SetupError, match="is no registry"):
        target_of("https://", "")


def test_the_digest_is_that_of_the_pushed_name() -> None:
    said = '["a/b@sha256:11","r.example.org:5000/x/martian-moments/app@sha256:22"]\n'
    assert digest_of(said, "r.example.org:5000/x/martian-moments/app:1") == "sha256:22"
    assert digest_of("[]", "r.example.org/x:1") == ""
