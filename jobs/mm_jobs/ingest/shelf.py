"""Answers that several Jobs want, kept in the bucket: a manifest is asked for once for a plan, not once for each Job.

An answer is fresh for a Job if it came after the Job's plan was made, and not an hour ago. Else the source is asked
whether it is still the same, where it offers that (ETag, Last-Modified). Of Jobs that start together one asks, and the
others wait for its answer for a while. What is kept here only saves requests: where the bucket does not serve, the
source is asked.
"""

import hashlib
import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Protocol, TypedDict

from mm_contracts.keys import work_key

from mm_jobs.common.ending import JobError
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Stored
from mm_jobs.ingest import clean
from mm_jobs.ingest.http import Remembered
from mm_jobs.ingest.kept import of_shape

FRESH_FOR: Final = timedelta(hours=1)
LONGEST_TURN: Final = 30.0
"""Seconds that another Job is given to ask."""
_LOOK: Final = 0.25
"""Seconds between two looks for another Job's answer."""


class Shelf(Protocol):
    """The part of a bucket that is needed."""

    def get(self, key: str) -> Stored | None:
        """Return an object, or None."""

    def put(self, key: str, body: bytes, metadata: dict[str, str]) -> str:
        """Write an object."""

    def put_new(self, key: str, body: bytes) -> bool:
        """Write an object where there is none; return whether there was none."""

    def delete(self, key: str) -> None:
        """Remove an object."""


class _Held(TypedDict):
    came_at: str
    etag: str
    last_modified: str
    content: dict[str, Any]


class SharedAnswers:
    """The answers of one source."""

    def __init__(
        self,
        store: Shelf,
        source: str,
        plan: str,
        plan_made: datetime,
        log: Log,
        *,
        always_ask: bool = False,
        longest_turn: float = LONGEST_TURN,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Keep the source's answers in a bucket.

        Args:
            store: the bucket.
            source: the source's name.
            plan: the plan's name.
            plan_made: when the plan was made; with a zone.
            log: gets a line where the bucket does not serve.
            always_ask: what is kept only spares the answer, not the request: for the Job that is to fetch it.
            longest_turn: seconds to wait for another Job's answer.
            pause: waits some seconds.
        """
        self._store: Shelf | None = store
        self._source, self._plan, self._made, self._log = source, plan, plan_made, log
        self._always_ask, self._longest_turn = always_ask, longest_turn
        self._pause = pause or threading.Event().wait

    def recall(self, url: str, root: str, ask: Callable[[Remembered | None], Remembered]) -> dict[str, Any]:
        """Return the answer of a URL, which has the key ``root``. Raises what ``ask`` raises."""
        name = hashlib.sha256(url.encode()).hexdigest()[:16]
        key = work_key("answers", self._source, f"{name}.json")
        known, fresh = self._known(key, root)
        if known is not None and fresh and not self._always_ask:
            return known.content
        turn = work_key("answers", self._source, f"{name}.{self._plan}.asking")
        mine = self._always_ask or self._take(turn)
        if not mine:
            waited = time.monotonic()
            while time.monotonic() - waited < self._longest_turn and not fresh:
                self._pause(_LOOK * random.uniform(0.8, 1.2))
                known, fresh = self._known(key, root)
            if known is not None and fresh:
                return known.content
            mine = True  # the other one is gone, or too slow
        try:
            answer = ask(known)
            self._keep(key, answer)
            return answer.content
        finally:
            if mine and not self._always_ask:
                self._safely(lambda store: store.delete(turn))

    def _known(self, key: str, root: str) -> tuple[Remembered | None, bool]:
        stored = self._safely(lambda store: store.get(key))
        if stored is None:
            return None, False
        try:
            held = of_shape(clean.parse(stored.body), _Held)
            came = datetime.fromisoformat(held["came_at"]) if held else None
        except ValueError:
            return None, False
        if held is None or came is None or came.tzinfo is None or root not in held["content"]:
            return None, False
        known = Remembered(held["content"], _header(held["etag"]), _header(held["last_modified"]))
        return known, self._made <= came and abs(datetime.now(UTC) - came) < FRESH_FOR

    def _keep(self, key: str, answer: Remembered) -> None:
        held = {
            "came_at": datetime.now(UTC).isoformat(),
            "etag": answer.etag,
            "last_modified": answer.last_modified,
            "content": answer.content,
        }
        self._safely(lambda store: store.put(key, clean.dumps(held), {}))

    def _take(self, turn: str) -> bool:
        taken = self._safely(lambda store: store.put_new(turn, b"{}"))
        return taken is not False  # a bucket that cannot tell: everybody asks

    def _safely(self, do: Callable[[Shelf], Any]) -> Any:
        if self._store is None:
            return None
        try:
            return do(self._store)
        except JobError as error:
            self._log.warning("shelf.unused", message=str(error))
            self._store = None
            return None


def _header(text: str) -> str:
    """Return a text that a header can carry; any other is none."""
    return text if text.isascii() and text.isprintable() else ""


def plan_made_at(stamp: str) -> datetime:
    """Return when a plan was made, from its stamp (``keys.plan_stamp``); a stamp of another form is the epoch."""
    try:
        return datetime.strptime(stamp.partition("-")[0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return datetime.fromtimestamp(0, UTC)
