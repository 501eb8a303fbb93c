"""Version numbers as programs say them, and pins that must agree with what locks them."""

import re

import pytest
from mm_hack import versions
from mm_hack.places import ASSETS
from mm_hack.versions import Version


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ("go version go1.26.8 linux/amd64", Version(1, 26, 8)),
        ("go1.27", Version(1, 27, 0)),
        ("kind v0.33.0 go1.26.8 linux/amd64", Version(0, 33, 0)),
        ("v3.19.5+g1234567", Version(3, 19, 5)),
        ("20.10.24+dfsg1", Version(20, 10, 24)),
        ("v1.34.4-gke.100", Version(1, 34, 4)),
        ("no number here", None),
        ("", None),
    ],
)
def test_the_first_version_in_a_programs_words(said: str, version: Version | None) -> None:
    assert versions.parse(said) == version


def test_minor_versions_compare_as_numbers_not_as_text() -> None:
    assert versions.at_least("v0.100.0", Version(0, 30, 0))
    assert not versions.at_least("v3.9.0", Version(3, 14, 0))
    assert not versions.at_least("unknown", Version(0, 0, 1))


@pytest.mark.parametrize(
    ("said", "fits"),
    [("v1.33.1", True), ("v1.35.0", True), ("v1.32.4-dispatcher", False), ("v1.36.0", False), ("v2.34.0", False)],
)
def test_kubectl_may_be_one_minor_version_away(said: str, fits: bool) -> None:
    assert versions.kubectl_fits(said) is fits


def _required(module: str) -> dict[str, str]:
    text = (ASSETS / module / "go.mod").read_text()
    return dict(re.findall(r"^\s*(?:require )?([\w./-]+\.[\w./-]+) (v[\w.+-]+)", text, re.MULTILINE))


def test_pins_are_what_the_go_modules_lock() -> None:
    locked = _required("go")
    assert locked["k8s.io/kubernetes"] == versions.KUBERNETES
    assert locked["sigs.k8s.io/kind"] == versions.KIND
    assert locked["helm.sh/helm/v3"] == versions.HELM
    assert locked["go.etcd.io/etcd/server/v3"] == versions.ETCD
    assert locked["github.com/coredns/coredns"] == versions.COREDNS
    assert locked["github.com/rancher/local-path-provisioner"] == versions.LOCAL_PATH_PROVISIONER


def test_the_pin_of_the_network_is_what_its_module_locks() -> None:
    assert _required("kuberouter")["github.com/cloudnativelabs/kube-router/v2"] == versions.KUBE_ROUTER


def test_the_k9s_pin_is_what_its_module_locks() -> None:
    assert _required("k9s")["github.com/derailed/k9s"] == versions.K9S


def test_the_minio_release_is_the_locked_commits_time() -> None:
    day, clock = versions.MINIO.removeprefix("RELEASE.").removesuffix("Z").split("T")
    stamp = day.replace("-", "") + clock.replace("-", "")
    assert _required("minio")["github.com/minio/minio"].startswith(f"v0.0.0-{stamp}-")


def test_every_staging_module_is_replaced_by_the_same_release() -> None:
    replaced = re.findall(
        r"^replace (k8s\.io/\S+) => (\S+) (\S+)$", (ASSETS / "go" / "go.mod").read_text(), re.MULTILINE
    )
    assert len(replaced) > 25
    assert {version for _, _, version in replaced} == {versions.KUBERNETES.replace("v1.", "v0.")}
    assert all(name == target for name, target, _ in replaced)


def test_the_go_that_is_fetched_can_build_the_modules() -> None:
    fetched = versions.parse(versions.GO_WHEEL)
    for module in ("go", "minio", "k9s"):
        asked = versions.parse(re.findall(r"^go (\S+)$", (ASSETS / module / "go.mod").read_text(), re.MULTILINE)[0])
        assert asked is not None
        assert fetched is not None
        assert fetched >= asked
        assert asked <= versions.GO_AT_LEAST


def test_the_kafka_pins_are_the_poms() -> None:
    pom = (ASSETS / "kafka" / "pom.xml").read_text()
    found = dict(re.findall(r"<artifactId>([\w.-]+)</artifactId>\s*<version>([\w.-]+)</version>", pom))
    assert found[f"kafka_{versions.SCALA}"] == versions.KAFKA
    assert found["slf4j-simple"] == versions.SLF4J
    assert found["log4j-api"] == found["log4j-core"] == versions.LOG4J
    locked = (ASSETS / "kafka" / "jars.sha256").read_text()
    for name in (
        f"kafka_{versions.SCALA}-{versions.KAFKA}",
        f"slf4j-simple-{versions.SLF4J}",
        f"log4j-core-{versions.LOG4J}",
    ):
        assert f"  {name}.jar\n" in locked
