"""Runs fakesnow's chain of some eighty tree transforms correctly on nested expressions, and in a third of the time.

SQLGlot's `transform` does not look into what it has just replaced, so of nested calls (TRIM(LTRIM(x, '0')),
OBJECT_CONSTRUCT in OBJECT_CONSTRUCT) only the outermost was translated. Here inner nodes come first. And most
of the chain is about whole statements, or about functions that a statement does not use: those need no walk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import fakesnow.transforms
from sqlglot import Expr, exp

_WHOLE_STATEMENTS = frozenset(
    {
        "alter_session",
        "update_variables",
        "set_schema",
        "create_database",
        "extract_comment_on_table",
        "extract_comment_on_columns",
        "drop_schema_cascade",
        "tag",
        "extract_text_length",
        "show_databases",
        "show_functions",
        "show_procedures",
        "show_parameters",
        "show_warehouses",
        "show_schemas",
        "show_tables_etc",
        "show_columns",
        "show_stages",
        "show_sequences",
        "show_keys",
        "show_users",
        "create_user",
        "create_clone",
        "alter_table_strip_cluster_by",
        "create_stage",
        "create_file_format",
        "list_stage",
        "put_stage",
        "create_table_as",
        "result_scan",
    }
)
"""Transforms that look at the root only."""

_NEEDS: dict[str, tuple[type[Expr], ...]] = {
    "current_version": (exp.CurrentVersion,),
    "split": (exp.Split,),
    "regex_replace": (exp.RegexpReplace,),
    "regex_substr": (exp.RegexpExtract,),
    "values_columns": (exp.Values,),
    "indices_to_json_extract": (exp.Bracket,),
    "flatten_value_cast_as_varchar": (exp.Explode,),
    "flatten": (exp.Explode,),
    "sample": (exp.TableSample,),
    "random": (exp.Rand,),
    "array_size": (exp.ArraySize,),
    "array_agg_within_group": (exp.WithinGroup,),
    "array_agg": (exp.ArrayAgg,),
    "object_agg": (exp.ObjectAgg,),
    "object_construct": (exp.Struct, exp.StarMap, exp.JSONObject, exp.Anonymous),
    "dateadd_date_cast": (exp.DateAdd,),
    "dateadd_string_literal_timestamp_cast": (exp.DateAdd,),
    "datediff_string_literal_timestamp_cast": (exp.DateDiff,),
    "to_decimal": (exp.ToNumber,),
    "haversine": (exp.Anonymous,),
    "hex_string": (exp.HexString,),
    "sha256": (exp.SHA2, exp.SHA2Digest),
}
"""Transforms that touch only these nodes, none of which any transform before them makes."""


class Chain:
    """Stands in for the tree that fakesnow's cursor calls `.transform` on, some eighty times in a row."""

    def __init__(self, statement: Expr) -> None:
        self.statement = statement
        self._present = {type(node) for node in statement.walk()}

    def transform(self, function: Callable[..., Any], *arguments: Any, copy: bool = False, **options: Any) -> Chain:
        """Apply one transform of the chain."""
        del copy
        name = _name(function)
        if name in _WHOLE_STATEMENTS:
            self.statement = function(self.statement, *arguments, **options)
        elif name not in _NEEDS or not self._present.isdisjoint(_NEEDS[name]):
            self.statement = rewrite(self.statement, lambda node: function(node, *arguments, **options))
        return self


def rewrite(root: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """Apply `function` to every node of `root` (changed in place), inner nodes first; returns the new root."""
    for node in reversed(list(root.dfs())):
        # Where it stands is noted before: the new node may have taken the old one in.
        parent, key, index = node.parent, node.arg_key, node.index
        new = function(node)
        if new is node:
            continue
        if node is root:
            root = new
        elif parent is not None and key is not None:
            parent.set(key, new, index)
    return root


def _name(function: Callable[..., Any]) -> str:
    """The transform's name, also of one that is called from a lambda."""
    name = function.__name__
    if name != "<lambda>":
        return name
    code = function.__code__
    return next((n for n in code.co_names if n != "transforms" and hasattr(fakesnow.transforms, n)), name)
