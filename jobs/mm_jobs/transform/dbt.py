"""dbt in this process: its parse state is read from where the image was built, so that a run begins at once.

dbt itself throws the saved state away when a variable or a setting of the profile differs, and parses for seconds. The
project in an image does not change, and what differs from run to run (variables, the account) is read when a model is
compiled; only the database is written into the state, so that it is compared here.
"""

import contextlib
import hashlib
import json
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import yaml

from mm_jobs.common.env import redact
from mm_jobs.common.log import Log
from mm_jobs.transform import page

PARSE_STATE: Final = "partial_parse.msgpack"
_QUERY_TAG: Final = "SNOWFLAKE_QUERY_TAG"
_WRITTEN: Final = frozenset({"target", "logs", "dbt_packages"})
_GOOD: Final = frozenset({"success", "pass", "warn", "no-op"})
_SLOWEST: Final = 5
"""Nodes that a run's line names with their seconds; the others are told at level DEBUG."""


@dataclass(frozen=True, slots=True)
class NodeResult:
    """How one model or test went; ``status`` is dbt's: success, error, skipped, pass, fail, warn."""

    name: str
    kind: str
    status: str
    message: str
    seconds: float
    failures: int | None = None
    """Rows that a test found; None of what is no test."""
    sql: str = ""
    """The statement that finds a test's rows, where it was compiled."""

    @property
    def good(self) -> bool:
        """Whether nothing is wrong with it."""
        return self.status in _GOOD


class DbtProblem(Exception):
    """dbt could not even start its work: the project or the profile is broken."""


