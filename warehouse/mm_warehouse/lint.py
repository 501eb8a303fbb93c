"""Finds SQL that Snowflake and the embedded warehouse would not answer alike.

Run as `python -m mm_warehouse.lint dbt jobs cli dashboard operator`: reads .sql files (with or without Jinja) and the
SQL texts in .py files. What is merely refused with a clear error is listed too: better at review than in a pod.
Reasons and replacements in full: docs/warehouse-dialect.md.
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Rule:
    """A construct not to use."""

    name: str
    pattern: re.Pattern[str]
    instead: str


@dataclass(frozen=True)
class Finding:
    """A place where a rule is broken."""

    path: Path
    line: int
    rule: Rule

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.rule.name}: {self.rule.instead}"


def _rule(name: str, pattern: str, instead: str) -> Rule:
    return Rule(name, re.compile(pattern, re.IGNORECASE | re.DOTALL), instead)


RULES = (
    _rule("ASOF JOIN", r"\basof\s+join\b", "join on a range and keep the newest by QUALIFY ROW_NUMBER()."),
    _rule("HASH", r"(?<![\w.])hash(?:_agg)?\s*\(", "use MD5 or SHA2 of a text."),
    _rule("GEOGRAPHY", r"\bst_\w+\s*\(|(?:::|\bto_)\s*(?:geography|geometry)\b",
          "keep numbers or GeoJSON as VARIANT; dbt's macro mars_distance_m measures."),
    _rule("ORDER BY ALL", r"\border\s+by\s+all\b", "name the columns."),
    _rule("CONNECT BY", r"\bconnect\s+by\b", "use WITH RECURSIVE."),
    _rule("OBJECT_INSERT", r"\bobject_(?:insert|delete|pick)\s*\(", "build the object with OBJECT_CONSTRUCT."),
    _rule("SWAP WITH", r"\bswap\s+with\b", "CREATE OR REPLACE the table."),
    _rule("UNDROP", r"\bundrop\b|\b(?:at|before)\s*\(\s*(?:timestamp|offset|statement)\s*=>",
          "there is no time travel."),
    _rule(
        "CREATE FUNCTION",
        r"\bcreate\s+(?:or\s+replace\s+)?(?:secure\s+|temp(?:orary)?\s+)*(?:function|procedure)\b|\bexecute\s+immediate\b",
        "write a dbt macro.",
    ),
    _rule("RESULT_SCAN", r"\bresult_scan\s*\(", "select again from the source."),
    _rule("FLATTEN RECURSIVE", r"\brecursive\s*=>\s*true\b", "flatten level by level."),
    _rule("FLATTEN.SEQ", r"\b\w+\.seq\b(?!\s*\()", "number the rows before flattening; SEQ is always 1 here."),
    _rule("RATIO_TO_REPORT", r"\bratio_to_report\s*\(", "write x / SUM(x) OVER (...)."),
    _rule("CONDITIONAL_EVENT", r"\bconditional_(?:true|change)_event\s*\(", "write SUM(IFF(...)) OVER (ORDER BY ...)."),
    _rule("WIDTH_BUCKET", r"\bwidth_bucket\s*\(", "compute it with FLOOR."),
    _rule("AS_TYPE", r"\bas_(?:integer|varchar|char|double|number|decimal|boolean|date|timestamp\w*|array|object)\s*\(",
          "cast: value::integer."),
    _rule("PARSE_URL", r"\bparse_(?:url|ip|xml)\s*\(", "use SPLIT_PART or REGEXP_SUBSTR."),
    _rule("HAVERSINE", r"\bhaversine\s*\(", "it measures on the Earth: use dbt's macro mars_distance_m."),
    _rule("COLUMN LS", r"\bls\s*<(?!>)|\bas\s+ls\b",
          "SQLGlot reads LS < as a type: name the column in full, solar_longitude."),
    _rule("DAY OF YEAR FORMAT", r"\b(?:try_)?to_(?:date|timestamp\w*|time|char|varchar)\s*\([^()]*,\s*'[^']*DDD[^']*'",
          "use DATEADD(day, n - 1, DATE_FROM_PARTS(y, 1, 1))."),
    _rule("FRACTIONAL DATEADD", r"\b(?:dateadd|timestampadd)\s*\(\s*'?\w+'?\s*,\s*-?\d*\.\d",
          "add whole units of a smaller part: Snowflake rounds, DuckDB does not."),
    _rule("POSITIONAL COLUMN", r"(?<![\w$])\$[2-9]\b", "name the columns: FROM VALUES gives column1, column2."),
    _rule("MATCH_BY_COLUMN_NAME", r"\bmatch_by_column_name\s*=\s*'?case",
          "COPY INTO t (columns) FROM (SELECT $1:path::type ...)."),
    _rule("ON_ERROR", r"\bon_error\s*=\s*'?(?!abort_statement)\w", "check documents before they are staged."),
    _rule("FILE METADATA", r"\bmetadata\$(?!filename\b|file_content_key\b)\w+",
          "of a file there are its name and its content key, in COPY."),
    _rule("EXTERNAL STAGE", r"\bcreate\s+(?:or\s+replace\s+)?(?:temp(?:orary)?\s+)?stage\b[^;]*\burl\s*=",
          "an administrator makes it (docs/snowflake-setup.sql); settings name it to the load Job."),
    _rule("WRITE_PANDAS", r"\bwrite_pandas\s*\(", "PUT a file and COPY it."),
    _rule("STREAM OR TASK", r"\bcreate\s+(?:or\s+replace\s+)?(?:stream|task|pipe|dynamic\s+table)\b",
          "the operator schedules, dbt increments."),
    _rule(
        "HARD CAST",
        r"(?:(?<!\$)[\w\]})]:\w+(?:[.:]\w+|\[[^\]]*\])*|\bvalue|\w(?:\[[^\]]*\])+)\s*::\s*(?!varchar|string|text|variant)\w+"
        r"|(?<!\w)cast\s*\((?!\s*null\b|[^()]*\sas\s+(?:varchar|string|text|variant)\b)"
        r"|(?<!\w)parse_json\s*\((?!\s*\?)"
        r"|(?<!\w)to_(?:number|decimal|numeric|date|timestamp\w*|time|double|boolean)\s*\(",
        "what comes from outside may be anything: TRY_CAST(v::varchar AS ..), TRY_TO_.., or a macro of readers.sql.",
    ),
    _rule("TIME ZONE TYPE", r"::\s*timestamp_(?:tz|ltz)\b|\bas\s+timestamp_(?:tz|ltz)\b",
          "keep UTC in TIMESTAMP_NTZ: offsets are not stored here."),
)  # fmt: skip
"""A test shows for each rule that it finds what it is about, and that its name stands in the document."""

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/|\{#.*?#\}", re.DOTALL)
_SQL = re.compile(
    r"\A\s*(?:select|with|insert|update|delete|merge|create|alter|drop|copy|put|call|truncate|comment)\b", re.IGNORECASE
)


def check_text(text: str, path: Path, first_line: int = 1) -> Iterator[Finding]:
    """Findings in one SQL text; comments do not count."""
    blanked = _COMMENTS.sub(lambda match: re.sub(r"[^\n]", " ", match[0]), text)
    for rule in RULES:
        for match in rule.pattern.finditer(blanked):
            yield Finding(path, first_line + blanked.count("\n", 0, match.start()), rule)


def check_python(source: str, path: Path) -> Iterator[Finding]:
    """Findings in the string constants of a Python file that begin like an SQL statement."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "_" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        if _SQL.match(text):
            yield from check_text(text, path, node.lineno)


def check_paths(paths: Iterable[Path]) -> list[Finding]:
    """Findings in files and folders; what dbt has generated is left out."""
    findings: dict[Finding, None] = {}
    for root in paths:
        files = sorted(root.rglob("*")) if root.is_dir() else [root]
        for file in files:
            if {"target", "dbt_packages"} & set(file.parts) or not file.is_file():
                continue
            if file.suffix == ".sql":
                findings.update(dict.fromkeys(check_text(file.read_text(), file)))
            elif file.suffix == ".py":
                findings.update(dict.fromkeys(check_python(file.read_text(), file)))
    return list(findings)


def main() -> int:
    """Check the paths given as arguments; exit code 1 if anything was found."""
    findings = check_paths(Path(argument) for argument in sys.argv[1:])
    for finding in findings:
        print(finding)
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
