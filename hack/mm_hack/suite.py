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
    selection = ["-m", "not cluster and not warehouse", "--numprocesses", "auto", "tests/unit"]
    if not unit_only:
        from mm_hack import up
        from mm_hack.progress import Progress

        up.up(provision, Progress())
        environment["MARS_REQUIRE_CLUSTER"] = "1"
        selection = [] if long else ["-m", "not long"]
    command = [str(bin_folder / "python"), "-m", "pytest", *selection, *pytest_arguments]
    return subprocess.run(command, cwd=REPO, env=environment).returncode
