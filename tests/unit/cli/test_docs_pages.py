"""What the pages tell people to type is taken by the programs; the reference is what the code says."""

import argparse
import itertools
import re
import shlex
from pathlib import Path

import pytest
import yaml
from mm_cli import letters, main, reference
from mm_cli.questions import question
from mm_contracts.plan import KIND, PlanSpec
from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import parse_sols
from mm_hack.main import ARCHIVE_COMMANDS
from mm_hack.main import parser as host_parser

from tests.warehouse.bronze import Source

ROOT = Path(__file__).parents[3]
PAGES = [ROOT / "README.md", ROOT / "docs/tutorial.md", *sorted((ROOT / "docs/how-to").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def blocks(kind: str, pages: list[Path] = PAGES) -> list[tuple[str, str]]:
    """Return (page, text) of the fenced blocks of a kind."""
    return [(page.name, text) for page in pages for found, text in _BLOCK.findall(page.read_text()) if found == kind]


def commands() -> list[tuple[str, list[str]]]:
    """Return (page, words) of each call of mars in a block for shells, as the shell would split it."""
    found = []
    for page, text in blocks("sh"):
        for line in text.splitlines():
            whole = re.findall(r"^(?:\w+=\S+ )?((?:\./|kubectl |\.venv/bin/)?mars .*)", line)
            for call in re.findall(r"\$\((mars [^)]*)\)", line) or whole:
                lexer = shlex.shlex(call.replace("kubectl mars", "mars"), posix=True, punctuation_chars="|>")
                lexer.whitespace_split = True
                words = list(lexer)
                end = min((words.index(mark) for mark in ("|", ">") if mark in words), default=len(words))
                found.append((page, words[:end]))
    return found


COMMANDS = commands()


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=lambda value: value if isinstance(value, str) else " ".join(value)
)
def test_what_a_page_tells_to_type_is_taken(page: str, words: list[str]) -> None:
    program, *arguments = words
    if program == "./mars" and arguments[0] not in ARCHIVE_COMMANDS:
        host_parser().parse_args(arguments)
        return
    parsed = main.build_parser().parse_args(letters.with_verb(arguments))
    assert parsed.func, page
    if parsed.command == "questions" and parsed.name:
        assert question(parsed.name)


def test_the_pages_have_examples_and_the_tutorial_goes_from_demo_to_picture() -> None:
    assert len(PAGES) >= 12
    with_examples = {page for page, _ in COMMANDS}
    assert {page.name for page in PAGES} - with_examples <= {"README.md"} or "README.md" in with_examples
    tutorial = [words[1] for page, words in COMMANDS if page == "tutorial.md"]
    assert tutorial[0] == "demo"
    assert tutorial.index("demo") < tutorial.index("questions") < tutorial.index("plan") < tutorial.index("clean")
    assert "show" in tutorial


def test_plans_in_the_pages_are_plans() -> None:
    plans = [plan for _, text in blocks("yaml") if (plan := yaml.safe_load(text)).get("kind") == KIND]
    assert len(plans) >= 2
    for plan in plans:
        PlanSpec.model_validate(plan["spec"])


def test_sols_that_pages_and_examples_ask_for_are_promised_in_the_demo() -> None:
    asked: list[tuple[str, str, str]] = []
    for page, words in COMMANDS:
        options = dict(itertools.pairwise(words))
        if {"--rover", "--sols"} <= set(options):
            asked.append((page, options["--rover"], options["--sols"]))
        asked += [(page, *word.split("/")) for word in words if re.fullmatch(r"[a-z]+/\d+", word)]  # type: ignore[misc]
    examples = [path for path in sorted((ROOT / "examples").glob("*.yaml")) if path.name != "live.yaml"]
    plans = blocks("yaml") + [(path.name, path.read_text()) for path in examples]
    for page, text in plans:
        for plan in yaml.safe_load_all(text):
            if plan.get("kind") == KIND:
                asked += [(page, one["name"], sols) for one in plan["spec"]["rovers"] for sols in one.get("sols") or []]
    assert {"README.md", "tutorial.md", "get-sols.md", "plan.yaml"} <= {page for page, _, _ in asked}
    promised = {
        rover: {entry["sol"] for entry in manifest["photos"]} for rover, manifest in Source("demo").manifests.items()
    }
    for page, rover, sols in asked:
        assert set(parse_sols(sols)) <= promised[canonical_rover(rover)], f"{page}: {rover} {sols}"


def test_the_ten_pages_are_listed() -> None:
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (ROOT / "docs/how-to/README.md").read_text()))
    assert listed == {page.name for page in (ROOT / "docs/how-to").glob("*.md")} - {"README.md"}
    assert len(listed) == 10


def test_links_lead_somewhere() -> None:
    for page in PAGES:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_reference_is_what_the_code_says() -> None:
    written = (ROOT / "docs/cli.md").read_text()
    assert written == reference.text(main.build_parser()), "run: uv run python -m mm_cli.reference docs/cli.md"


def test_the_reference_has_every_command_with_its_options() -> None:
    written = (ROOT / "docs/cli.md").read_text()
    for words, command, _ in reference.commands(main.build_parser()):
        part = written.partition(f"\n## {' '.join(words)}\n")[2].partition("\n## ")[0]
        assert part, words
        for action in command._actions:
            if not isinstance(action, argparse._HelpAction):
                assert all(f"{option}" in part for option in action.option_strings), words


def test_exit_codes_are_documented_where_they_are_told() -> None:
    from mm_cli import errors

    for code in (errors.NOT_FOUND, errors.USAGE, errors.UNAVAILABLE, errors.BUG):
        assert re.search(rf"\b{code} ", (ROOT / "docs/cli.md").read_text())
