"""One kind config for both kinds of machine, image names, and which workloads a new build restarts."""

from typing import Any

import pytest
import yaml
from mm_hack import cluster, node, versions
from mm_hack.places import ASSETS


def _config(packages: bool) -> dict[str, Any]:
    text = cluster.render((ASSETS / "kind.yaml").read_text(), "an/image:1", packages=packages)
    assert "@" not in text
    loaded = yaml.safe_load(text)
    assert isinstance(loaded, dict)
    return loaded


def test_a_package_built_node_brings_its_network_and_its_dns() -> None:
    config = _config(packages=True)
    assert config["networking"]["disableDefaultCNI"] is True
    patches = [yaml.safe_load(patch) for patch in config["nodes"][0]["kubeadmConfigPatches"]]
    assert {"kind": "ClusterConfiguration", "dns": {"imageTag": versions.COREDNS}} in patches
    assert config["nodes"][0]["image"] == "an/image:1"


def test_a_published_node_keeps_kinds_network_and_dns() -> None:
    config = _config(packages=False)
    assert "disableDefaultCNI" not in config["networking"]
    patches = [yaml.safe_load(patch) for patch in config["nodes"][0]["kubeadmConfigPatches"]]
    assert [patch["kind"] for patch in patches] == ["KubeletConfiguration"]
    assert patches[0]["failCgroupV1"] is False


def test_the_node_network_is_inside_the_clusters_pod_network() -> None:
    import ipaddress
    import json

    conflist = json.loads((ASSETS / "node" / "10-bridge.conflist").read_text())
    ranges = conflist["plugins"][0]["ipam"]["ranges"]
    pods = ipaddress.ip_network(_config(packages=True)["networking"]["podSubnet"])
    assert all(ipaddress.ip_network(entry["subnet"]).subnet_of(pods) for group in ranges for entry in group)  # type: ignore[arg-type]


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
