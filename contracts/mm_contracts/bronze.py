"""Bronze: its tables as data, and the statements that create them. What the load Job writes and dbt reads."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from mm_contracts.keys import COORDINATES, MANIFESTS, PHOTOS

SCHEMA: Final = "BRONZE"
STAGE: Final = f"{SCHEMA}.LOAD_FILES"
LEDGER: Final = f"{SCHEMA}.LOAD_LEDGER"
SET_ASIDE: Final = f"{SCHEMA}.SET_ASIDE"
SCHEDULES: Final = f"{SCHEMA}.SCHEDULE_LEDGER"
BUILDS: Final = f"{SCHEMA}.BUILD_LEDGER"
CHARGES: Final = f"{SCHEMA}.CHARGE_LEDGER"
TEST_RESULTS: Final = f"{SCHEMA}.TEST_RESULTS"
WORK: Final = f"{SCHEMA}.WORK_LEDGER"

KEPT_LEDGERS: Final = ("SCHEDULE_LEDGER", "CHARGE_LEDGER", "WORK_LEDGER")
"""Tables that can be found again nowhere: a backup has them beside the bucket's objects."""

LOST: Final = "''"
"""The ETag, as SQL, of a ledger entry whose rows went away with their table: no object has it, so that the next sweep
loads the object again. Until one has, bronze is known to be incomplete."""

Columns = tuple[tuple[str, str], ...]

_HEAD: Final[Columns] = (
    ("OBJECT_KEY", "varchar"),
    ("ETAG", "varchar"),
    ("LOAD_ID", "varchar"),
    ("LOADED_AT", "timestamp_ntz"),
    ("FILENAME", "varchar"),
    ("ROVER_NAME", "varchar"),
    ("SOURCE", "varchar"),
    ("PLAN", "varchar"),
    ("BATCH", "integer"),
    ("ATTEMPT", "integer"),
    ("TRACE_ID", "varchar"),
    ("INGESTION_DATE", "timestamp_ntz"),
)

_MAYBE: Final[Columns] = (("SOURCE_KIND", "varchar"), ("REQUESTS", "integer"), ("BUDGET", "variant"))


@dataclass(frozen=True, slots=True)
class BronzeTable:
    """A bronze table: scalar columns, and the arrays that are kept as VARIANT. Times are UTC."""

    name: str
    scalars: Columns
    arrays: tuple[str, ...]
    optional: Columns = ()
    """Fields that a document may lack, as older ones do."""

    @property
    def qualified(self) -> str:
        """The name with its schema."""
        return f"{SCHEMA}.{self.name}"

    @property
    def columns(self) -> Columns:
        """All columns with their types, in the table's order."""
        return (*self.scalars, *((name, "variant") for name in self.arrays), *self.optional)


TABLES: Final = {
    PHOTOS: BronzeTable(
        "RAW_PHOTO_RESPONSE",
        (*_HEAD, ("SOL_START", "integer"), ("SOL_END", "integer"), ("PHOTO_COUNT", "integer")),
        ("PHOTOS", "SOLS"),
        _MAYBE,
    ),
    MANIFESTS: BronzeTable("RAW_MANIFEST_RESPONSE", _HEAD, ("MANIFESTS",), (*_MAYBE, ("SET_ASIDE", "variant"))),
    COORDINATES: BronzeTable(
        "RAW_COORDINATE_RESPONSE",
        (*_HEAD, ("COORDINATE_COUNT", "integer")),
        ("COORDINATES",),
        (*_MAYBE, ("LAYERS", "variant"), ("PLACES", "variant"), ("SET_ASIDE", "variant")),
    ),
}
"""Bronze table by dataset."""

