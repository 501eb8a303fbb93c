"""Statements about things that do not exist here and that may be answered without doing anything.

Grants, roles, warehouses, users, streams, tasks and pipes have no counterpart in a one-account server; set-up
scripts and dbt issue them all the same. Also the few SHOW forms that dbt reads and fakesnow does not know.
"""

from __future__ import annotations

import re

_LEADING_COMMENTS = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|//[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_DONE = "SELECT 'Statement executed successfully.' AS \"status\""
_NOTHING = re.compile(
    r"""(?:grant|revoke)\s
      | use\s+(?:role|warehouse|secondary\s+roles)\b
      | alter\s+session\s+(?:un)?set\s+(?!autocommit)
      | alter\s+(?:warehouse|user|role|account|task|pipe|stream)\b
      | (?:create|drop)\s+(?:or\s+replace\s+)?
        (?:role|warehouse|user|resource\s+monitor|masking\s+policy|row\s+access\s+policy|network\s+policy|stream|task|pipe
          |storage\s+integration|notification\s+integration)\b
    """,
    re.IGNORECASE | re.VERBOSE,
)
_SHOWS = (
    (
        re.compile(r"show\s+parameters\s+like\s+'query_tag'", re.IGNORECASE),
        "SELECT 'QUERY_TAG' AS \"key\", '' AS \"value\", '' AS \"default\", '' AS \"level\", '' AS \"description\", "
        "'STRING' AS \"type\"",
    ),
    (
        re.compile(r"show\s+(?:future\s+)?grants\b", re.IGNORECASE),
        'SELECT NULL::TIMESTAMP AS "created_on", \'\' AS "privilege", \'\' AS "granted_on", \'\' AS "name", '
        "'' AS \"granted_to\", '' AS \"grantee_name\", '' AS \"grant_option\", '' AS \"granted_by\" WHERE 1 = 0",
    ),
)
_START = re.compile(r"start\s+transaction\b", re.IGNORECASE)
_PUT_TARGET = re.compile(r"(put\s+)(file://\S+)(\s)", re.IGNORECASE)
_TRUNCATE_IF_EXISTS = re.compile(r"truncate\s+table\s+if\s+exists\s+", re.IGNORECASE)


def strip_leading_comments(text: str) -> str:
    """`text` without white space and comments before its first word."""
    return _LEADING_COMMENTS.sub("", text, count=1)


def replace_statement(text: str) -> str:
    """What to run instead of `text` (a statement without leading comments): itself, in most cases."""
    # Only the head is looked at: statements can be megabytes long.
    head = text[:200]
    if _NOTHING.match(head):
        return _DONE
    for pattern, answer in _SHOWS:
        if pattern.match(head):
            return answer
    if _START.match(head):
        return "BEGIN"
    if match := _PUT_TARGET.match(text[:4096]):
        # Quoted, because "/*" in a path with a wildcard would read as a comment.
        return f"PUT '{match[2]}'{match[3]}{text[match.end() :]}"
    if match := _TRUNCATE_IF_EXISTS.match(head):
        return f"TRUNCATE TABLE {text[match.end() :]}"
    return text
