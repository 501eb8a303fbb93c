"""``mars test``: checks of the code, then every test, on a cluster that it brings up when there is none."""

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from mm_hack.places import REPO
from mm_hack.venv import ensure_project

CHECKS: tuple[tuple[str, ...], ...] = (
    ("ruff", "check", "--quiet", "."),
    ("ruff", "format", "--check", "--quiet", "."),
    ("mypy",),
    ("lint-imports",),
)

NO_TESTS = 5
"""pytest's exit code where nothing was selected."""

# What needs no cluster runs on all cores, a file at a time, for a file's tests share a server; the cluster's tests
# follow each other on one archive that grows.
SPREAD = ("--numprocesses", "auto", "--dist", "loadfile")
UNIT: tuple[str, ...] = ("-m", "not cluster and not warehouse", *SPREAD, "tests/unit")
ALONE: tuple[str, ...] = ("-m", "not cluster", *SPREAD)
CLUSTER: tuple[str, ...] = ("-m", "cluster")


def _short(selection: Sequence[str]) -> tuple[str, ...]:
    """A round without the tests that are marked ``long``."""
    option, expression, *rest = selection
    return (option, f"({expression}) and not long", *rest)


def run_checks(bin_folder: Path) -> bool:
    """Run the static checks; print what each says when it fails. Return whether all passed."""
    passed = True
    for check in CHECKS:
        answer = subprocess.run(
            [bin_folder / check[0], *check[1:]],
            cwd=REPO,
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": str(REPO / "hack")},
        )
        print(f"check {' '.join(check[:2]):<22} {'ok' if answer.returncode == 0 else 'FAILED'}", flush=True)
        if answer.returncode != 0:
            print(answer.stdout + answer.stderr, file=sys.stderr, flush=True)
            passed = False
    return passed


def run_tests(unit_only: bool, pytest_arguments: Sequence[str], provision: str = "auto", long: bool = False) -> int:
    """Run checks and tests and return the exit code. pytest's closing line is the last thing printed.

    Args:
        unit_only: leave out what needs the cluster or the embedded warehouse.
        pytest_arguments: handed to pytest.
        provision: where the cluster comes from, as for ``mars up``.
        long: run the tests marked ``long`` too.
    """
    bin_folder = ensure_project()
    if not run_checks(bin_folder):
        print("mars: the checks above failed; tests were not run", file=sys.stderr)
        return 1
    environment = {**os.environ, "PYTHONPATH": str(REPO / "hack")}
    rounds = [UNIT] if unit_only else [ALONE, CLUSTER]
    if not long:
        rounds = [_short(selection) for selection in rounds]
    if not unit_only:
        from mm_hack import browser, up
        from mm_hack.progress import Progress

        progress = Progress()
        up.up(provision, progress)
        environment["MARS_REQUIRE_CLUSTER"] = "1"
        if browser.ensure(progress):
            environment["MARS_REQUIRE_CHROMIUM"] = "1"
    pytest = [str(bin_folder / "python"), "-m", "pytest", "--durations=20", "--durations-min=5"]
    codes = [
        subprocess.run([*pytest, *selection, *pytest_arguments], cwd=REPO, env=environment).returncode
        for selection in rounds
    ]
    return exit_code(codes)


def exit_code(codes: Sequence[int]) -> int:
    """The whole run's exit code from its rounds': a round that a person's selection leaves empty counts for nothing."""
    return max((code for code in codes if code != NO_TESTS), default=NO_TESTS)
