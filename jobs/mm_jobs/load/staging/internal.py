"""Staging by the load itself: each table's documents as one file through the internal stage.

A statement's own text and binds are limited in a Snowflake account, a staged file is not. Both warehouses can do this.
"""

import contextlib
import secrets
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from mm_contracts.bronze import STAGE, BronzeTable

from mm_jobs.common.ending import JobError
from mm_jobs.common.warehouse import DataError, Warehouse
from mm_jobs.load.documents import GIVEN
from mm_jobs.load.staging.base import Part


class InternalStaging:
    """PUT before the transaction, so that nothing waits for an upload under locks; COPY inside it."""

    @contextlib.contextmanager
    def staged(self, warehouse: Warehouse, parts: Sequence[Part]) -> Iterator[Callable[[Part], None]]:
        """Put a file for each part; the block copies them. See ``Staging``."""
        # A folder of its own for each try: a table skips a file of a name that it has loaded before.
        folder = f"{parts[0].load_id}-{secrets.token_hex(4)}"

        def copy(part: Part) -> None:
            warehouse.run(copy_statement(part.table, f"{folder}/{_file_name(part.table)}"))

        try:
            for part in parts:
                _put(warehouse, folder, part)
            yield copy
        except (DataError, JobError):
            # COPY removes what it has loaded; what it has not would stay for ever, under a name that is not used again.
            with contextlib.suppress(DataError, JobError):
                warehouse.run(f"remove @{STAGE}/{folder}")
            raise


def _put(warehouse: Warehouse, folder: str, part: Part) -> None:
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        path = Path(place) / _file_name(part.table)
        with path.open("wb") as file:
            file.writelines(item.line(part.load_id, part.loaded_at) for item in part.items)
        warehouse.run(f"put file://{path} @{STAGE}/{folder} auto_compress = false")


def _file_name(table: BronzeTable) -> str:
    return f"{table.name.lower()}.ndjson"


def copy_statement(table: BronzeTable, path: str) -> str:
    """Return the statement that copies a staged file's lines into a bronze table, and removes the file."""
    selected = [
        f"$1:{'' if name in GIVEN else 'doc.'}{name.lower()}{'' if type_ == 'variant' else f'::{type_}'}"
        for name, type_ in table.columns
    ]
    return (
        f"copy into {table.qualified} ({', '.join(name for name, _ in table.columns)}) "
        f"from (select {', '.join(selected)} from @{STAGE}/{path}) file_format = (type = json) purge = true"
    )
