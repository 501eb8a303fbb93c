"""``mars questions``: questions that people ask of the archive, ready to run."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.place import add_place
from mm_cli.sql import add_output, answer, output_of
from mm_cli.statements import Statement
from mm_cli.tables import table

_FOLDER: Final = Path(__file__).with_name("questions")
_COLUMN: Final = re.compile(r"[a-z_][a-z0-9_]*", re.ASCII)
_END: Final = re.compile(r"\s+order by (?P<keys>[^()]+?)(?:\s+limit (?P<most>\d+))?\s*;?\s*$")
"""How each query ends; the keys are columns of the answer, so that they can stand outside of it, too."""
_OPERATORS: Final = ("<=", ">=", "!=", "=", "<", ">")


class Question(NamedTuple):
    """A question: its number, its name, what it asks, a sentence about the answer, and the query."""

    number: int
    name: str
    title: str
    about: str
    query: str


class Condition(NamedTuple):
    """A part of the answer that is wanted: column, comparison, value."""

    column: str
    comparison: str
    value: str


def questions() -> Iterator[Question]:
    """Yield all questions in order."""
    for path in sorted(_FOLDER.glob("*.sql")):
        number, _, name = path.stem.partition("-")
        title, about, *query = path.read_text(encoding="utf-8").splitlines()
        yield Question(
            int(number), name, title.removeprefix("-- "), about.removeprefix("-- "), "\n".join(query).strip()
        )


def question(wanted: str) -> Question:
    """Return the question of a number or name.

    Raises:
        CliError: there is none, or the name's beginning fits several.
    """
    every = list(questions())
    exact = [one for one in every if wanted in (one.name, str(one.number), f"{one.number:02d}")]
    found = exact or [one for one in every if one.name.startswith(wanted.lower())]
    if len(found) == 1:
        return found[0]
    problem = f"{wanted!r} fits {', '.join(one.name for one in found)}" if found else f"there is no question {wanted!r}"
    raise CliError(f"{problem}: `mars questions` lists them", NOT_FOUND)


def condition_of(text: str) -> Condition:
    """Return the condition in a text such as ``rover_name=Curiosity`` or ``sol>=100``. Raises CliError."""
    for comparison in _OPERATORS:
        column, found, value = text.partition(comparison)
        if found and _COLUMN.fullmatch(column.strip().lower()):
            return Condition(column.strip().lower(), comparison, value.strip())
    raise CliError(f"{text!r} is no condition: write COLUMN=VALUE, COLUMN>=VALUE and so on, such as sol>=100", USAGE)


def statement_of(asked: Question, conditions: list[Condition], limit: int | None) -> tuple[str, list[object]]:
    """Return the query of a question, narrowed to what is wanted of its answer, and the values to bind.

    Conditions choose among all rows, not among the first so many; the query's own order and limit come after them,
    and ``limit`` takes that limit's place. Texts are compared without regard to case, as people write rovers' and
    cameras' names.
    """
    if not conditions and limit is None:
        return asked.query.rstrip().rstrip(";"), []
    end = _END.search(asked.query)
    assert end, f"question {asked.name} has no order"
    inner, most = asked.query[: end.start()], end["most"] if limit is None else str(limit)
    parts: list[str] = []
    binds: list[object] = []
    for column, comparison, value in conditions:
        number = _number(value)
        parts.append(f"{column} {comparison} ?" if number is not None else f"upper({column}) {comparison} ?")
        binds.append(value.upper() if number is None else number)
    where = f" where {' and '.join(parts)}" if parts else ""
    rows = f" limit {most}" if most is not None else ""
    return f"select * from ({inner}) as answer{where} order by {end['keys']}{rows}", binds


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None


def add_parser(commands: Any) -> None:
    """Add ``questions`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "questions",
        help="questions that people ask of the archive, ready to run",
        description="List the questions; run the one that is named; or print its SQL, to begin one's own with.",
        epilog="""examples:
  mars questions
  mars questions longest-drives
  mars questions photos-while-driving --where rover_name=perseverance --where "sol>=15"
  mars questions newest-pictures --sql
  mars questions stereo-pairs -o pairs.csv""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    action = parser.add_argument(
        "name", nargs="?", default="", help="name (or its beginning) or number of the one to run"
    )
    action.completer = lambda prefix, **_: [one.name for one in questions() if one.name.startswith(prefix)]
    parser.add_argument("--sql", action="store_true", help="print its query and run nothing")
    parser.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="COLUMN=VALUE",
        help="only these rows of the answer; also <, <=, >, >=, !=; may be repeated",
    )
    parser.add_argument("--limit", type=int, metavar="N", help="at most so many rows")
    add_output(parser)
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    add_place(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """List the questions, print one, or run it."""
    target = output_of(arguments)
    if not arguments.name:
        if target.format in ("json", "jsonl"):
            import json

            print(json.dumps([one._asdict() for one in questions()], indent=2))
        else:
            print(table(("NO.", "NAME", "QUESTION"), [(one.number, one.name, one.title) for one in questions()]))
            print("\nrun one with `mars questions NAME`, see its SQL with `mars questions NAME --sql`")
        return 0
    asked = question(arguments.name)
    if arguments.limit is not None and arguments.limit < 0:
        raise CliError("--limit takes a number of rows from 0 on", USAGE)
    text, binds = statement_of(asked, [condition_of(one) for one in arguments.where], arguments.limit)
    if arguments.sql:
        print(f"-- {asked.title}\n-- {asked.about}\n{text};")
        if binds:
            print(f"-- with {', '.join(map(str, binds))}")
        return 0
    from mm_cli.reach import warehouse

    with warehouse(arguments) as session:
        answer(session, Statement(text), target, use_pager=not arguments.no_pager, binds=binds)
    return 0
