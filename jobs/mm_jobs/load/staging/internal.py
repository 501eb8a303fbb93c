"""Staging by the load itself: each table's documents as one file through the internal stage.

A statement's own text and binds are limited in a Snowflake account, a staged file is not. Both warehouses can do this.
"""

import contextlib
import secrets
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Final

from mm_contracts.bronze import STAGE, TABLES, BronzeTable
from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ending import JobError
from mm_jobs.common.warehouse import DataError, Warehouse
from mm_jobs.load.documents import GIVEN
from mm_jobs.load.staging.base import Part

_ABANDONED: Final = timedelta(days=1)
"""Age of a staged file that no load copies any more: they do so within minutes."""


class InternalStaging:
    """PUT before the transaction, so that nothing waits for an upload under locks; COPY inside it."""

    as_is = False

    def stage(self, session: Callable[[], Warehouse], parts: Sequence[Part]) -> "StagedFiles":
        """Put a file for each part. See ``Staging``."""
        # A folder of its own for each try: what another try has left there is none of this one's.
        staged = StagedFiles(f"{parts[0].load_id}-{secrets.token_hex(4)}")
        warehouse = session()
        try:
            for part in parts:
                _put(warehouse, staged.folder, part)
        except DataError as error:
            staged.discard(warehouse)
            # An upload looks at no value: this is no fault of the documents.
            message = f"the stage did not take the documents: {error}"
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, message) from None
        except JobError:
            staged.discard(warehouse)
            raise
        return staged

    def tidy(self, warehouse: Warehouse) -> list[str]:
        """Remove files that no load will ever copy. See ``Staging``."""
        ours = {_file_name(table) for table in TABLES.values()}
        latest = datetime.now(UTC) - _ABANDONED
        removed = []
        for name, _size, _md5, modified in warehouse.run(f"list @{STAGE}"):
            # The name begins with the stage's, the time is as in mail: "Thu, 26 Nov 2026 22:59:07 GMT".
            path = str(name).partition("/")[2]
            if path.count("/") == 1 and path.rpartition("/")[2] in ours and parsedate_to_datetime(modified) < latest:
                warehouse.run(f"remove @{STAGE}/{path}")
                removed.append(path)
        return removed


@dataclass(frozen=True, slots=True)
class StagedFiles:
    """Files in a folder of the internal stage, one for each table."""

    folder: str

    def copy(self, warehouse: Warehouse, part: Part) -> None:
        """Copy the part's file. See ``Staged``."""
        warehouse.run(copy_statement(part.table, f"{self.folder}/{_file_name(part.table)}"))

    def discard(self, warehouse: Warehouse) -> None:
        """Remove the files that are left. See ``Staged``."""
        # COPY removes what it has loaded; what it has not would stay for ever, under a name that is not used again.
        with contextlib.suppress(DataError, JobError):
            warehouse.run(f"remove @{STAGE}/{self.folder}")


def _put(warehouse: Warehouse, folder: str, part: Part) -> None:
    with tempfile.TemporaryDirectory(prefix="load-") as place:
        path = Path(place) / _file_name(part.table)
        with path.open("wb") as file:
            file.writelines(item.line(part.load_id, part.loaded_at) for item in part.items)
        warehouse.run(f"put file://{path} @{STAGE}/{folder} auto_compress = false")


def _file_name(table: BronzeTable) -> str:
    return f"{table.name.lower()}.ndjson"


def copy_statement(table: BronzeTable, path: str) -> str:
    """Return the statement that copies a staged file's lines into a bronze table, and removes the file.

    FORCE, because whether something is to be loaded is the ledger's to say, not the history that a table has of names.
    """
    selected = [
        f"$1:{'' if name in GIVEN else 'doc.'}{name.lower()}{'' if type_ == 'variant' else f'::{type_}'}"
        for name, type_ in table.columns
    ]
    return (
        f"copy into {table.qualified} ({', '.join(name for name, _ in table.columns)}) "
        f"from (select {', '.join(selected)} from @{STAGE}/{path}) "
        "file_format = (type = json) force = true purge = true"
    )