class Dbt:
    """A dbt project and the folder that this run may write to."""

    def __init__(
        self, project: Path, work: Path, variables: Mapping[str, object], database: str, log: Log, *, query_tag: str
    ) -> None:
        """Args: project, folder to write to, dbt variables, the database, where lines go, its sessions' query tag."""
        self._project = project
        self._database = database
        self._prepared = False
        self._work = work
        self._variables = dict(variables)
        self._log = log
        self._query_tag = query_tag
        self._manifest: Any = None

    def prepare(self) -> bool:
        """Take the parse state that lies in the project's ``target``; returns whether it can be used as it is."""
        self._prepared = True
        self._work.mkdir(parents=True, exist_ok=True)
        baked = self._project / "target" / PARSE_STATE
        if not baked.exists():
            return False
        # Where it cannot be used as it is, dbt may still save some parsing with it.
        with contextlib.suppress(OSError):
            shutil.copyfile(baked, self._work / PARSE_STATE)
        manifest = _read_manifest(baked)
        databases = {str(node.database).upper() for node in manifest.nodes.values()} if manifest else set()
        if databases == {self._database.upper()}:
            self._manifest = manifest
        return self._manifest is not None

    def invoke(self, command: str, *selection: str) -> list[NodeResult]:
        """Run a command such as ``run`` over a selection, and return how each of its nodes went.

        Raises:
            DbtProblem: dbt ended before it had results.
        """
        answer = self._dbt(command, *selection, manifest=self._manifest)
        results = getattr(answer.result, "results", None)
        if results is None:
            raise DbtProblem(" ".join(str(answer.exception or "dbt ended without results").split())[:1000])
        found = [_node_result(result) for result in results]
        self._tell(command, selection, found, float(getattr(answer.result, "elapsed_time", 0.0)))
        return found

    def freshness(self) -> list[NodeResult]:
        """Return how old each source's newest row is, as dbt's source freshness judges it; error is too old.

        Tables without rows are left out.

        Raises:
            DbtProblem: dbt ended before it had results.
        """
        answer = self._dbt("source", "freshness", manifest=self._manifest)
        results = getattr(answer.result, "results", None)
        if results is None:
            raise DbtProblem(" ".join(str(answer.exception or "dbt ended without results").split())[:1000])
        # Of a table that has no rows dbt says the year 1: nobody has asked for what it would hold.
        known = [result for result in results if getattr(getattr(result, "max_loaded_at", None), "year", 1) > 1]
        return [_freshness_result(result) for result in known]

    def _dbt(self, *words: str, manifest: Any = None) -> Any:
        # dbt's locks are semaphores that their tracker removes when the process is gone; it need not warn of them.
        sys.warnoptions.append("ignore:resource_tracker")
        from dbt.cli.main import dbtRunner

        # The profile reads it. A manifest that is given is not compared with the profile, so it stays good.
        os.environ[_QUERY_TAG] = self._query_tag
        return dbtRunner(manifest=manifest).invoke([*words, *self._arguments()])

    def _tell(self, command: str, selection: Sequence[str], found: list[NodeResult], seconds: float) -> None:
        bad = [node for node in found if not node.good]
        slowest = sorted(found, key=lambda node: -node.seconds)[:_SLOWEST]
        self._log.info(
            "dbt",
            command=command,
            selection=" ".join(selection),
            nodes=len(found),
            failed=len(bad),
            seconds=seconds,
            slowest=" ".join(f"{node.name}:{node.seconds:.2f}" for node in slowest),
        )
        for node in bad:
            self._log.error("dbt.node", node=node.name, kind=node.kind, status=node.status, message=node.message[:400])
        for node in found:
            self._log.debug("dbt.node", node=node.name, kind=node.kind, status=node.status, seconds=node.seconds)

    def page(self, counts: page.Counts) -> page.Written:
        """Return dbt's documentation of the project and its tables as one HTML file, and the lineage alone.

        Everything is compiled for it: this process may have run some models, or none.

        Args:
            counts: rows by schema and table.

        Raises:
            DbtProblem: dbt could not compile the project, or read the catalog, or made no page.
        """
        manifest = self._parsed()
        if failed := failures(self.invoke("compile")):
            raise DbtProblem(f"dbt could not compile {failed[0].name}: {failed[0].message}"[:1000])
        from dbt.task.docs import DOCS_INDEX_FILE_PATH

        written = self._work / "manifest.json"
        manifest.write(str(written))
        answer = self._dbt("docs", "generate", "--no-compile", manifest=manifest)
        catalog = self._work / "catalog.json"
        if not answer.success or not catalog.exists():
            said = answer.exception or getattr(answer.result, "errors", None) or "dbt docs ended without a catalog"
            raise DbtProblem(" ".join(str(said).split())[:1000])
        described = page.readable(json.loads(written.read_text()))
        index = Path(DOCS_INDEX_FILE_PATH).read_text(encoding="utf-8")
        whole = page.composed(index, described, page.counted(json.loads(catalog.read_text()), counts))
        return page.Written(whole, page.lineage(described))

    def reads(self, model: str) -> frozenset[str]:
        """Return the names of a model and of all models that it reads, directly or through others.

        Raises:
            DbtProblem: dbt could not parse the project, or there is no such model in it.
        """
        manifest = self._parsed()
        manifest.build_parent_and_child_maps()
        found: set[str] = set()
        waiting = [key for key, node in manifest.nodes.items() if node.resource_type == "model" and node.name == model]
        if not waiting:
            raise DbtProblem(f"the project has no model {model}")
        while waiting:
            key = waiting.pop()
            if key not in found and key in manifest.nodes:  # sources are no nodes
                found.add(key)
                waiting += manifest.parent_map[key]
        return frozenset(str(manifest.nodes[key].name) for key in found)

    def _parsed(self) -> Any:
        """Return the project's manifest; parsed once, where the saved state cannot be used. Raises DbtProblem."""
        if not self._prepared:
            self.prepare()
        if self._manifest is None:
            self._manifest = self._dbt("parse").result
        if self._manifest is None:
            raise DbtProblem("dbt could not parse the project")
        return self._manifest

    def fingerprint(self) -> str:
        """Return a hash of the models: the project's files and dbt's version.

        The tables' columns need no look: every model's contract, and so every column, stands in the files. dbt itself
        is not imported for it: a run that has nothing to build does without it. The order of the sources belongs to it:
        it decides whose word a picture's row is, and rows that were made by another order are not what this one makes.
        """
        order = json.dumps(self._variables.get("source_order", {}), sort_keys=True)
        return fingerprint(self._project, metadata.version("dbt-core"), order)

    def settings_fingerprint(self) -> str:
        """Return a hash of what the models are compiled with: the variables and the database."""
        text = json.dumps([self._variables, self._database.upper()], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    def _arguments(self) -> list[str]:
        return [
            "--project-dir", str(self._project),
            "--profiles-dir", str(self._project),
            "--target-path", str(self._work),
            "--log-path", str(self._work),
            "--vars", yaml.safe_dump(self._variables, default_flow_style=True, width=10_000).strip(),
            "--log-level", "none",
            "--log-level-file", "none",
            "--no-use-colors",
            "--no-print",
            "--no-write-json",
            "--no-send-anonymous-usage-stats",
            "--no-version-check",
            "--cache-selected-only",
        ]  # fmt: skip


def fingerprint(project: Path, *more: str) -> str:
    """Return a hash of a project's files, wherever it lies, and of further words; what dbt writes there is left out."""
    digest = hashlib.sha256("\0".join(more).encode())
    for path in sorted(project.rglob("*")):
        relative = path.relative_to(project)
        top = relative.parts[0]
        if top not in _WRITTEN and not top.startswith(".") and path.is_file():
            content = hashlib.sha256(path.read_bytes()).hexdigest()
            digest.update(f"{relative.as_posix()} {content}\n".encode())
    return digest.hexdigest()[:32]


def failures(results: Sequence[NodeResult]) -> list[NodeResult]:
    """Return what failed by itself; what was skipped for it is not told twice."""
    return [node for node in results if not node.good and node.status != "skipped"]


def _node_result(result: Any) -> NodeResult:
    return NodeResult(
        name=str(result.node.name),
        kind=str(getattr(result.node.resource_type, "value", result.node.resource_type)),
        status=str(getattr(result.status, "value", result.status)),
        message=redact(" ".join(str(result.message or "").split())),
        seconds=float(result.execution_time or 0.0),
        failures=getattr(result, "failures", None),
        sql=str(getattr(result.node, "compiled_code", None) or ""),
    )


def _freshness_result(result: Any) -> NodeResult:
    said = f"the newest row was loaded {result.max_loaded_at:%Y-%m-%d %H:%M} UTC, {result.age:.0f} s ago"
    return NodeResult(
        name=f"source_freshness_{result.node.source_name}_{result.node.name}",
        kind="source",
        status=str(getattr(result.status, "value", result.status)),
        message=said,
        seconds=float(result.execution_time or 0.0),
    )


def _read_manifest(path: Path) -> Any:
    """Return dbt's saved manifest, ready for use, or None where it was saved by another version of dbt."""
    from dbt.contracts.graph.manifest import Manifest
    from dbt.parser.manifest import extended_mashumuro_decoder
    from dbt.version import __version__

    try:
        manifest = Manifest.from_msgpack(path.read_bytes(), decoder=extended_mashumuro_decoder)
    except Exception:
        # Whatever is wrong with a saved state, parsing the project again is the answer.
        return None
    if manifest.metadata.dbt_version != __version__:
        return None
    manifest.build_flat_graph()  # type: ignore[no-untyped-call]
    return manifest
