"""The one DuckDB instance behind all sessions: opened from the volume, bounded, closed with a checkpoint.

Stock fakesnow opens an in-memory database per process or a file per login; here every login shares one durable
instance, and what fakesnow keeps beside the data (comments, text lengths, stages) is a file too.
"""

from __future__ import annotations

import logging
from pathlib import Path

import duckdb
from fakesnow import info_schema, macros
from fakesnow.transforms import show, stage

from mm_warehouse.catalog import global_views_sql, views_sql
from mm_warehouse.dialect.flatten import macro_sql
from mm_warehouse.dialect.functions import functions_sql
from mm_warehouse.dialect.temporary import SCHEMA_PREFIX
from mm_warehouse.settings import Settings, size_bytes

logger = logging.getLogger(__name__)

_GLOBALS_FILE = "globals.duckdb"
UPLOAD_PREFIX = ".upload-"
"""Begins the names of files below `stages` that are still being uploaded."""


class EngineError(RuntimeError):
    """The database cannot be opened; the message says why and what to do."""


def _quoted(text: str | Path) -> str:
    return "'" + str(text).replace("'", "''") + "'"


class Engine:
    """Owns the DuckDB instance and the files below `settings.directory`:

    `databases/NAME.db` (one per database), `globals.duckdb`, `stages/DB/SCHEMA/STAGE/...`, `spill/`.
    """

    def __init__(self, settings: Settings) -> None:
        """Open or create the databases.

        Raises:
            EngineError: the directory cannot be written, or another process has the files open.
        """
        self.result_limit = size_bytes(settings.result_limit)
        self._databases = settings.directory / "databases"
        self.stages = settings.directory / "stages"
        self._spill = settings.directory / "spill"
        try:
            for folder in (self._databases, self.stages, self._spill):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise EngineError(
                f"Cannot write to {settings.directory}: {error.strerror}. Check WAREHOUSE_DIR."
            ) from error
        # fakesnow reads this module variable wherever it needs the place of a stage; it has no parameter for it.
        stage.LOCAL_BUCKET_PATH = str(self.stages)
        try:
            self._root = duckdb.connect(
                ":memory:",
                config={
                    # What SQLGlot emits for lambdas is deprecated in DuckDB 2 and refused unless asked for.
                    "lambda_syntax": "ENABLE_SINGLE_ARROW",
                    "memory_limit": settings.memory_limit,
                    "threads": settings.threads,
                    "temp_directory": str(self._spill),
                    "max_temp_directory_size": settings.spill_limit,
                    # Nothing is ever fetched: all that is used is compiled into the wheel.
                    "autoinstall_known_extensions": False,
                    # False would save memory in big writes, but then results lose even the order of ORDER BY
                    # on their way to Arrow (DuckDB 2.0.0).
                    "preserve_insertion_order": True,
                    # A checkpoint rewrites the unfinished row group of a changed table, which for documents is
                    # the whole table: at DuckDB's usual 16 MB, loading took time quadratic in the archive.
                    "checkpoint_threshold": settings.checkpoint_size,
                },
            )
            self._open(settings)
            self.table_functions = frozenset(
                str(name).lower()
                for (name,) in self._root.execute(
                    "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('table', 'pragma')"
                ).fetchall()
            )
            """Names of the engine's functions that give tables."""
        except duckdb.IOException as error:
            raise EngineError(
                f"Cannot open the database files in {settings.directory}: {error}. "
                "One server at a time may use a directory; and the volume must not be full."
            ) from error

    def _open(self, settings: Settings) -> None:
        root = self._root
        root.execute(f"ATTACH {_quoted(settings.directory / _GLOBALS_FILE)} AS _fs_global")
        self._remove_garbage()
        root.execute(info_schema.fs_global_creation_sql())
        root.execute(global_views_sql())
        root.execute(show.fs_global_creation_sql())
        root.execute("SET GLOBAL TimeZone = 'UTC'")
        # ZSTD packs 2,048 long texts into one stream: reading one document then unpacks all of them (2 s and 0.8 GB
        # for one row of 1,000). Stored as they are, documents are read one by one.
        root.execute("SET GLOBAL disabled_compression_methods = 'zstd'")
        names = {file.stem for file in self._databases.glob("*.db")} | {settings.database}
        for name in sorted(names):
            root.execute(f'ATTACH {_quoted(self._databases / f"{name}.db")} AS "{name}"')
            self._prepare(name)
        for schema in settings.schemas:
            root.execute(f'CREATE SCHEMA IF NOT EXISTS "{settings.database}"."{schema}"')
        # From here on SQL text reaches files only below these folders, whatever a client sends.
        allowed = ", ".join(_quoted(folder) for folder in (self._databases, self.stages))
        root.execute(f"SET GLOBAL allowed_directories = [{allowed}]")
        root.execute("SET GLOBAL enable_external_access = false")

    def _remove_garbage(self) -> None:
        """Remove what a killed process spilled or had half uploaded. Stages are data. Only once the files are ours."""
        for file in (*self._spill.iterdir(), *self.stages.glob(f"{UPLOAD_PREFIX}*")):
            if file.is_file():
                file.unlink()

    def _prepare(self, database: str) -> None:
        """What each database needs beside its tables: information schema, functions; and no leftovers."""
        root = self._root
        leftovers = root.execute(
            "SELECT schema_name FROM duckdb_schemas() WHERE database_name = ? AND starts_with(schema_name, ?)",
            [database, SCHEMA_PREFIX],
        ).fetchall()
        for (schema,) in leftovers:
            root.execute(f'DROP SCHEMA "{database}"."{schema}" CASCADE')
        root.execute(info_schema.per_db_creation_sql(database))
        root.execute(views_sql(database))
        root.execute(macros.creation_sql(database))
        root.execute(macro_sql(database))
        root.execute(functions_sql(database))

    @property
    def databases_directory(self) -> Path:
        """Where CREATE DATABASE puts its file."""
        return self._databases

    def prepare_database(self, database: str) -> None:
        """Give a database that was just created what `_prepare` gives those found at start."""
        self._prepare(database)

    def connect(self) -> duckdb.DuckDBPyConnection:
        """A new DuckDB connection to the shared instance, to be used by one thread at a time."""
        return self._root.cursor()

    def ready(self) -> bool:
        """True if the instance answers."""
        try:
            with self._root.cursor() as probe:
                return probe.execute("SELECT 1").fetchone() == (1,)
        except duckdb.Error:
            return False

    def close(self) -> None:
        """Write everything into the database files, so that the next start replays no log."""
        for (name,) in self._root.execute(
            "SELECT database_name FROM duckdb_databases() WHERE path IS NOT NULL AND NOT internal"
        ).fetchall():
            try:
                # FORCE ends transactions that are still open; whoever opened them was not told "committed".
                self._root.execute(f'FORCE CHECKPOINT "{name}"')
            except duckdb.Error as error:
                # The log holds all that was committed, so a failed checkpoint only makes the next start slower.
                logger.warning("checkpoint of %s failed: %s", name, error)
        self._root.close()
