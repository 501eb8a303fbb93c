"""Commands about plans: what they ask of the cluster, and what they make of its answers."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from mm_cli import logs, main, planning, why
from mm_cli.errors import CliError
from mm_cli.gaps import grouped
from mm_cli.plan_list import failed_text, summary
from mm_hack import access as access_to_pages
from mm_hack import demo, k9s
from mm_hack.main import ARCHIVE_COMMANDS
from mm_hack.snapshot import Snapshot, progress_line
from mm_operator.crd import COLUMNS

from .conftest import Kubectl, access

NOW = datetime(2026, 1, 2, 3, 0, tzinfo=UTC)


def _plan(name: str, phase: str = "Running", **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": "2026-01-02T02:00:00Z",
            "labels": {"app.kubernetes.io/instance": "mars"},
        },
        "spec": {"rovers": [{"name": "Curiosity", "sols": ["0-9", "20"]}]},
        "status": {"phase": phase, "batches": {"total": 3, "succeeded": 2, "failed": 1}, **status},
    }  # fmt: skip


FAILED = _plan(
    "photos-1",
    "Failed",
    reason="BatchesFailed",
    failedIndexes="0",
    photos=120,
    conditions=[{"type": "Failed", "status": "True", "reason": "BatchesFailed", "message": "1 of 3 batches failed."}],
    records=[
        {"batch": 0, "rover": "Curiosity", "sols": "0-4", "state": "Waiting", "attempts": 2, "reason": "RateLimited",
         "message": "429 of the source", "nextAttempt": "2026-01-02T03:20:00Z", "job": "photos-1-0-2",
         "logTail": "last words\n"}
    ],
    dropped=[{"rover": "Curiosity", "sols": "9", "plan": "photos-0", "ended": "Fetched"}],
)  # fmt: skip


def test_which_batches_failed_cannot_be_taken_for_how_many(
    kubectl: Kubectl,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """`Failed Batches: 0` was the number of the one that failed."""
    assert failed_text(0, []) == "none"
    assert failed_text(1, [0]) == "1 (no. 0)"
    assert failed_text(5, [0, 2, 3, 7, 8]) == "5 (no. 0, 2, 3, ...)"
    kubectl({"configmaps": access("mars"), "ingestionplans": {"items": [FAILED]}})
    assert main.run(["plans"]) == 0
    assert "1 (no. 0)" in capsys.readouterr().out
    assert main.run(["why", "photos-1"]) == 0
    assert "batches: 2 of 3 done, failed: 1 (no. 0)" in capsys.readouterr().out


def test_a_plan_is_told_with_what_to_do_and_when(
    kubectl: Kubectl,
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = why.of_plan(FAILED, NOW)
    (batch,) = told["batches_not_done"]
    assert (batch["state"], batch["reason"], batch["in"]) == ("waiting", "RateLimited", "20 min")
    assert "tried again by itself" in batch["advice"]
    assert told["left_to_others"] == [{"rover": "Curiosity", "sols": "9", "plan": "photos-0", "ended": "Fetched"}]
    kubectl({"configmaps": access("mars"), "ingestionplans": {"items": [FAILED]}})
    assert main.run(["why", "photos-1"]) == 0
    said = capsys.readouterr().out
    for part in (
        "1 of 3 batches failed.",
        "batch 0, Curiosity 0-4: waiting, attempt 2",
        "429 of the source",
        "which has fetched",
    ):
        assert part in said
    assert main.run(["why", "photos-1", "-o", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["failed_numbers"] == [0]
    assert main.run(["why", "photos-9"]) == 1
    assert "there is no plan photos-9" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "subject"),
    [("curiosity/0012", ("Curiosity", 12)), ("SPIRIT", ("Spirit", None)), ("photos-1a2b", "photos-1a2b")],
)
def test_what_is_asked_about(text: str, subject: Any) -> None:
    assert why.subject_of(text) == subject


@pytest.mark.parametrize("text", ["zhurong/1", "curiosity/x", "curiosity/1-3", "curiosity/"])
def test_what_cannot_be_asked_about(text: str) -> None:
    with pytest.raises(CliError):
        why.subject_of(text)


def test_plans_are_steered_by_patches(kubectl: Kubectl, capsys: pytest.CaptureFixture[str]) -> None:
    resting = _plan("photos-3") | {"spec": {"rovers": [], "suspend": True}}
    other = _plan("photos-4") | {"metadata": {"name": "photos-4", "labels": {"app.kubernetes.io/instance": "red"}}}
    plans = {"items": [FAILED, _plan("photos-2"), resting, other]}
    asked = kubectl({"configmaps": access("mars"), "patch": {}, "get ingestionplans": plans})

    def patched() -> list[tuple[str, dict[str, Any]]]:
        lines = [line for line in asked.read_text().splitlines() if line.startswith("patch ")]
        asked.write_text("")
        return [
            (line.split()[2], json.loads(line.partition("--patch ")[2].partition(" --request")[0])) for line in lines
        ]

    assert main.run(["suspend", "photos-2"]) == 0
    assert patched() == [("photos-2", {"spec": {"suspend": True}})]
    assert main.run(["resume", "--all"]) == 0
    assert patched() == [("photos-3", {"spec": {"suspend": False}})]
    assert main.run(["retry", "--all"]) == 0
    ((name, change),) = patched()
    assert name == "photos-1"
    assert change["metadata"]["labels"] == {"martian-moments.io/finished": None}
    assert re.fullmatch("[0-9]+", change["metadata"]["annotations"]["martian-moments.io/retry-now"])
    capsys.readouterr()
    assert main.run(["suspend", "photos-1", "photos-2", "-o", "json"]) == 0
    said = [{"plan": "photos-1", "done": "suspend"}, {"plan": "photos-2", "done": "suspend"}]
    assert json.loads(capsys.readouterr().out) == said
    assert len(patched()) == 2
    assert main.run(["suspend", "photos-4"]) == 1, "another release's plan is not touched"
    assert main.run(["suspend"]) == 64
    assert main.run(["suspend", "photos-2", "--all"]) == 64
    assert patched() == []


def test_plans_by_hand_belong_to_the_release_that_takes_them(
    kubectl: Kubectl,
    capsys: pytest.CaptureFixture[str],
) -> None:
    by_hand = _plan("mine") | {"metadata": {"name": "mine"}}
    for takes, shown in (("true", True), ("false", False)):
        kubectl({"configmaps": access("mars", plansWithoutInstance=takes), "ingestionplans": {"items": [by_hand]}})
        assert main.run(["plans"]) == 0
        assert ("mine" in capsys.readouterr().out) is shown


def test_logs_of_a_pod_that_is_gone_are_the_lines_that_were_kept(
    kubectl: Kubectl,
    capsys: pytest.CaptureFixture[str],
) -> None:
    cluster = {"configmaps": access("mars"), "ingestionplans": {"items": [FAILED]}, "pods": {"items": []}}
    kubectl(cluster)
    for what in ("photos-1", "photos-1-0-2"):
        assert main.run(["logs", what]) == 0
        said = capsys.readouterr().out
        assert "-- photos-1-0-2: its pod is gone" in said
        assert "last words" in said
    assert main.run(["logs", "photos-1-7-1"]) == 1
    assert "there is no part, plan or Job photos-1-7-1" in capsys.readouterr().err
    assert main.run(["logs", "operator"]) == 1
    asked = kubectl(
        cluster | {"pods": {"items": [{"metadata": {"name": "p", "labels": {"job-name": "photos-1-0-2"}}}]}, "logs": {}}
    )
    assert main.run(["logs", "photos-1", "--tail", "5"]) == 0
    assert "its pod is gone" not in capsys.readouterr().out
    assert "logs --selector martian-moments.io/plan=photos-1 --tail=5" in asked.read_text()
    assert logs.kept_lines([_plan("x")]) == []


PREVIEW = {
    "spec": {},
    "batches": [{"index": n, "rover": "Curiosity", "sols": str(n)} for n in range(30)],
    "rovers": [{"rover": "Curiosity", "source": "mirror", "batches": 30, "sols": 30, "photos": 1200, "unknown_sols": 0,
                "requests": 30, "requests_per_hour": None}],
    "jobs_at_a_time": 4,
    "seconds": 4000.0,
}  # fmt: skip


def test_a_plan_that_is_not_made_yet_is_told_with_its_cost(
    kubectl: Kubectl,
    capsys: pytest.CaptureFixture[str],
) -> None:
    live = _plan("photos-2")
    asked = kubectl({"configmaps": access("mars"), "mm-plan": PREVIEW, "ingestionplans": {"items": [live, FAILED]}})
    assert main.run(["plan", "--rover", "curiosity", "--sols", "5-34"]) == 0
    said = capsys.readouterr().out
    assert "30 batches, 4 at a time: about 67 min" in said
    assert "plan photos-2 has sols 5-9,20 of Curiosity: what" in said, "the plan that has ended is not named"
    assert "and 10 more" in said
    assert "how many photos each sol has is not known" in said
    assert "exec -i deploy/mars-x-operator -- mm-plan" in asked.read_text()
    assert main.run(["plan", "--sols", "5", "-f", "x.yaml"]) == 64
    assert main.run(["plan"]) == 64
    assert "photos need sols" in capsys.readouterr().err


def test_a_length_of_time_is_said_as_people_do() -> None:
    spans = {0.2: "1 s", 40: "40 s", 600: "10 min", 11_100: "3 h 05 min", 190_000: "2 d 4 h"}
    assert {seconds: planning.duration(seconds) for seconds in spans} == spans


def test_gaps_are_told_by_rover_state_and_reason() -> None:
    def gap(sol: int, state: str, reason: str | None) -> dict[str, Any]:
        return {"rover_name": "Spirit", "sol": sol, "state": state, "reason": reason, "promised_photos": 10,
                "archived_photos": 4, "next_attempt_at": NOW if sol == 2 else None}  # fmt: skip

    rows = grouped([gap(1, "failed", "SourceError"), gap(2, "failed", "SourceError"), gap(9, "missing", None)])
    assert [row[:7] for row in rows] == [
        ("Spirit", "failed", "SourceError", 2, "1-2", 12, NOW),
        ("Spirit", "missing", None, 1, "9", 6, None),
    ]
    assert "tried again" in rows[0][7]
    assert "turn" in rows[1][7]


def test_how_to_connect_is_told_without_the_password_unless_it_is_asked_for(
    kubectl: Kubectl,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import base64

    values = {"u": b"mars_reader", "p": b"s3cret"}
    secret = {"data": {key: base64.b64encode(value).decode() for key, value in values.items()}}
    names = {"ACCOUNT": "embedded", "HOST": "mars-warehouse", "PORT": "8080", "PROTOCOL": "http", "DATABASE": "MARS"}
    env = {"data": {f"SNOWFLAKE_{name}": value for name, value in names.items()}}
    told = access("mars", userKey="u", passwordKey="p")
    kubectl({"configmaps": told, "configmap mars-x-env": env, "get secret mars-reader": secret})
    assert main.run(["connect", "-n", "team"]) == 0
    said = capsys.readouterr().out
    assert "s3cret" not in said
    assert "kubectl -n team port-forward svc/mars-x-warehouse 8080:8080" in said
    assert "kubectl -n team get secret mars-reader -o jsonpath='{.data.p}' | base64 -d" in said
    assert "mars_reader" in said
    compile(said.partition("# python\n")[2].partition("# dbt")[0], "python", "exec")
    profile = yaml.safe_load(said.partition("# dbt\n")[2].partition("# bi")[0])
    assert profile["mars"]["outputs"]["mars"]["host"] == "127.0.0.1"
    assert main.run(["connect", "env", "--password"]) == 0
    assert "export SNOWFLAKE_PASSWORD='s3cret'" in capsys.readouterr().out
    assert main.run(["connect", "json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["schema"], facts["role"]) == ("GOLD", "")
    told["items"][0]["data"]["readerRole"] = "MARS_READER"
    env["data"]["SNOWFLAKE_ROLE"] = "MARS_LOADER"
    kubectl({"configmaps": told, "configmap mars-x-env": env, "get secret mars-reader": secret})
    assert main.run(["connect", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["role"] == "MARS_READER", "the owner's role is not the reader's to take"


def _words(plugin: dict[str, Any]) -> list[str]:
    words = plugin["args"] if plugin["command"] == "mars" else plugin["args"][1].partition(" 2>&1")[0].split()[1:]
    return [word.replace("$", "") for word in words]


def test_keys_of_k9s_run_commands_that_are_there(tmp_path: Path) -> None:
    k9s.install(tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {"plugins.yaml", "views.yaml", "hotkeys.yaml", "aliases.yaml"}
    plugins = yaml.safe_load((tmp_path / "plugins.yaml").read_text())["plugins"]
    assert {_words(plugin)[0] for plugin in plugins.values()} == {"why", "logs", "retry", "suspend", "resume"}
    for plugin in plugins.values():
        parsed = main.build_parser().parse_args(_words(plugin))
        assert (parsed.namespace, parsed.context) == ("NAMESPACE", "CONTEXT")
        assert {"shortCut", "description", "scopes", "command", "args"} <= set(plugin)
    keys = [plugin["shortCut"] for plugin in plugins.values()]
    assert len(set(keys)) == len(keys)
    views = yaml.safe_load((tmp_path / "views.yaml").read_text())["views"]
    known = {column["name"].upper() for column in COLUMNS} | {"NAME", "AGE"}
    assert set(views["martian-moments.io/v1alpha1/ingestionplans"]["columns"]) <= known


def test_the_host_command_hands_on_all_that_people_use() -> None:
    only_inside = {"docs", "setup", "selftest"}
    parser = main.build_parser()
    names = next(action.choices for action in parser._actions if action.dest == "command")
    assert names is not None
    assert set(ARCHIVE_COMMANDS) == set(names) - only_inside


def test_the_demo_counts_photos_as_they_come() -> None:
    lines = [progress_line(Snapshot(photos_fetched=photos)) for photos in (0, 120, 50_704)]
    assert "photos" not in lines[0]
    assert "120 photos fetched" in lines[1]
    assert "50,704 photos fetched" in lines[2]


def test_the_demo_ends_with_what_to_try() -> None:
    said = demo.look_around("mars")
    assert "./mars ui" in said
    assert f"http://localhost:{access_to_pages.UI_PORT}/" in said
    tried = re.findall(r"\./mars (questions \S+|show|status|sql \"[^\"]+\")", said)
    assert [words for words in tried if "-" in words] == [f"questions {name}" for name in demo.QUESTIONS]
    for name in demo.QUESTIONS:
        from mm_cli.questions import question

        assert question(name).name == name


def test_a_plans_summary_has_iso_times() -> None:
    told = summary(_plan("x", startedAt="2026-01-02T02:00:05Z"))
    assert (told["made_at"], told["started_at"], told["finished_at"]) == (
        "2026-01-02T02:00:00Z",
        "2026-01-02T02:00:05Z",
        None,
    )
