"""``mars warehouse``: create what the loop needs there, and check what is missing."""

import argparse
import contextlib
import json
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from mm_contracts.bronze import LEDGER, LOST, STAGE, all_tables, create_statements
from mm_contracts.bronze import SCHEMA as BRONZE
from mm_contracts.connections import SettingsError, check_key

from mm_cli import external_stage
from mm_cli.errors import NOT_FOUND, CliError
from mm_cli.findings import Finding
from mm_cli.options import add_format
from mm_cli.place import add_place
from mm_cli.reach import as_environment

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

SCHEMAS: Final = (BRONZE, "SILVER", "GOLD")


def add_parser(commands: Any) -> None:
    """Add ``warehouse`` to argparse's sub-commands."""
    parser = commands.add_parser("warehouse", help="create or check what the loop needs in the warehouse")
    steps = parser.add_subparsers(dest="step", required=True, metavar="STEP")
    making = steps.add_parser(
        "init",
        help="create schemas, bronze tables and the stage where they are missing",
        epilog="example: mars warehouse init",
    )
    making.add_argument("--permanent-bronze", action="store_true", help="no transient tables: keep fail-safe copies")
    making.set_defaults(func=init)
    checking = steps.add_parser(
        "check",
        help="say what is missing: settings, login, warehouse, database, schemas, tables, privileges, stages",
        epilog="example: mars warehouse check  (exit 1 where something is missing)",
    )
    add_format(checking, "a JSON list of findings: what was looked at, whether it is good, and else what to do")
    checking.set_defaults(func=check)
    for step in (making, checking):
        step.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
        add_place(step)


def init(arguments: argparse.Namespace) -> int:
    """Create what is missing; running it again changes nothing."""
    with as_environment(arguments):
        return _init(arguments)


def _init(arguments: argparse.Namespace) -> int:
    from mm_cli.warehouse_session import session

    database = os.environ.get("SNOWFLAKE_DATABASE") or "MARS"
    with session(arguments.timeout) as warehouse:
        if not warehouse.rows("select current_database()")[0][0]:
            warehouse.rows(f"create database if not exists {database}")
            warehouse.rows(f"use database {database}")
        # Asked for first: "if not exists" still needs the right to create one, which a loading role need not have.
        present = warehouse.rows("select SCHEMA_NAME from INFORMATION_SCHEMA.SCHEMATA")
        for schema in SCHEMAS:
            if (schema,) not in present:
                warehouse.rows(f"create schema {schema}")
        for statement in create_statements(_missing_tables(warehouse), transient=not arguments.permanent_bronze):
            warehouse.rows(statement)
        lost = warehouse.rows(f"select count(*) from {LEDGER} where ETAG = {LOST}")[0][0]
    print(f"{database}: schemas {', '.join(SCHEMAS)}, {len(all_tables())} bronze tables and stage {STAGE} are there")
    if lost:
        print(f"a table was lost: the next sweep of the bucket loads its objects ({lost}) again, and dbt waits for it")
    return 0


def check(arguments: argparse.Namespace) -> int:
    """Print each finding; exit 1 where something is missing."""
    with as_environment(arguments):
        return _check(arguments)


def _check(arguments: argparse.Namespace) -> int:
    from mm_cli.warehouse_session import session

    findings = list(_key_findings())
    if all(finding.good for finding in findings):
        try:
            with session(arguments.timeout) as warehouse:
                findings.append(Finding("login", True))
                findings += _inside(warehouse)
                findings += external_stage.check(warehouse, os.environ)
        except CliError as error:
            findings.append(Finding("login", False, str(error)))
    if arguments.output == "json":
        told = [f._asdict() | {"advice": "" if f.good else f.advice} for f in findings]
        print(json.dumps(told, indent=2, ensure_ascii=False))
    else:
        print("\n".join(finding.line() for finding in findings))
    return 0 if all(finding.good for finding in findings) else NOT_FOUND


def _key_findings() -> Iterator[Finding]:
    from mm_cli.warehouse_session import load_key

    path = os.environ.get("SNOWFLAKE_PRIVATE_KEY_PATH")
    if path:
        try:
            check_key(os.environ, load_key)
            yield Finding(f"private key {path}", True)
        except SettingsError as error:
            yield Finding("private key", False, str(error))


def _inside(warehouse: "Session") -> Iterator[Finding]:
    user, role, compute, database = warehouse.rows(
        "select current_user(), current_role(), current_warehouse(), current_database()"
    )[0]
    yield Finding(f"user {user}, role {role or 'none'}", True)
    yield _compute(compute, os.environ.get("SNOWFLAKE_WAREHOUSE"), role)
    name = os.environ.get("SNOWFLAKE_DATABASE") or "MARS"
    yield Finding(f"database {name}", bool(database), f"run `mars warehouse init`, or grant usage on it to role {role}")
    if not (database and compute):
        return  # what follows would only fail for that
    schemas = {row[0] for row in warehouse.rows("select SCHEMA_NAME from INFORMATION_SCHEMA.SCHEMATA")}
    for schema in SCHEMAS:
        there = schema in schemas
        yield Finding(f"schema {schema}", there, "run `mars warehouse init`")
        if there:
            yield _may_create(warehouse, schema, str(role))
    missing = _missing_tables(warehouse)
    yield Finding("bronze tables", not missing, f"run `mars warehouse init`: there is no {', '.join(missing)}")
    if not missing:
        yield _stage(warehouse)


def _missing_tables(warehouse: "Session") -> list[str]:
    rows = warehouse.rows("select TABLE_NAME from INFORMATION_SCHEMA.TABLES where TABLE_SCHEMA = ?", (BRONZE,))
    return sorted(set(all_tables()) - {row[0] for row in rows})


def _compute(used: str | None, wanted: str | None, role: str | None) -> Finding:
    if wanted:
        grant = f"create warehouse {wanted}, or grant usage on it to role {role}"
        return Finding(f"virtual warehouse {wanted}", bool(used), grant)
    advice = f"set SNOWFLAKE_WAREHOUSE, or give the user a default warehouse that role {role} may use"
    return Finding(f"virtual warehouse {f'{used} (the default)' if used else ''}".rstrip(), bool(used), advice)


def _may_create(warehouse: "Session", schema: str, role: str) -> Finding:
    name = f"{schema}.MARS_CHECK_{secrets.token_hex(4).upper()}"
    statements = {"table": f"create transient table {name} (N integer)", "view": f"create view {name} as select 1 as N"}
    for kind, statement in statements.items():
        try:
            warehouse.rows(statement)
        except CliError as error:
            return Finding(f"{kind}s in {schema}", False, f"grant create {kind} on it to role {role} ({error})")
        finally:
            with contextlib.suppress(CliError):
                warehouse.rows(f"drop {kind} if exists {name}")
    return Finding(f"tables and views in {schema} can be created", True)


def _stage(warehouse: "Session") -> Finding:
    place = f"@{STAGE}/mars-check-{secrets.token_hex(4)}"
    try:
        with tempfile.TemporaryDirectory(prefix="mars-check-") as folder:
            file = Path(folder) / "check.txt"
            file.write_text("What `mars warehouse check` puts here, it removes.\n")
            warehouse.rows(f"put file://{file} {place} auto_compress = false")
        warehouse.rows(f"list @{STAGE}")
        warehouse.rows(f"remove {place}")
    except CliError as error:
        with contextlib.suppress(CliError):
            warehouse.rows(f"remove {place}")
        return Finding(f"stage {STAGE}", False, f"run `mars warehouse init`, or grant read and write on it ({error})")
    return Finding(f"stage {STAGE} can be written and read", True)