_OTHERS: Final[dict[str, Columns]] = {
    "LOAD_LEDGER": (
        ("OBJECT_KEY", "varchar"),
        ("ETAG", "varchar"),
        ("TABLE_NAME", "varchar"),
        ("ROW_COUNT", "integer"),
        ("LOAD_ID", "varchar"),
        ("LOADED_AT", "timestamp_ntz"),
        ("PUBLISHED_AT", "timestamp_ntz"),
    ),
    # What could not be used, at the smallest grain that is true: a whole object, or fields of one that is loaded.
    "SET_ASIDE": (
        ("OBJECT_KEY", "varchar"),
        ("ETAG", "varchar"),
        ("GRAIN", "varchar"),
        ("REASON", "varchar"),
        ("MESSAGE", "varchar"),
        ("FIRST_SEEN_AT", "timestamp_ntz"),
        ("LAST_SEEN_AT", "timestamp_ntz"),
        ("ATTEMPTS", "integer"),
        ("NEXT_ATTEMPT_AT", "timestamp_ntz"),
    ),
    "SCHEDULE_LEDGER": (
        ("SCHEDULE_ID", "varchar"),
        ("DATASET", "varchar"),
        ("ROVER_NAME", "varchar"),
        ("SOL", "integer"),
        ("ATTEMPT", "integer"),
        ("REASON", "varchar"),
        ("SCHEDULED_AT", "timestamp_ntz"),
        ("SOURCE", "varchar"),
    ),
    # Which source's manifest is a rover's promise: a row for each hand-over.
    "CHARGE_LEDGER": (
        ("CHARGE_ID", "integer"),
        ("ROVER_NAME", "varchar"),
        ("SOURCE", "varchar"),
        ("FORMER_SOURCE", "varchar"),
        ("SINCE", "timestamp_ntz"),
        ("REASON", "varchar"),
        ("MESSAGE", "varchar"),
    ),
    # What silver and gold were last built from: a row per bronze table, one of the models, one of the relations.
    "BUILD_LEDGER": (
        ("PART", "varchar"),
        ("CONTENT", "varchar"),
        ("BUILT_AT", "timestamp_ntz"),
    ),
    # What became of each Job and plan: it outlives them.
    "WORK_LEDGER": (
        ("UID", "varchar"),
        ("KIND", "varchar"),
        ("NAME", "varchar"),
        ("PLAN", "varchar"),
        ("BATCH", "integer"),
        ("ATTEMPT", "integer"),
        ("DATASET", "varchar"),
        ("ROVER_NAME", "varchar"),
        ("SOLS", "varchar"),
        ("SOURCE", "varchar"),
        ("OUTCOME", "varchar"),
        ("REASON", "varchar"),
        ("MESSAGE", "varchar"),
        ("CREATED_AT", "timestamp_ntz"),
        ("ENDED_AT", "timestamp_ntz"),
        ("RUN_SECONDS", "double"),
        ("CPU_SECONDS", "double"),
        ("REQUESTS", "integer"),
        ("BYTES", "integer"),
        ("PHOTOS", "integer"),
        ("SOL_COUNT", "integer"),
        ("NOT_PROMISED", "integer"),
        ("MISMATCHED", "integer"),
        ("TRACE_ID", "varchar"),
        ("LOG_TAIL", "varchar"),
        ("DETAILS", "variant"),
    ),
    # How each data test of the models went last.
    "TEST_RESULTS": (
        ("TEST_NAME", "varchar"),
        ("STATUS", "varchar"),
        ("FAILURES", "integer"),
        ("MESSAGE", "varchar"),
        ("SECONDS", "double"),
        ("RUN_ID", "varchar"),
        ("TESTED_AT", "timestamp_ntz"),
        ("LAST_PASSED_AT", "timestamp_ntz"),
        # The last runs, newest first: lines of time, status, rows found and run.
        ("HISTORY", "varchar"),
        # Some of the rows that broke it in the last run, as JSON: {columns, rows}.
        ("BROKEN_ROWS", "varchar"),
    ),
}


def all_tables() -> dict[str, Columns]:
    """Return every bronze table's columns by name."""
    return {table.name: table.columns for table in TABLES.values()} | _OTHERS


def create_statement(name: str, columns: Columns, *, transient: bool) -> str:
    """Return the statement that creates a table where it is missing.

    Args:
        name: unqualified.
        columns: (name, type) pairs.
        transient: without Snowflake's fail-safe copies: bronze can always be loaded again from the bucket.
    """
    kind = "transient table" if transient else "table"
    listed = ", ".join(f"{column} {type_}" for column, type_ in columns)
    return f"create {kind} if not exists {SCHEMA}.{name} ({listed})"


def create_statements(names: Iterable[str], *, transient: bool = True) -> list[str]:
    """Return the statements that create the stage and the named tables, which are missing; the schema is there.

    The ledgers are never transient: what was asked for, and when, cannot be found again in the bucket.

    A raw table that is missing may be one that was lost, and then the load ledger, which is not transient, speaks of
    rows that are gone. Its entries are taken back (see LOST) before the table is made: whoever is killed in between
    leaves a table that is still missing, and the next one begins again.
    """
    tables = all_tables()
    raw = {table.name for table in TABLES.values()}
    named = sorted(names, key=lambda name: name in raw)  # the ledger first: its entries are spoken of next
    return [
        f"create stage if not exists {STAGE}",
        *(
            statement
            for name in named
            for statement in (
                *((f"update {LEDGER} set ETAG = {LOST} where TABLE_NAME = '{name}'",) if name in raw else ()),
                create_statement(name, tables[name], transient=transient and not name.endswith("_LEDGER")),
            )
        ),
    ]


def add_statements(present: Mapping[str, Collection[str]]) -> list[str]:
    """Return the statements that give tables of an earlier version the columns that they lack.

    Args:
        present: names of columns by name of table, of the tables that are there.
    """
    return [
        f"alter table {SCHEMA}.{name} add column {column} {type_}"
        for name, columns in all_tables().items()
        if name in present
        for column, type_ in columns
        if column not in present[name]
    ]
