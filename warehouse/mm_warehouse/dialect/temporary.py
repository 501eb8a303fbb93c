"""Temporary tables and views that have a database and a schema in their names.

DuckDB keeps all temporary relations in one catalog of the connection and cannot qualify them; Snowflake's belong to a
schema and only their session sees them, and dbt always writes the full name. So each session gets a private schema in
the same database, made when first needed and dropped with the session, and the session's statements are
redirected to it. Schemas that a killed server left behind are dropped at the next start.
"""

from __future__ import annotations

from sqlglot import Expr, exp

SCHEMA_PREFIX = "_MM_TEMP_"
Name = tuple[str, str, str]


class TemporaryRelations:
    """The temporary relations of one session."""

    def __init__(self, session_id: int) -> None:
        self._schema = f"{SCHEMA_PREFIX}{session_id}"
        self._names: set[Name] = set()
        self._databases: set[str] = set()

    def redirect(self, statement: Expr, database: str | None, schema: str | None) -> list[str]:
        """Point `statement` (changed in place) at the private schema wherever it means a temporary relation.

        `database`, `schema`: the session's current ones, for names without them.
        Returns SQL to run before the statement, in DuckDB's dialect: the private schema's creation, if needed.
        """
        before: list[str] = []
        if isinstance(statement, exp.Create) and statement.kind in ("TABLE", "VIEW"):
            target = statement.this.find(exp.Table) if statement.this else None
            properties = statement.args.get("properties")
            if (
                target is not None
                and properties is not None
                and properties.find(exp.TemporaryProperty)
                and (name := _full_name(target, database, schema))
            ):
                properties.set(
                    "expressions",
                    [p for p in properties.expressions if not isinstance(p, exp.TemporaryProperty)],
                )
                self._names.add(name)
                if name[0] not in self._databases:
                    self._databases.add(name[0])
                    before.append(f'CREATE SCHEMA IF NOT EXISTS "{name[0]}"."{self._schema}"')
            elif target is not None and (name := _full_name(target, database, schema)) in self._names:
                # A permanent relation of the same name is another object; only the source may be the temporary one.
                self._redirect_tables(statement, database, schema, skip=target)
                return before
        if self._names:
            self._redirect_tables(statement, database, schema, skip=None)
            if isinstance(statement, exp.Drop) and (target := statement.find(exp.Table)) is not None:
                self._names = {n for n in self._names if not (n[2] == _identifier(target.this) and _is_private(target))}
        return before

    def _redirect_tables(self, statement: Expr, database: str | None, schema: str | None, skip: Expr | None) -> None:
        common = {_identifier(cte.args["alias"].this) for cte in statement.find_all(exp.CTE)}
        for table in list(statement.find_all(exp.Table)):
            if table is skip or (not table.db and _identifier(table.this) in common):
                continue
            if (name := _full_name(table, database, schema)) in self._names and name is not None:
                table.set("this", exp.to_identifier(name[2], quoted=True))
                table.set("db", exp.to_identifier(self._schema, quoted=True))
                table.set("catalog", exp.to_identifier(name[0], quoted=True))

    def cleanup(self) -> list[str]:
        """SQL that removes all of them; the session forgets them."""
        statements = [f'DROP SCHEMA IF EXISTS "{db}"."{self._schema}" CASCADE' for db in sorted(self._databases)]
        self._names.clear()
        self._databases.clear()
        return statements


def _is_private(table: exp.Table) -> bool:
    return str(table.db).startswith(SCHEMA_PREFIX)


def _identifier(node: Expr | None) -> str:
    if isinstance(node, exp.Identifier):
        return str(node.this) if node.quoted else str(node.this).upper()
    return ""


def _full_name(table: exp.Table, database: str | None, schema: str | None) -> Name | None:
    name = _identifier(table.this)
    db = _identifier(table.args.get("catalog")) or database
    sch = _identifier(table.args.get("db")) or schema
    return (db, sch, name) if name and db and sch else None
