"""fakesnow's connection and cursor with the dialect's differences put in, by subclassing rather than patching."""

from __future__ import annotations

from typing import Any

import fakesnow.transforms
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

from mm_warehouse.dialect import merge as merges
from mm_warehouse.dialect.flatten import flatten
from mm_warehouse.results import Description
from mm_warehouse.transaction import TransactionalConnection

# The cursor's chain of transforms looks this one up in its package at each call and takes no substitute.
fakesnow.transforms.flatten = flatten


class WarehouseConnection(FakeSnowflakeConnection):  # type: ignore[misc]
    """A session's state: current database and schema, variables, and whether it commits by itself."""

    def __init__(self, duck: TransactionalConnection, results: dict[str, Any], **kwargs: Any) -> None:
        # fakesnow's own bookkeeping of transactions stays off: it assumes that it is never told BEGIN.
        super().__init__(duck, results, create_database=False, create_schema=False, **kwargs)
        self.duck = duck
        self.commits_itself = True

    def autocommit(self, mode: bool) -> None:
        """Snowflake commits what is open when the setting changes."""
        self.duck.commit()
        self.commits_itself = mode

    def cursor(self, cursor_class: Any = None) -> WarehouseCursor:
        """A cursor on this session."""
        return WarehouseCursor(conn=self, duck_conn=self.duck)


class WarehouseCursor(FakeSnowflakeCursor):  # type: ignore[misc]
    """Runs one parsed statement; see `statement.run` for what happens around it."""

    duck_description: Description = []

    def run(self, expression: Expr, params: list[Any] | dict[str, Any] | None) -> None:
        """Translate `expression` and execute the result."""
        if isinstance(expression, exp.Merge):
            self._run_merge(expression, params)
            return
        for part in self._transform_explode(expression):
            translated = self._transform(part, params)
            self._execute(translated, params if translated.find(exp.Placeholder) else None)

    def _run_merge(self, expression: exp.Merge, params: list[Any] | dict[str, Any] | None) -> None:
        kinds = merges.branches(expression)
        translated = self._transform(merges.native_merge(expression), params)
        actions: dict[str, int] = {}
        result = self._duck_conn.execute(translated.sql(dialect="duckdb"), params or None)
        for batch in result.to_arrow_reader(100_000):
            for row in batch.column(0).value_counts().to_pylist():
                actions[row["values"]] = actions.get(row["values"], 0) + row["counts"]
        self._execute(exp.maybe_parse(merges.counts_sql(kinds, list(actions.items())), dialect="duckdb"))
        self._rowcount = sum(actions.values())
        self._last_transformed = translated

    def _execute(self, transformed: Expr, params: Any = None) -> None:
        super()._execute(transformed, params)
        self.duck_description = [(column[0], str(column[1])) for column in self._duck_conn.description or []]
