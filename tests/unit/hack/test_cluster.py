"""One kind config for both kinds of machine, image names, and which workloads a new build restarts."""

import json
import re
from typing import Any

import pytest
import yaml
from mm_hack import cluster, node, places, versions
from mm_hack.places import ASSETS


def _config(packages: bool) -> dict[str, Any]:
    text = cluster.render((ASSETS / "kind.yaml").read_text(), "an/image:1", packages=packages)
    assert "@" not in text
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("packages", [True, False])
def test_there_is_a_control_plane_with_two_workers_of_one_image(packages: bool) -> None:
    config = _config(packages)
    assert [node["role"] for node in config["nodes"]] == ["control-plane", "worker", "worker"]
    assert len(config["nodes"]) == cluster.NODE_COUNT
    assert {node["image"] for node in config["nodes"]} == {"an/image:1"}
    assert "disableDefaultCNI" not in config["networking"], "kind applies the network that its image brings"


def test_a_package_built_node_brings_its_dns() -> None:
    patches = [yaml.safe_load(patch) for patch in _config(packages=True)["nodes"][0]["kubeadmConfigPatches"]]
    assert {"kind": "ClusterConfiguration", "dns": {"imageTag": versions.COREDNS}} in patches


def test_a_published_node_keeps_kinds_dns() -> None:
    patches = [yaml.safe_load(patch) for patch in _config(packages=False)["nodes"][0]["kubeadmConfigPatches"]]
    assert [patch["kind"] for patch in patches] == ["KubeletConfiguration"]
    assert patches[0]["failCgroupV1"] is False


def test_the_network_enforces_policies_and_routes_between_nodes() -> None:
    text = node.network_manifest()
    assert not re.search("@[A-Z_]+@", text)
    documents = {d["kind"]: d for d in yaml.safe_load_all(text)}
    pod = documents["DaemonSet"]["spec"]["template"]["spec"]
    (program,) = pod["containers"]
    assert {"--run-firewall=true", "--run-router=true", "--run-service-proxy=false"} <= set(program["args"])
    assert program["image"] == f"martian-moments/kube-router:{versions.KUBE_ROUTER}"
    services = _config(packages=True)["networking"]["serviceSubnet"]
    assert f"--service-cluster-ip-range={services}" in program["args"]
    assert places.NODE not in text, "an image serves clusters of any name"
    written = json.loads(documents["ConfigMap"]["data"]["10-kuberouter.conflist"])
    assert [plugin["type"] for plugin in written["plugins"]] == ["bridge", "portmap"]


def test_the_storage_class_is_the_default_and_its_images_are_the_built_ones() -> None:
    text = (ASSETS / "node" / "storage.yaml").read_text().replace("@PROVISIONER@", versions.LOCAL_PATH_PROVISIONER)
    documents = list(yaml.safe_load_all(text))
    (storage,) = [d for d in documents if d["kind"] == "StorageClass"]
    assert storage["metadata"]["annotations"]["storageclass.kubernetes.io/is-default-class"] == "true"
    (deployment,) = [d for d in documents if d["kind"] == "Deployment"]
    pod = deployment["spec"]["template"]["spec"]
    command = pod["containers"][0]["command"]
    assert command[command.index("--service-account-name") + 1] == pod["serviceAccountName"]
    assert pod["containers"][0]["image"].endswith(versions.LOCAL_PATH_PROVISIONER)


@pytest.mark.parametrize(
    ("name", "full"),
    [
        ("debian:bookworm-slim", "docker.io/library/debian:bookworm-slim"),
        ("minio/minio:x", "docker.io/minio/minio:x"),
        ("ghcr.example/a/b:1", "ghcr.example/a/b:1"),
        ("localhost:5000/a:1", "localhost:5000/a:1"),
    ],
)
def test_names_as_the_node_keeps_them(name: str, full: str) -> None:
    assert cluster.full_name(name) == full


@pytest.mark.parametrize(
    ("name", "part"),
    [
        ("k8s.example/kube-apiserver:v1.34.4", "kube"),
        ("k8s.example/kube-controller-manager:v1.34.4", "kube"),
        ("k8s.example/kube-proxy:v1.34.4", "kube-proxy"),
        ("k8s.example/coredns/coredns:v1.12.1", "coredns"),
        ("k8s.example/etcd:3.6.5-0", "etcd"),
        ("localhost:5000/pause:3.10", "pause"),
    ],
)
def test_which_image_stands_for_a_kubeadm_name(name: str, part: str) -> None:
    assert node.part_of(name) == part


def _pod(name: str, ready: bool, started: str | None) -> dict[str, Any]:
    state = {"running": {"startedAt": started}} if started else {"waiting": {"reason": "CrashLoopBackOff"}}
    meta = {"name": name, "ownerReferences": [{"kind": "ReplicaSet"}]}
    return {"metadata": meta, "status": {"containerStatuses": [{"ready": ready, "state": state}]}}


def test_pods_of_before_a_restart_do_not_count_as_ready() -> None:
    since = "2025-10-07T12:00:00"
    pods = [
        _pod("fine", True, "2025-10-07T12:00:00Z"),
        _pod("of-before", True, "2025-10-07T11:59:59Z"),
        _pod("starting", False, "2025-10-07T12:00:05Z"),
        _pod("crashing", False, None),
        {"metadata": {"name": "new", "ownerReferences": [{}]}, "status": {"phase": "Pending"}},
        {"metadata": {"name": "volume-helper"}, "status": {"phase": "Succeeded"}},
    ]
    assert cluster.not_ready({"items": pods}, since) == ["of-before", "starting", "crashing", "new"]
    assert cluster.not_ready({"items": pods[:1]}, since) == []
    assert cluster.not_ready({"items": []}, since) == ["the first pod"]
