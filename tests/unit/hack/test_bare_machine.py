"""The set-up runs on a machine with nothing but Python, and names no place that packages come from."""

import ast
import subprocess
import sys
from pathlib import Path

import mm_hack
import pytest
from mm_hack.places import ASSETS, REPO

PACKAGE = Path(mm_hack.__file__).parent


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("*.py")), ids=lambda path: path.name)
def test_only_the_standard_library_is_imported(path: Path) -> None:
    roots = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            roots |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            roots.add((node.module or "").partition(".")[0])
    assert roots <= sys.stdlib_module_names | {"mm_hack"}


def test_the_command_line_starts_without_the_projects_environment(tmp_path: Path) -> None:
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}"
    done = subprocess.run(
        [base, "-S", "-m", "mm_hack", "--help"],
        env={"PYTHONPATH": str(REPO / "hack"), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for command in ("demo", "test", "up", "images", "down", "clean", "doctor", "k9s"):
        assert command in done.stdout


HOSTS = (
    "pypi" + ".org",
    "proxy.golang" + ".org",
    "deb.debian" + ".org",
    "repo.maven" + ".apache.org",
    "registry.k8s" + ".io",
)


def test_no_package_host_is_written_down() -> None:
    files = [path for base in (PACKAGE, ASSETS) for path in base.rglob("*") if path.is_file() and path.suffix != ".pyc"]
    assert len(files) > 30
    named = {path.name: host for path in files for host in HOSTS if host in path.read_text()}
    assert named == {}
