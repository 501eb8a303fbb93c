"""Staging by the account: it reads the objects from the bucket itself, through an external stage.

The load checks an object's content, and the account reads the object later: it may be another one by then. So what the
account says that it read is compared with what was checked, and the bucket is asked once more after the copy. Only an
object that was the same before, in and after the copy is entered; anything else rolls the transaction back.
"""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol

from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ending import JobError
from mm_jobs.common.warehouse import DataError, Warehouse, placeholders
from mm_jobs.load.staging.base import Changed, Part
from mm_jobs.load.staging.external_sql import copy_statement, difference

_HEADS_AT_ONCE: Final = 6
"""Objects that are asked for at a time: locks are held meanwhile, and each answer takes a round trip. With those that
are read ahead they stay below the client's ten connections."""


class Heads(Protocol):
    """Says what content the bucket holds."""

    def etag(self, key: str) -> str | None:
        """Return an object's ETag, or None where there is no such object."""


class ExternalStaging:
    """COPY from the stage whose URL is the bucket's root. The bucket is only ever read."""

    as_is = True

    def __init__(self, stage: str, bucket: Heads) -> None:
        self._stage = stage
        self._bucket = bucket

    def stage(self, session: Callable[[], Warehouse], parts: Sequence[Part]) -> "ExternalStaging":
        """Nothing needs to be staged: the bucket is there. See ``Staging``."""
        del session, parts
        return self

    def tidy(self, warehouse: Warehouse) -> list[str]:
        """Nothing was staged."""
        del warehouse
        return []

    def discard(self, warehouse: Warehouse) -> None:
        """Nothing was staged."""

    def copy(self, warehouse: Warehouse, part: Part) -> None:
        """Copy a part from the bucket. See ``Staged``."""
        try:
            warehouse.run(copy_statement(self._stage, part))
        except (DataError, JobError):
            # The fault may be that of content which nobody has checked: then it says nothing of what was checked.
            self._raise_if_changed(part)
            raise
        rows = warehouse.run(
            f"select OBJECT_KEY, ETAG from {part.table.qualified} where OBJECT_KEY in {placeholders(len(part.keys))}",
            part.keys,
        )
        # After the copy: whether the account takes the ETag when it lists or when it reads is not documented.
        self._raise_if_changed(part)
        if differs := difference(part, rows):
            message = (
                f"the account copied something else than the bucket holds: {differs}; check that the URL of stage "
                f"{self._stage} is this bucket's root (`mars warehouse check`), or unset SNOWFLAKE_EXTERNAL_STAGE"
            )
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, message)

    def _raise_if_changed(self, part: Part) -> None:
        with ThreadPoolExecutor(max_workers=_HEADS_AT_ONCE) as pool:
            present = list(pool.map(self._bucket.etag, part.keys))
        changed = [item.key for item, etag in zip(part.items, present, strict=True) if etag != item.etag]
        if changed:
            raise Changed(changed)
