"""The load Job's body: find what is missing, load it group by group, and tell that it is loaded."""

import functools
from collections import deque
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from mm_contracts.batch import LoadSpec, ObjectRef
from mm_contracts.keys import DOCS_PAGE, WORK_PREFIX
from mm_contracts.messages import LoadedObject
from mm_contracts.reasons import ExitCode, Reason

from mm_jobs.common.ahead import work_ahead
from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.common.warehouse import DataError, Warehouse
from mm_jobs.load import schema
from mm_jobs.load.documents import Loadable, NotOurs, key_problem, naive_utc, read
from mm_jobs.load.groups import grouped, wanted
from mm_jobs.load.ledger import Entry, Ledger
from mm_jobs.load.staging.base import Changed, Staging
from mm_jobs.load.writing import ROWS_PER_OBJECT, Group, stage, write

_READ_AHEAD: Final = 3
"""Objects that are read before they are needed: few, for each may hold megabytes."""


class Store(Protocol):
    """Where objects are kept."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None."""

    def list(self) -> Iterator[tuple[str, str, int]]:
        """Yield (key, ETag, size) of all objects."""


class Announcer(Protocol):
    """Who tells others about a load."""

    def success(self, objects: list[LoadedObject]) -> None:
        """Publish that the objects are loaded; return once that is delivered, or raise JobError."""


