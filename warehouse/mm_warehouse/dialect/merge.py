"""MERGE as DuckDB's own, atomic MERGE.

fakesnow emulates MERGE with a temporary table and one statement per branch: not atomic, refused inside a transaction
in the form dbt writes, and blind to expressions. DuckDB's MERGE needs only two things that Snowflake does
not: unqualified names in the INSERT branch mean the source, and SET targets carry no table name.
"""

from __future__ import annotations

from sqlglot import exp

_COUNTED = {"INSERT": "inserted", "UPDATE": "updated", "DELETE": "deleted"}
MergeCounts = dict[str, int]


def native_merge(merge: exp.Merge) -> exp.Merge:
    """A copy of `merge` that DuckDB reads as Snowflake would, returning one row per changed row."""
    merge = merge.copy()
    source = merge.args["using"].alias_or_name
    for when in merge.args["whens"]:
        then = when.args["then"]
        if isinstance(then, exp.Update):
            for assignment in then.expressions:
                if isinstance(assignment, exp.EQ) and isinstance(assignment.this, exp.Column):
                    assignment.set("this", exp.column(assignment.this.this.copy()))
        elif isinstance(then, exp.Insert) and then.expression is not None:
            for value in then.expression.expressions:
                for column in [value] if isinstance(value, exp.Column) else list(value.find_all(exp.Column)):
                    if not column.args.get("table"):
                        column.set("table", exp.to_identifier(source))
    merge.set("returning", exp.Returning(expressions=[exp.column("merge_action")]))
    return merge


def branches(merge: exp.Merge) -> list[str]:
    """Which counts Snowflake reports for this MERGE: those of the branches it has, in its order."""
    kinds = set()
    for when in merge.args["whens"]:
        if isinstance(when.args["then"], exp.Insert):
            kinds.add("inserted")
        elif isinstance(when.args["then"], exp.Update):
            kinds.add("updated")
        else:
            kinds.add("deleted")
    return [kind for kind in ("inserted", "updated", "deleted") if kind in kinds]


def counts_sql(kinds: list[str], actions: list[tuple[str, int]]) -> str:
    """DuckDB SQL whose one row is Snowflake's answer to a MERGE.

    `actions`: (INSERT, UPDATE or DELETE, rows) as counted from RETURNING.
    """
    counts = {_COUNTED[action]: rows for action, rows in actions}
    return "SELECT " + ", ".join(f'{counts.get(kind, 0)}::BIGINT AS "number of rows {kind}"' for kind in kinds)
