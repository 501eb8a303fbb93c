"""Install the project's own packages into the image: copy, console scripts, byte code, parsed dbt project.

No build backend is needed, and code changes renew only a small layer. ``install_rooms.py rooms /app`` expects
the rooms in ``/app/rooms``, ``install_rooms.py dbt /app`` the project in ``/app/dbt``; both the dependencies in
``/app/venv``.
"""

import compileall
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

SCRIPT = """#!{python}
import sys
from {module} import {function}

sys.exit({function}())
"""

DBT_ENVIRONMENT = {
    # Parsing needs a whole profile and no connection. The database is part of every parsed node: mm-transform takes the
    # state where its own database is the same, and parses again where it is not.
    "SNOWFLAKE_ACCOUNT": "embedded",
    "SNOWFLAKE_USER": "mars",
    "SNOWFLAKE_PASSWORD": "not-used-for-parsing",
    "SNOWFLAKE_ROLE": "MARS",
    "SNOWFLAKE_WAREHOUSE": "MARS",
    "SNOWFLAKE_DATABASE": "MARS",
    "SNOWFLAKE_HOST": "mars-warehouse",
    "SNOWFLAKE_PORT": "8080",
    "SNOWFLAKE_PROTOCOL": "http",
}


def install_room(room: Path, code: Path, bin_dir: Path) -> None:
    """Copy a room's packages and write its console scripts and just enough metadata to ask for its version."""
    project = tomllib.loads((room / "pyproject.toml").read_text())["project"]
    for package in room.glob("mm_*"):
        shutil.copytree(package, code / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    about = code / f"{project['name'].replace('-', '_')}-{project['version']}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n")
    for name, target in project.get("scripts", {}).items():
        module, _, function = target.partition(":")
        script = bin_dir / name
        script.write_text(SCRIPT.format(python=bin_dir / "python3", module=module, function=function))
        script.chmod(0o755)


def parse_dbt(project: Path, bin_dir: Path) -> None:
    """Leave dbt's parsed state in the project's ``target`` folder; parsing makes no connection.

    Raises:
        CalledProcessError: the project does not parse.
    """
    environment = {**os.environ, **DBT_ENVIRONMENT, "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    command = [str(bin_dir / "dbt"), "--quiet", "parse", "--project-dir", str(project), "--profiles-dir", str(project)]
    subprocess.run(command, check=True, env=environment, cwd=project)
    shutil.rmtree(project / "logs", ignore_errors=True)
    # Pods read these as another user.
    for path in [project / "target", *(project / "target").rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def install_rooms(app: Path) -> None:
    """Install the rooms that lie in ``app/rooms``."""
    code, bin_dir = app / "code", app / "venv/bin"
    code.mkdir()
    for room in sorted((app / "rooms").iterdir()):
        install_room(room, code, bin_dir)
    shutil.rmtree(app / "rooms")
    if not compileall.compile_dir(code, quiet=1):
        sys.exit("some modules do not compile")


def main(step: str, app: Path) -> None:
    """Install the dbt project or the rooms: two layers, of which a change renews one."""
    if step == "dbt":
        parse_dbt(app / "dbt", app / "venv/bin")
    else:
        install_rooms(app)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
