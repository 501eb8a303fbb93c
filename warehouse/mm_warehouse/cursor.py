"""fakesnow's connection and cursor with the dialect's differences put in, by subclassing rather than patching."""

from __future__ import annotations

from typing import Any, cast

import fakesnow.transforms
from fakesnow.conn import FakeSnowflakeConnection
from fakesnow.cursor import FakeSnowflakeCursor
from sqlglot import Expr, exp

from mm_warehouse.dialect import merge as merges
from mm_warehouse.dialect.arithmetic import check_divisors, keep_aggregate_arguments
from mm_warehouse.dialect.chain import Chain, rewrite
from mm_warehouse.dialect.comments import created_column_comments, table_comment_sql, take_column_comments
from mm_warehouse.dialect.constraints import drop_keys
from mm_warehouse.dialect.copy_json import copy_json, is_json_copy
from mm_warehouse.dialect.create_as import create_table_as, declare_not_null
from mm_warehouse.dialect.flatten import flatten
from mm_warehouse.dialect.flatten_barrier import keep_above_flatten
from mm_warehouse.dialect.inline_ctes import inline_flattened
from mm_warehouse.dialect.json_paths import share_parsing
from mm_warehouse.dialect.semi_structured import semi_structured
from mm_warehouse.dialect.strict import refuse_untranslatable
from mm_warehouse.dialect.text import text_functions, variants_as_text
from mm_warehouse.results import Description
from mm_warehouse.transaction import TransactionalConnection

# The cursor's chain of transforms looks these up in their package at each call and takes no substitutes.
fakesnow.transforms.flatten = flatten
fakesnow.transforms.numeric_agg_implicit_cast = keep_aggregate_arguments
fakesnow.transforms.create_table_as = create_table_as


Parameters = list[Any] | dict[str, Any] | None


class WarehouseConnection(FakeSnowflakeConnection):
    """A session's state: current database and schema, variables, and whether it commits by itself."""

    def __init__(self, duck: TransactionalConnection, results: dict[str, Any], **kwargs: Any) -> None:
        # fakesnow's own bookkeeping of transactions stays off: it assumes that it is never told BEGIN.
        super().__init__(cast(Any, duck), results, create_database=False, create_schema=False, **kwargs)
        self.duck = duck
        self.commits_itself = True

    def autocommit(self, mode: bool) -> None:
        """Snowflake commits what is open when the setting changes."""
        self.duck.commit()
        self.commits_itself = mode

    def cursor(self, *_: Any, **__: Any) -> WarehouseCursor:
        """A cursor on this session; the class of cursor that fakesnow may ask for makes no difference here."""
        return WarehouseCursor(conn=self, duck_conn=cast(Any, self.duck))


class WarehouseCursor(FakeSnowflakeCursor):
    """Runs one parsed statement; see `statement.run` for what happens around it."""

    _arrow_table: Any
    _rowcount: Any
    _last_transformed: Any

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.duck_description: Description = []

    @property
    def duck(self) -> TransactionalConnection:
        """The session's DuckDB connection."""
        return cast(WarehouseConnection, self._conn).duck

    @property
    def database(self) -> str | None:
        """The session's current database."""
        return self._conn.database

    @property
    def schema(self) -> str | None:
        """The session's current schema."""
        return self._conn.schema

    @property
    def table_stages(self) -> Any:
        """The session's registry of tables' implicit stages."""
        return self._conn.table_stages

    def run(self, expression: Expr, params: Parameters) -> None:
        """Translate `expression` and execute the result."""
        if isinstance(expression, exp.Merge):
            self._run_merge(expression, params)
        elif isinstance(expression, exp.Copy) and is_json_copy(expression, self):
            self._run_copy(expression, params)
        else:
            for part in self._transform_explode(expression):
                translated = self.translate(part, params)
                self._execute(translated, params if translated.find(exp.Placeholder) else None)
                for sql in [*declare_not_null(translated), *created_column_comments(translated)]:
                    self.duck.execute(sql)

    def translate(self, expression: Expr, params: Parameters = None) -> Expr:
        """The statement in DuckDB's terms."""
        prepared = keep_above_flatten(inline_flattened(drop_keys(take_column_comments(expression))))
        prepared = rewrite(prepared, lambda node: text_functions(semi_structured(node)))
        chain = cast(Chain, self._transform(cast(Any, Chain(prepared)), cast(Any, params)))
        translated = variants_as_text(check_divisors(share_parsing(chain.statement)))
        return refuse_untranslatable(translated)

    def _run_merge(self, expression: exp.Merge, params: Parameters) -> None:
        kinds = merges.branches(expression)
        translated = self.translate(merges.native_merge(expression), params)
        actions: dict[str, int] = {}
        result = self.duck.execute(translated.sql(dialect="duckdb"), params or None)
        for batch in result.to_arrow_reader(100_000):
            for row in batch.column(0).value_counts().to_pylist():
                actions[row["values"]] = actions.get(row["values"], 0) + row["counts"]
        self.answer(exp.maybe_parse(merges.counts_sql(kinds, list(actions.items())), dialect="duckdb"), translated)
        self._rowcount = sum(actions.values())

    def _run_copy(self, expression: exp.Copy, params: Parameters) -> None:
        answer, loaded = copy_json(expression, self, lambda statement: self.translate(statement, params))
        self.answer(answer, expression)
        self._rowcount = loaded

    def answer(self, answer: Expr, statement: Expr) -> None:
        """Make the result of `answer` (DuckDB's dialect) the result of `statement`, which has been run."""
        self._execute(answer)
        self._last_transformed = statement

    def _execute(self, transformed: Expr, params: Any = None) -> None:
        comment = transformed.args.pop("table_comment", None)
        super()._execute(transformed, params)
        self.duck_description = [(column[0], str(column[1])) for column in self._duck_conn.description or []]
        if comment is not None:
            self._store_comment(*comment)

    def _store_comment(self, table: exp.Table, comment: str | None) -> None:
        values: list[Any] = [table.catalog or self.database, table.db or self.schema, table.name]
        if comment is not None:
            values.append(str(comment))
        self.duck.execute(table_comment_sql(comment), values)
