"""Remove from a virtual environment what no process of the image uses: a third of its size.

Runs once in the image build, with the environment's own Python: ``slim.py /app/venv``.
"""

import shutil
import subprocess
import sys
from pathlib import Path

KEPT_SERVICES = frozenset({"s3", "sts", "sso", "sso-oidc", "signin"})
"""The AWS services that S3 and its credential providers need. Each other one's description is data never read."""

UNUSED = (
    "pip",
    "pip-*.dist-info",
    "setuptools",
    "setuptools-*.dist-info",
    "pkg_resources",
    "_distutils_hack",
    "distutils-precedence.pth",
    # Headers and sources, the network parts of Arrow, and copies of the libraries under names that nothing asks for.
    "pyarrow/include",
    "pyarrow/includes",
    "pyarrow/tests",
    "pyarrow/src",
    "pyarrow/*.p[yx][xdi]",
    "pyarrow/_flight.*",
    "pyarrow/libarrow*_flight.*",
    "pyarrow/_s3fs.*",
    "pyarrow/libarrow_s3.*",
    "pyarrow/_pyarrow_cpp_tests.*",
    "pyarrow/libarrow_python*.so",
    "pyarrow/libarrow_python*.so.*.*.*",
    # Words and formats of all languages but English.
    "babel/locale-data/[!er]*.dat",
    "babel/locale-data/e[!n]*.dat",
    "babel/locale-data/r[!o]*.dat",
    "networkx/**/tests",
    "agate/**/tests",
    "botocore/**/examples-1.json*",
)

CHECK = """
import boto3, confluent_kafka.admin, dbt.cli.main, duckdb, fakesnow.server, kopf, kubernetes.client, snowflake.connector
import pyarrow, pyarrow.compute, pyarrow.dataset, pyarrow.ipc, pyarrow.json, pyarrow.parquet
import babel, jinja2, starlette.applications, uvicorn
import PIL.Image, PIL.WebPImagePlugin, PIL.features
assert PIL.features.check("webp") and PIL.features.check("jpg")
boto3.client("s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x")
assert duckdb.sql("select 42 as x").to_arrow_table().to_pylist() == [{"x": 42}]
assert babel.Locale("en", "US").decimal_formats
"""
"""What must still work."""


def _size(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file() and not file.is_symlink())


def slim(venv: Path) -> None:
    """Delete the unused parts, see that the rest works, and print what was gained.

    Raises:
        CalledProcessError: something needed is gone.
    """
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
        subprocess.run([str(venv / "bin/python3"), "-c", CHECK], check=True)
    print(f"slim: {before >> 20} MiB -> {_size(venv) >> 20} MiB")


if __name__ == "__main__":
    slim(Path(sys.argv[1]))
