"""The models run as the transform Job runs them: dbt in this process, against a real server of the test's own."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from dbt.cli.main import dbtRunner
from mm_contracts.bronze import all_tables

from tests.warehouse.bronze import DDL, Batch, put
from tests.warehouse.server import Warehouse

PROJECT = Path(__file__).parents[2] / "dbt"


class Dbt:
    """dbt over one server; ``rows`` looks at what it made."""

    def __init__(self, warehouse: Warehouse, directory: Path) -> None:
        self.target = directory / "target"
        self.variables: dict[str, Any] = {}
        """Given to every command; set before the first."""
        self.environment = warehouse.env()
        """By which Jobs find the server."""
        self._environment = self.environment | {
            "DBT_TARGET_PATH": str(self.target),
            "DBT_LOG_PATH": str(directory / "logs"),
            "DBT_THREADS": "2",
        }
        self._manifest: Any = None  # parsed once: it costs a second each time
        self._connection = warehouse.connect(paramstyle="qmark")
        self.cursor = self._connection.cursor()
        for statement in DDL:
            self.cursor.execute(statement)

    def __call__(self, *arguments: str, fails: bool = False) -> dict[str, str]:
        """Run a dbt command and give each node's name and status; a failure that is not expected raises."""
        outcome = self._invoke(arguments)
        results: Any = getattr(outcome.result, "results", [])
        told = [f"{r.node.name}: {r.status} {r.message}" for r in results if r.status not in ("success", "pass")]
        assert outcome.success is not fails, f"dbt {' '.join(arguments)}: {outcome.exception} {told}"
        return {r.node.name: str(r.status) for r in results}

    def compiled(self, template: str) -> str:
        """A template's SQL, with the project's macros."""
        outcome = self._invoke(("compile", "--inline", template))
        assert outcome.success, outcome.exception
        return str(outcome.result.results[0].node.compiled_code)

    def _invoke(self, arguments: tuple[str, ...]) -> Any:
        where = ["--project-dir", str(PROJECT), "--profiles-dir", str(PROJECT), "--quiet"]
        if self.variables:
            where += ["--vars", json.dumps(self.variables)]
        with _environment(self._environment):
            if self._manifest is None:
                self._manifest = dbtRunner().invoke(["parse", *where]).result
            return dbtRunner(manifest=self._manifest).invoke([*arguments, *where])

    def put(self, *batches: Batch) -> None:
        """Write objects' rows to bronze."""
        for batch in batches:
            put(self.cursor, batch)

    def remove(self, key: str) -> None:
        """Take a photos object out of bronze."""
        self.cursor.execute("delete from BRONZE.RAW_PHOTO_RESPONSE where OBJECT_KEY = ?", (key,))

    def clear(self) -> None:
        """Take every object out of bronze."""
        for table in all_tables():
            self.cursor.execute(f"delete from BRONZE.{table}")

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        """A query's rows."""
        return self.cursor.execute(query).fetchall()  # type: ignore[union-attr, return-value]

    def table(self, name: str) -> list[tuple[Any, ...]]:
        """All rows of a table in an order of their own."""
        return sorted(self.rows(f"select * from {name}"), key=repr)

    def close(self) -> None:
        """Close the connection that looks."""
        self._connection.close()


@contextmanager
def running(directory: Path) -> Iterator[Dbt]:
    """A fresh server and dbt over it."""
    warehouse = Warehouse(directory / "warehouse")
    try:
        dbt = Dbt(warehouse.start(), directory)
        yield dbt
        dbt.close()
    finally:
        if warehouse.process.poll() is None:
            warehouse.kill()


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    former = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in former.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
