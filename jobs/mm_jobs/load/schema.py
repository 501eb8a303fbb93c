"""Create what is missing of bronze, tables and columns; nothing that is there is ever changed here."""

from mm_contracts.bronze import SCHEMA, add_statements, all_tables, create_statements

from mm_jobs.common.env import optional
from mm_jobs.common.warehouse import Warehouse


def ensure(warehouse: Warehouse) -> list[str]:
    """Create what is missing of bronze and return its tables' names; one look where nothing is. Raises JobError.

    The ledger's entries of a raw table that is made anew are marked as lost, see ``create_statements``.
    """
    present: dict[str, set[str]] = {}
    look = "select TABLE_NAME, COLUMN_NAME from INFORMATION_SCHEMA.COLUMNS where TABLE_SCHEMA = ?"
    for table, column in warehouse.run(look, (SCHEMA,)):
        present.setdefault(str(table).upper(), set()).add(str(column).upper())
    missing = [name for name in all_tables() if name not in present]
    if missing:
        transient = optional("MARS_BRONZE_TRANSIENT", "true").lower() != "false"
        # Asked for first: "if not exists" still needs the right to create one, which a loading role need not have.
        if (SCHEMA,) not in warehouse.run("select SCHEMA_NAME from INFORMATION_SCHEMA.SCHEMATA"):
            warehouse.run(f"create schema {SCHEMA}")
        for statement in create_statements(missing, transient=transient):
            warehouse.run(statement)
    for statement in add_statements(present):
        warehouse.run(statement)
    return missing
