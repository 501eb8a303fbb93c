"""Finding a release, and what is said where there is none: with a kubectl that answers as the real one does."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from mm_cli import main
from mm_cli.errors import CliError
from mm_cli.kube import problem
from mm_cli.place import Place, release_of, without_place

from .conftest import Kubectl, access

ROOT = Path(__file__).parents[3]


def test_the_only_release_is_meant_and_among_several_the_one_that_is_named(kubectl: Kubectl) -> None:
    asked = kubectl({"configmaps": access("mars")})
    assert release_of(Place(namespace="team", context="far")).prefix == "mars-x"
    assert "--context far --namespace team get configmaps" in asked.read_text()
    kubectl({"configmaps": access("blue", "red")})
    assert release_of(Place(release="red")).name == "red"
    with pytest.raises(CliError, match=r"several releases.*give --release, one of blue, red"):
        release_of(Place())
    with pytest.raises(CliError, match="no release green in namespace team, but blue, red"):
        release_of(Place(namespace="team", release="green"))


def test_flags_come_before_variables() -> None:
    flags = main.build_parser().parse_args(["status", "-n", "team", "--release", "red"])
    env = {"MARS_NAMESPACE": "other", "MARS_CONTEXT": "far"}
    assert Place.of(flags, env) == Place("team", "red", "far", asked=True)
    assert Place.of(main.build_parser().parse_args(["status"]), env) == Place("other", context="far")


def test_the_words_of_a_command_without_its_place() -> None:
    words = ["dlq", "list", "-n", "team", "--release=red", "minio-events", "--context", "far", "-nx", "--limit", "3"]
    assert without_place(words) == ["dlq", "list", "minio-events", "--limit", "3"]


SERVED = [
    ["status"],
    ["sql", "select 1"],
    ["questions", "newest"],
    ["trace", "curiosity/1"],
    ["schedule", "--sols", "1"],
    ["dlq", "list"],
    ["dlq", "drop", "minio-events"],
    ["replay", "minio-events"],
    ["warehouse", "check"],
    ["backup", "/tmp/mars-backup"],
]


@pytest.mark.parametrize("command", SERVED, ids=" ".join)
@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ('error: context "kind-martian-moments" does not exist', "check that it runs (`./mars demo`"),
        (
            "The connection to the server localhost:8080 was refused - did you specify the right host or port?",
            "check that",
        ),
        ("Unable to connect to the server: dial tcp 10.0.0.1:443: i/o timeout", "does not answer"),
        ('Error from server (Forbidden): configmaps is forbidden: User "me" cannot list', "Ask for the right"),
        ("something else\n", "kubectl failed: something else"),
    ],
)
def test_without_a_cluster_each_command_ends_in_a_sentence(
    kubectl: Kubectl, capsys: pytest.CaptureFixture[str], command: list[str], said: str, sentence: str
) -> None:
    kubectl({"configmaps": said})
    assert main.run(command) in (64, 69)
    told = capsys.readouterr().err
    assert sentence in told
    assert told.startswith("mars: ")
    assert "Traceback" not in told
    assert len(told.splitlines()) == 1


@pytest.mark.parametrize("command", SERVED, ids=" ".join)
def test_without_kubectl_and_without_a_release_too(
    kubectl: Kubectl, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    kubectl({"configmaps": {"items": []}})
    assert main.run(command) == 1
    assert "there is no release of Martian Moments" in capsys.readouterr().err
    monkeypatch.setenv("MARS_KUBECTL", "/no/kubectl")
    assert main.run(command) == 69
    assert "install kubectl" in capsys.readouterr().err


def test_a_release_without_a_reader_says_who_may_ask(kubectl: Kubectl, capsys: pytest.CaptureFixture[str]) -> None:
    kubectl({"configmaps": access("mars", readerSecret=""), "configmap mars-x-env": {"data": {}}})
    assert main.run(["sql", "select 1"]) == 64
    assert "give --owner" in capsys.readouterr().err
    kubectl({"configmaps": access("mars"), "configmap mars-x-env": {"data": {}}})
    assert main.run(["sql", "select 1"]) == 64
    assert "there is no Secret mars-reader" in capsys.readouterr().err


def test_what_needs_kafka_runs_in_the_operators_pod(kubectl: Kubectl) -> None:
    asked = kubectl({"configmaps": access("mars"), "exec": {}})
    assert main.run(["schedule", "--sols", "1-3", "--rover", "spirit", "-n", "team"]) == 0
    assert main.run(["dlq", "minio-events", "-n", "team", "--limit", "2"]) == 0
    words = [line for line in asked.read_text().splitlines() if " exec " in line]
    assert words == [
        "--namespace team exec deploy/mars-x-operator -- mars schedule --sols 1-3 --rover spirit",
        "--namespace team exec deploy/mars-x-operator -- mars dlq list minio-events --limit 2",
    ]


def test_a_fault_of_the_program_is_a_sentence_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise ZeroDivisionError("of all things")

    monkeypatch.setattr("mm_cli.reach.warehouse", fails)
    assert main.run(["status"]) == 70
    said = capsys.readouterr().err
    assert "this should not have happened (ZeroDivisionError: of all things)" in said
    assert "Traceback" not in said
    monkeypatch.setenv("MARS_DEBUG", "1")
    assert main.run(["status"]) == 70
    assert "Traceback" in capsys.readouterr().err


def test_what_kubectl_logs_is_not_what_it_says() -> None:
    said = "E1128 03:04:05.678 12 memcache.go:265] couldn't get list\nThe connection to the server x was refused"
    assert "memcache" not in str(problem(said))


@pytest.mark.parametrize("command", ["sql", "schedule", "status", "dlq"])
def test_help_of_the_host_command_needs_neither_cluster_nor_packages(command: str, tmp_path: Path) -> None:
    """Whatever Python runs ``./mars``: here one that has nothing but its standard library."""
    bare = [sys.executable, "-S", "-m", "mm_hack", command, "--help"]
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "PYTHONPATH": str(ROOT / "hack")}
    answer = subprocess.run(bare, capture_output=True, text=True, env=env, check=False)
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith(f"usage: mars {command}")


def test_kubectl_finds_the_plugin() -> None:
    assert shutil.which("kubectl-mars", path=str(Path(sys.executable).parent))
