"""``mars connect``: what Python, dbt and a BI tool need to reach the warehouse."""

import argparse
import json
from typing import Any

from mm_cli.place import Place, Release, add_place, release_of
from mm_cli.reach import login, role

FORMS = ("all", "env", "python", "dbt", "bi", "json")
_PORT = 8080


def add_parser(commands: Any) -> None:
    """Add ``connect`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "connect",
        help="what Python, dbt and a BI tool need to reach the warehouse",
        description="Print settings of the warehouse for a shell, Python, dbt and BI tools, with the user that may "
        "only read. Its password is printed only with --password; else the command that tells it.",
        epilog="""examples:
  mars connect
  mars connect python
  eval "$(mars connect env --password)\"""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("form", nargs="?", choices=FORMS, default="all", help="for whom (default: all)")
    parser.add_argument("--owner", action="store_true", help="the user that owns the tables")
    parser.add_argument("--password", action="store_true", help="print the password itself")
    parser.add_argument("--port", type=int, default=_PORT, help=f"local port of the way to it (default: {_PORT})")
    add_place(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the settings."""
    release = release_of(Place.of(arguments))
    facts = settings(release, owner=arguments.owner, port=arguments.port, secret=arguments.password)
    forms = FORMS[1:-1] if arguments.form == "all" else (arguments.form,)
    if arguments.form == "json":
        print(json.dumps(facts, indent=2))
        return 0
    if facts["way"] and arguments.form == "all":
        print(f"first open a way to it, and leave it open:\n\n  {facts['way']}\n")
    for form in forms:
        text = {"env": as_env, "python": as_python, "dbt": as_dbt, "bi": as_bi}[form](facts)
        print(f"# {form}\n{text}\n" if arguments.form == "all" else text)
    return 0


def settings(release: Release, *, owner: bool, port: int, secret: bool) -> dict[str, str]:
    """Return what there is to know: connection, user, how to learn the password, how to get there."""
    told = release.settings()
    user = login(release, owner=owner)
    name = release.facts["ownerSecret" if owner else "readerSecret"]
    space = f" -n {release.kube.namespace}" if release.kube.namespace else ""
    context = f" --context {release.kube.context}" if release.kube.context else ""
    key = release.facts.get("passwordKey", "SNOWFLAKE_PASSWORD").replace(".", "\\.")
    found = {
        "account": told.get("SNOWFLAKE_ACCOUNT", ""),
        "user": user.get("SNOWFLAKE_USER", ""),
        "database": told.get("SNOWFLAKE_DATABASE", "MARS"),
        "schema": "GOLD",
        "role": role(release, told, owner=owner)["SNOWFLAKE_ROLE"],
        "warehouse": told.get("SNOWFLAKE_WAREHOUSE", ""),
        "host": "",
        "port": "",
        "protocol": "",
        "way": "",
        "password": user.get("SNOWFLAKE_PASSWORD", "") if secret else "",
        "password_by": f"kubectl{context}{space} get secret {name} -o jsonpath='{{.data.{key}}}' | base64 -d",
    }
    if "SNOWFLAKE_HOST" in told:
        service = f"svc/{release.prefix}-warehouse"
        there = told.get("SNOWFLAKE_PORT", str(_PORT))
        found |= {"host": "127.0.0.1", "port": str(port), "protocol": told.get("SNOWFLAKE_PROTOCOL", "http")}
        found["way"] = f"kubectl{context}{space} port-forward {service} {port}:{there}"
    return found


def as_env(facts: dict[str, str]) -> str:
    """Return lines for a shell."""
    names = ("account", "user", "database", "schema", "role", "warehouse", "host", "port", "protocol")
    lines = [f"export SNOWFLAKE_{name.upper()}='{facts[name]}'" for name in names if facts[name]]
    password = f"'{facts['password']}'" if facts["password"] else f'"$({facts["password_by"]})"'
    return "\n".join([*lines, f"export SNOWFLAKE_PASSWORD={password}"])


def as_python(facts: dict[str, str]) -> str:
    """Return a small program."""
    names = ("account", "user", "database", "schema", "role", "warehouse", "host", "protocol")
    given = [f"    {name}={facts[name]!r}," for name in names if facts[name]]
    given += [f"    port={facts['port']}," if facts["port"] else ""]
    password = repr(facts["password"]) if facts["password"] else "os.environ['SNOWFLAKE_PASSWORD']"
    lines = [
        "import os",
        "import snowflake.connector  # pip install snowflake-connector-python[pandas]",
        "",
        "connection = snowflake.connector.connect(",
        *filter(None, given),
        f"    password={password},",
        ")",
        'rows = connection.cursor().execute("select * from rover_summary").fetchall()',
        'frame = connection.cursor().execute("select * from photos limit 1000").fetch_pandas_all()',
    ]
    return "\n".join(lines)


def as_dbt(facts: dict[str, str]) -> str:
    """Return a profile for dbt-snowflake."""
    names = ("account", "user", "database", "schema", "role", "warehouse", "host", "port", "protocol")
    own = [f"      {name}: {facts[name]}" for name in names if facts[name]]
    password = facts["password"] or "\"{{ env_var('SNOWFLAKE_PASSWORD') }}\""
    head = ["mars:", "  target: mars", "  outputs:", "    mars:", "      type: snowflake"]
    return "\n".join([*head, *own, f"      password: {password}", "      threads: 2"])


def as_bi(facts: dict[str, str]) -> str:
    """Return what the forms of BI tools ask for."""
    server = f"{facts['host']}:{facts['port']}" if facts["host"] else f"{facts['account']}.snowflakecomputing.com"
    ssl = "&ssl=off" if facts["protocol"] == "http" else ""
    url = f"jdbc:snowflake://{server}/?account={facts['account']}&db={facts['database']}&schema={facts['schema']}"
    rows = {
        "server": server,
        "database": facts["database"],
        "schema": facts["schema"],
        "user": facts["user"],
        "password": facts["password"] or f"from: {facts['password_by']}",
        "JDBC": f"{url}&warehouse={facts['warehouse']}{ssl}",
    }
    return "\n".join(f"{name:<9}  {value}" for name, value in rows.items())