class Load:
    """One run of the load Job."""

    def __init__(
        self, spec: LoadSpec, warehouse: Warehouse, store: Store, staging: Staging, announcer: Announcer, log: Log
    ) -> None:
        self._spec = spec
        self._warehouse = warehouse
        self._store = store
        self._staging = staging
        self._announcer = announcer
        self._log = log
        self._ledger = Ledger(warehouse)
        self._loaded: list[LoadedObject] = []
        self._refused: list[tuple[str, str, NotOurs]] = []
        self._changed: set[str] = set()
        self._counts = {"skipped": 0, "rejected": 0, "gone": 0, "changed": 0, "bytes": 0, "groups": 0}

    def run(self) -> dict[str, Any]:
        """Carry the load out and return the counts of its termination message.

        Raises:
            JobError: what was loaded before stays loaded, and is announced.
        """
        created = schema.ensure(self._warehouse)
        if created:
            self._log.info("bronze.created", tables=",".join(created))
        lost = self._ledger.lost() if self._spec.sweep else 0
        if lost:
            self._log.warning("bronze.lost", objects=lost, message="their table was made anew: they are loaded again")
        objects = self._objects()
        keys = None if self._spec.sweep else [item.key for item in objects]
        entries, rejected = self._ledger.entries(keys), self._ledger.rejected(keys)
        missing = wanted(objects, entries, rejected)
        self._counts["skipped"] = len(objects) - len(missing)
        self._log.info("compared", objects=len(objects), missing=len(missing), sweep=self._spec.sweep)
        problem = None
        try:
            # While the warehouse is busy with a group, the next one is read, checked and staged.
            groups = self._groups(grouped(self._loadables(missing, entries)))
            with closing(work_ahead(groups, unwanted=lambda group: group.staged.discard(self._warehouse))) as ahead:
                for group in ahead:
                    self._write(group)
        except JobError as error:
            problem = error
        for key, etag, refusal in self._refused:
            self._reject(key, etag, refusal.reason, str(refusal))
        self._announce(entries, objects)
        if problem is not None:
            raise problem
        if lost:
            self._ledger.give_up_lost()
        if self._spec.sweep:
            self._tidy()
        return {"bytes": self._counts["bytes"], "details": {"loaded": len(self._loaded), **self._counts}}

    def _tidy(self) -> None:
        try:
            for name in self._staging.tidy(self._warehouse):
                self._log.info("staged.removed", file=name)
        except (DataError, JobError) as error:
            # What lies there takes room and does no harm: no reason to call a sweep failed that loaded all it missed.
            self._log.warning("staged.not_removed", message=str(error))

    def _objects(self) -> list[ObjectRef]:
        if not self._spec.sweep:
            found = list(self._spec.objects)
        else:
            # The page that describes the models and what Jobs keep for each other lie in the bucket too: they are
            # nothing to load and nothing to warn of.
            found = [
                ObjectRef(key=key, etag=etag)
                for key, etag, _ in self._store.list()
                if key != DOCS_PAGE and not key.startswith(WORK_PREFIX)
            ]
        ours = [item for item in found if key_problem(item.key) is None]
        if len(ours) < len(found):
            self._log.warning("not_ours", objects=len(found) - len(ours), example=_first_other(found, ours))
        return ours

    def _loadables(self, missing: list[ObjectRef], entries: dict[str, Entry]) -> Iterator[Loadable]:
        for item, stored in zip(missing, _prefetched(self._store, missing), strict=True):
            if stored is None:
                self._counts["gone"] += 1
                self._log.warning("object.gone", key=item.key)
                continue
            if item.key in entries and entries[item.key].etag == stored.etag:
                self._counts["skipped"] += 1
                continue
            self._counts["bytes"] += len(stored.body)
            try:
                # The bucket's content now, whatever the event said: it may be newer than the event.
                yield read(item.key, stored.etag, stored.body)
            except NotOurs as problem:
                self._refused.append((item.key, stored.etag, problem))

    def _groups(self, runs: Iterator[list[Loadable]]) -> Generator[Group, None, None]:
        """Yield the runs of objects, staged: the first in the load's own session, which waits for it."""
        with ExitStack() as opened:
            # A session says one thing at a time; a load of one group needs no second one.
            second = functools.cache(lambda: opened.enter_context(self._warehouse.another()))
            for number, objects in enumerate(runs):
                yield self._stage(objects, second if number else None)

    def _stage(self, objects: list[Loadable], session: Callable[[], Warehouse] | None = None) -> Group:
        return stage(session or (lambda: self._warehouse), self._staging, self._spec.load_id, objects)

    def _write(self, group: Group) -> None:
        """Load a group, or what remains of it without the objects that changed or whose values do not fit."""
        misfits = self._load_or_halve(group)
        tried = [item for item in group.objects if item.key not in self._changed]
        if len(tried) > 1 and len(misfits) == len(tried):
            # Not one of many fits: then it is not the objects that are wrong.
            message = f"the warehouse refused each of {len(tried)} objects; the first: {misfits[0][1]}"
            raise JobError(ExitCode.TEMPORARY, Reason.WAREHOUSE_ERROR, message)
        for item, problem in misfits:
            self._reject(item.key, item.etag, "BadDocument", problem)

    def _load_or_halve(self, staged: Group) -> list[tuple[Loadable, str]]:
        group = list(staged.objects)
        try:
            write(self._warehouse, staged)
        except Changed as changed:
            rest = self._leave(group, changed)
            return self._load_or_halve(self._stage(rest)) if rest else []
        except DataError as error:
            if len(group) == 1:
                return [(group[0], str(error))]
            middle = len(group) // 2
            first = self._load_or_halve(self._stage(group[:middle]))
            return first + self._load_or_halve(self._stage(group[middle:]))
        self._counts["groups"] += 1
        self._loaded += [
            LoadedObject(key=item.key, etag=item.etag, table=item.table.name, rows=ROWS_PER_OBJECT) for item in group
        ]
        self._log.info("loaded", objects=len(group), bytes=sum(len(item.document) for item in group))
        return []

    def _leave(self, group: list[Loadable], changed: Changed) -> list[Loadable]:
        """Leave what changed to the load that its new content causes, or to a sweep, and return the others."""
        for item in group:
            if item.key in changed.keys:
                self._counts["changed"] += 1
                self._log.warning("object.changed", key=item.key, checked=item.etag)
        self._changed |= changed.keys
        return [item for item in group if item.key not in changed.keys]

    def _reject(self, key: str, etag: str, reason: str, message: str) -> None:
        self._counts["rejected"] += 1
        self._log.warning("object.rejected", key=key, reason=reason, message=message)
        self._ledger.reject(key, etag, reason, message, naive_utc(datetime.now(UTC)))

    def _announce(self, entries: dict[str, Entry], objects: list[ObjectRef]) -> None:
        """Publish what this run loaded, and what an earlier one loaded but died before it could say so."""
        fresh = {item.key for item in self._loaded}
        asked = entries if self._spec.sweep else {item.key for item in objects}
        late = [
            LoadedObject(key=key, etag=entry.etag, table=entry.table, rows=entry.rows)
            for key, entry in entries.items()
            if not entry.published and key not in fresh and key in asked
        ]
        if late:
            self._log.info("announcing_late", objects=len(late))
        announced = self._loaded + late
        if announced:
            self._announcer.success(announced)
            self._ledger.mark_published(((item.key, item.etag) for item in announced), naive_utc(datetime.now(UTC)))


def _first_other(found: list[ObjectRef], ours: list[ObjectRef]) -> str:
    known = set(ours)
    return next((item.key for item in found if item not in known), "")


def _prefetched(store: Store, objects: list[ObjectRef]) -> Iterator[Stored | None]:
    """Yield the objects' contents in order, a few of them read ahead while earlier ones are worked on."""
    with ThreadPoolExecutor(max_workers=_READ_AHEAD) as pool:
        reading: deque[Future[Stored | None]] = deque()
        try:
            for item in objects:
                reading.append(pool.submit(store.get, item.key))
                if len(reading) > _READ_AHEAD:
                    yield reading.popleft().result()
            while reading:
                yield reading.popleft().result()
        finally:
            for future in reading:
                future.cancel()
