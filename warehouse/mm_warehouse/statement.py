"""One SQL statement from text to outcome: parse, adapt, lock, run."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass

import pyarrow as pa
from fakesnow.dialect import parse_one
from fakesnow.statement_type import DDL, TCL, UNKNOWN, statement_type_id
from sqlglot import Expr, exp

from mm_warehouse import reader, search_path
from mm_warehouse.cursor import Parameters, WarehouseCursor
from mm_warehouse.dialect.comments import column_comments
from mm_warehouse.dialect.remove import remove, remove_target
from mm_warehouse.dialect.unsupported import replace_statement, strip_leading_comments
from mm_warehouse.errors import SqlError
from mm_warehouse.locks import TableName
from mm_warehouse.results import Description
from mm_warehouse.session import Session

_DDL = (exp.Create, exp.Drop, exp.Alter, exp.Comment, exp.TruncateTable)
_WRITES = (exp.Insert, exp.Update, exp.Delete, exp.Merge, exp.Copy)
_EXPLAIN = re.compile(r"explain\s+(?:using\s+(?:text|tabular|json)\s+)?", re.IGNORECASE)
_SUCCESS = "SELECT 'Statement executed successfully.' AS \"status\""


@dataclass
class Outcome:
    """What a statement gave."""

    query_id: str
    type_id: int
    table: pa.Table | None
    description: Description
    rowcount: int
    translated: Expr | None = None


def run(session: Session, text: str, params: Parameters = None) -> Outcome:
    """Run the statement `text` for `session`; `params` are bound to its placeholders.

    Raises:
        SqlError, duckdb.Error, snowflake.connector.errors.Error, sqlglot errors: it failed; see `as_sql_error`.
    """
    text = strip_leading_comments(text)
    if (path := search_path.statement_of(text)) is not None:
        session.set_search_path(path)
        text = _SUCCESS
    text = replace_statement(text)
    connection = session.connection
    cursor = connection.cursor()
    if connection.variables._variables:
        text = connection.variables.inline_variables(text)
    if (comments := column_comments(text)) is not None:
        _only_owner(session, "COMMENT")
        return _run_duckdb(session, cursor, comments)
    if (target := remove_target(text)) is not None:
        _only_owner(session, "REMOVE")
        answer = remove(target, cursor)
        cursor.answer(answer, answer)
        return _outcome(cursor, UNKNOWN)
    if (explained := _EXPLAIN.match(text)) is not None:
        inner = parse_one(text[explained.end() :])
        _check_reader(session, inner)
        plan = cursor.translate(inner).sql(dialect="duckdb")
        cursor.answer(exp.Command(this="EXPLAIN", expression=plan), exp.Command(this="EXPLAIN"))
        return _outcome(cursor, UNKNOWN)
    expression = parse_one(text)
    if isinstance(expression, exp.Transaction | exp.Commit | exp.Rollback):
        return _transaction_statement(session, cursor, expression)
    if isinstance(expression, exp.Create) and expression.kind in ("FUNCTION", "PROCEDURE"):
        raise NotImplementedError(f"CREATE {expression.kind}")
    _check_reader(session, expression)
    return _run_parsed(session, cursor, expression, params)


def _run_parsed(session: Session, cursor: WarehouseCursor, expression: Expr, params: Parameters) -> Outcome:
    duck, connection = session.duck, session.connection
    duck.check_usable()
    cursor.check_db_and_schema(expression)
    if isinstance(expression, _DDL):
        duck.commit()
    type_id = statement_type_id(expression)
    locked = list(_written_tables(session, expression))
    for sql in session.temporary.redirect(expression, connection.database, connection.schema):
        duck.execute(sql)
    try:
        # Before the transaction's first statement, which is when DuckDB takes its snapshot.
        session.locks.acquire(session, locked)
        if isinstance(expression, _WRITES) and not connection.commits_itself:
            duck.begin()
        with duck.reading() if session.read_only else nullcontext():
            cursor.run(expression, params)
        if isinstance(expression, exp.Use):
            session.apply_search_path()
        return _outcome(cursor, type_id)
    finally:
        if not duck.active:
            session.locks.release(session)


def _only_owner(session: Session, what: str) -> None:
    if session.read_only:
        raise reader.refusal(f"{what} is more than that")


def _check_reader(session: Session, expression: Expr) -> None:
    if session.read_only:
        reader.check(expression, session.engine.table_functions)


def _run_duckdb(session: Session, cursor: WarehouseCursor, statements: list[str]) -> Outcome:
    """Run DDL that is in DuckDB's terms already."""
    session.duck.check_usable()
    session.duck.commit()
    for sql in statements:
        session.duck.execute(sql)
    cursor.run(parse_one(_SUCCESS), None)
    return _outcome(cursor, DDL)


def _outcome(cursor: WarehouseCursor, type_id: int) -> Outcome:
    return Outcome(
        query_id=cursor._sfqid or "",
        type_id=type_id,
        table=cursor._arrow_table,
        description=cursor.duck_description,
        rowcount=int(cursor._rowcount or 0),
        translated=cursor._last_transformed,
    )


def _transaction_statement(session: Session, cursor: WarehouseCursor, expression: Expr) -> Outcome:
    if isinstance(expression, exp.Transaction):
        session.duck.begin(session.read_only)
    elif isinstance(expression, exp.Commit):
        session.duck.commit()
    else:
        session.duck.rollback()
    cursor.run(parse_one(_SUCCESS), None)
    return _outcome(cursor, TCL)


def _written_tables(session: Session, expression: Expr) -> Iterator[TableName]:
    """The tables that Snowflake would lock for this statement. INSERT and COPY only append, so they lock none."""
    if not isinstance(expression, exp.Update | exp.Delete | exp.Merge | exp.TruncateTable):
        return
    targets = expression.expressions if isinstance(expression, exp.TruncateTable) else [expression.this]
    for target in targets:
        if not isinstance(target, exp.Table):
            raise SqlError("001003", "42000", "The statement does not name the table that it changes.")
        yield (
            (target.catalog or session.connection.database or "").upper(),
            (target.db or session.connection.schema or "").upper(),
            target.name.upper(),
        )
