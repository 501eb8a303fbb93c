"""Create what is missing of bronze; nothing is ever altered here."""

from mm_contracts.bronze import SCHEMA, all_tables, create_statements

from mm_jobs.common.env import optional
from mm_jobs.common.warehouse import Warehouse, missing_tables


def ensure(warehouse: Warehouse) -> list[str]:
    """Create what is missing of bronze and return its names; one look where nothing is. Raises JobError.

    The ledger's entries of a raw table that is made anew are marked as lost, see ``create_statements``.
    """
    missing = missing_tables(warehouse, SCHEMA, list(all_tables()))
    if missing:
        transient = optional("MARS_BRONZE_TRANSIENT", "true").lower() != "false"
        # Asked for first: "if not exists" still needs the right to create one, which a loading role need not have.
        if (SCHEMA,) not in warehouse.run("select SCHEMA_NAME from INFORMATION_SCHEMA.SCHEMATA"):
            warehouse.run(f"create schema {SCHEMA}")
        for statement in create_statements(missing, transient=transient):
            warehouse.run(statement)
    return missing
