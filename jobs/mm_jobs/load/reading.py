"""Read the objects of a load from the bucket, and check each: what cannot be used keeps no other one back."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final, Protocol

from mm_contracts.batch import ObjectRef
from mm_contracts.reasons import Reason

from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Listed, Stored
from mm_jobs.load.asides import FIELD, Problem
from mm_jobs.load.documents import Loadable, NotOurs, read
from mm_jobs.load.ledger import Entry

_READ_AHEAD: Final = 3
"""Objects that are read before they are needed: few, for each may hold megabytes."""
_MOST_UNREAD: Final = 20
"""Objects that fail before any other can be read: then nothing more is asked of the store in this run."""


class Store(Protocol):
    """Where objects are kept."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None; raises JobError."""

    def etag(self, key: str) -> str | None:
        """Return an object's ETag without reading it, or None; raises JobError."""

    def list(self) -> Iterator[Listed]:
        """Yield all objects."""

    def delete(self, key: str) -> None:
        """Remove an object, if it is there; raises JobError."""


class Reader:
    """Reads objects in order; ``problems`` holds what came of those that it does not yield."""

    def __init__(self, store: Store, log: Log, *, listed: bool, as_is: bool) -> None:
        """Args: the store, where lines go, whether it listed the objects, whether only its own bytes can be copied."""
        self._store, self._log, self._listed, self._as_is = store, log, listed, as_is
        self.counts = {"skipped": 0, "gone": 0, "bytes": 0}
        self.problems: list[Problem] = []
        """Objects that cannot be used, and fields of those that can."""
        self._unread: list[tuple[ObjectRef, JobError]] = []
        self._answered = listed

    def loadables(self, missing: Sequence[ObjectRef], entries: Mapping[str, Entry]) -> Iterator[Loadable]:
        """Yield what is to be loaded of the objects.

        Raises:
            JobError: many could not be read and none could.
        """
        for item, stored in zip(missing, _prefetched(self._store, missing), strict=True):
            if isinstance(stored, JobError):
                self._unread.append((item, stored))
                if len(self._unread) >= _MOST_UNREAD and not self.counts["bytes"]:
                    raise stored
            elif stored is None:
                self._gone(item)
            elif item.key in entries and entries[item.key].etag == stored.etag:
                self._answered = True
                self.counts["skipped"] += 1
            else:
                self._answered = True
                self.counts["bytes"] += len(stored.body)
                yield from self._checked(item.key, stored)

    def _gone(self, item: ObjectRef) -> None:
        self._answered = True
        self.counts["gone"] += 1
        if self._listed:
            message = "the bucket lists the object and says that there is none"
            self.problems.append(Problem(item.key, item.etag, Reason.STORAGE_ERROR.value, message, passing=True))
        else:
            self._log.warning("object.gone", key=item.key)

    def _checked(self, key: str, stored: Stored) -> Iterator[Loadable]:
        try:
            # The bucket's content now, whatever the event said: it may be newer than the event.
            loadable = read(key, stored.etag, stored.body)
            if loadable.notes and self._as_is:
                raise NotOurs("BadDocument", f"not every reader takes it: {'; '.join(loadable.notes)}")
        except NotOurs as problem:
            self.problems.append(Problem(key, stored.etag, problem.reason, str(problem)))
            return
        if loadable.notes or loadable.unused:
            told = "; ".join((*loadable.notes, *loadable.unused))
            self.problems.append(Problem(key, stored.etag, "NotClean", told, grain=FIELD))
        yield loadable

    def unread(self) -> JobError | None:
        """Add what could not be read to the problems; or return the store's error where it is the store that fails."""
        if not self._unread:
            return None
        if not self._answered:
            # One object alone says nothing of the store: does it know the object, if it cannot give it?
            try:
                self._answered = self._store.etag(self._unread[0][0].key) is not None
            except JobError as error:
                return error
        if not self._answered:
            return self._unread[0][1]
        self.problems += [
            Problem(item.key, item.etag, error.reason.value, str(error), passing=True) for item, error in self._unread
        ]
        return None


def _prefetched(store: Store, objects: Sequence[ObjectRef]) -> Iterator[Stored | JobError | None]:
    """Yield the objects' contents in order, or the errors, a few read ahead while earlier ones are worked on."""

    def get(key: str) -> Stored | JobError | None:
        try:
            return store.get(key)
        except JobError as error:
            return error

    with ThreadPoolExecutor(max_workers=_READ_AHEAD) as pool:
        reading: deque[Future[Stored | JobError | None]] = deque()
        try:
            for item in objects:
                reading.append(pool.submit(get, item.key))
                if len(reading) > _READ_AHEAD:
                    yield reading.popleft().result()
            while reading:
                yield reading.popleft().result()
        finally:
            for future in reading:
                future.cancel()
