"""CREATE TABLE with column definitions AS a query, as dbt writes it for models with a contract.

fakesnow describes the query in a dialect that is neither, knows only plain SELECTs, and drops NOT NULL. Here
the query becomes a subquery whose columns are cast by position, and a NULL in a column that must not have one
fails the statement.
"""

from __future__ import annotations

from typing import Any

from sqlglot import Expr, exp

from mm_warehouse.errors import SqlError

NOT_NULL = "mm_not_null"
"""The argument of the translated CREATE that holds the names of columns to be declared NOT NULL afterwards."""


def create_table_as(expression: Expr, duck_conn: Any) -> Expr:
    """Rewrite CREATE TABLE t (columns) AS query, in DuckDB's terms; takes the place of fakesnow's transform.

    `duck_conn`: the connection, asked how many columns the query has.

    Raises:
        SqlError: the query has another number of columns than the table.
    """
    query = expression.args.get("expression")
    if not (
        isinstance(expression, exp.Create)
        and expression.kind == "TABLE"
        and isinstance(expression.this, exp.Schema)
        and isinstance(query, exp.Query)
    ):
        return expression
    definitions = [d for d in expression.this.expressions if isinstance(d, exp.ColumnDef | exp.Identifier)]
    found = len(duck_conn.execute(f"DESCRIBE {query.sql(dialect='duckdb')}").fetchall())
    if found != len(definitions):
        raise SqlError(
            "002026",
            "42601",
            f"Invalid column definition list: the table has {len(definitions)} columns, the query {found}.",
        )
    columns, required = [], []
    for position, definition in enumerate(definitions, start=1):
        value: Expr = exp.column(f"c{position}")
        name = definition.this if isinstance(definition, exp.ColumnDef) else definition
        if isinstance(definition, exp.ColumnDef):
            if definition.find(exp.NotNullColumnConstraint):
                required.append(name.copy())
                message = exp.Literal.string(f"NULL result in a non-nullable column: {name.name}")
                value = exp.Coalesce(this=value, expressions=[exp.Anonymous(this="error", expressions=[message])])
            if definition.kind is not None:
                value = exp.Cast(this=value, to=definition.kind.copy())
        columns.append(exp.alias_(value, name.copy()))
    alias = exp.TableAlias(
        this=exp.to_identifier("q"), columns=[exp.to_identifier(f"c{n}") for n in range(1, found + 1)]
    )
    source = exp.Subquery(this=query.unnest() if isinstance(query, exp.Subquery) else query, alias=alias)
    expression.set("expression", exp.Select(expressions=columns).from_(source))
    expression.set("this", expression.this.this)
    if required:
        expression.set(NOT_NULL, required)
    return expression


def declare_not_null(created: Expr) -> list[str]:
    """DuckDB statements that declare NOT NULL what `create_table_as` has checked already."""
    table = created.this.sql(dialect="duckdb") if created.args.get(NOT_NULL) else ""
    return [
        f"ALTER TABLE {table} ALTER COLUMN {name.sql(dialect='duckdb')} SET NOT NULL"
        for name in created.args.get(NOT_NULL) or []
    ]
