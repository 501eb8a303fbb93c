"""Remove from a virtual environment what no process of the image uses: a third of its size.

Runs once in the image build, with the environment's own Python: ``slim.py /app/venv``.
"""

import shutil
import sys
from pathlib import Path

KEPT_SERVICES = frozenset({"s3", "sts", "sso", "sso-oidc", "signin"})
"""The AWS services that S3 and its credential providers need. Each other one's description is data never read."""

UNUSED = (
    "pip",
    "pip-*.dist-info",
    "setuptools",
    "setuptools-*.dist-info",
    "_distutils_hack",
    "distutils-precedence.pth",
    "pyarrow/include",
    "pyarrow/tests",
    "pyarrow/src",
    "networkx/**/tests",
    "agate/**/tests",
    "botocore/**/examples-1.json*",
)


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def slim(venv: Path) -> None:
    """Delete the unused parts and print what was gained."""
    before = _size(venv)
    for site in venv.glob("lib/python3*/site-packages"):
        doomed = [path for pattern in UNUSED for path in site.glob(pattern)]
        doomed += [
            folder
            for folder in (site / "botocore/data").glob("*")
            if folder.is_dir() and folder.name not in KEPT_SERVICES
        ]
        doomed += [folder for folder in (site / "boto3/data").glob("*") if folder.name != "s3" and folder.is_dir()]
        for path in doomed:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
        # The rooms lie beside each other in /app/code: see install_rooms.py.
        (site / "martian-moments.pth").write_text(str(venv.parent / "code") + "\n")
    print(f"slim: {before >> 20} MiB -> {_size(venv) >> 20} MiB")


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
