"""Statements in progress, by request id.

A client whose connection broke repeats its request with the same id; running the statement again would store its
rows twice. And clients give a silent request up after a minute: those are told "in progress" and where to ask.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from starlette.responses import JSONResponse, Response

from mm_warehouse.errors import SqlError
from mm_warehouse.session import Session

_IN_PROGRESS = "333334"
_KEPT = 256
_LARGEST_KEPT = 1024 * 1024
_WORKERS = 64
"""Far above what DuckDB runs at once: most of them would be waiting for a table lock."""


@dataclass
class _Statement:
    session: Session
    task: asyncio.Task[Response]


class Statements:
    """Runs statements on worker threads and remembers the answers of the last ones."""

    def __init__(self, wait: float) -> None:
        """`wait`: seconds that a request is held before it is answered with "in progress"."""
        self._wait = wait
        self._statements: OrderedDict[str, _Statement] = OrderedDict()
        self._workers = ThreadPoolExecutor(_WORKERS, thread_name_prefix="statement")
        self._unnamed = 0

    async def run(self, request_id: str | None, session: Session, work: Callable[[], Response]) -> Response:
        """Start `work`, unless the same session has already started it under this id; give its answer."""
        if request_id is None:
            self._unnamed += 1
            request_id = f"unnamed-{self._unnamed}"
        known = self._statements.get(request_id)
        if known is None or known.session is not session:
            loop = asyncio.get_running_loop()
            task = asyncio.ensure_future(_await(loop.run_in_executor(self._workers, work)))
            self._statements[request_id] = known = _Statement(session, task)
            self._forget_old()
        return await self._answer(request_id, known)

    async def join(self, request_id: str, session: Session) -> Response:
        """The answer of a statement that is in progress or just ended.

        Raises:
            SqlError: this session has started no such statement, or its answer has been dropped.
        """
        known = self._statements.get(request_id)
        if known is None or known.session is not session:
            raise SqlError("000709", "02000", "No such statement is known. Run it again.")
        return await self._answer(request_id, known)

    def cancel(self, request_id: str, session: Session) -> None:
        """Interrupt a statement, if it is this session's and still running."""
        known = self._statements.get(request_id)
        if known is not None and known.session is session and not known.task.done():
            session.interrupt()

    async def _answer(self, request_id: str, known: _Statement) -> Response:
        try:
            answer = await asyncio.wait_for(asyncio.shield(known.task), self._wait)
        except TimeoutError:
            return JSONResponse(
                {
                    "data": {
                        "getResultUrl": f"/queries/{request_id}/result",
                        "queryId": request_id,
                        "progressDesc": None,
                        "queryAbortsAfterSecs": 3600,
                    },
                    "code": _IN_PROGRESS,
                    "message": "Query execution in progress",
                    "success": True,
                }
            )
        if len(answer.body) > _LARGEST_KEPT:
            # Only reads answer at length, and those can be repeated.
            self._statements.pop(request_id, None)
        return Response(answer.body, status_code=answer.status_code, media_type="application/json")

    def _forget_old(self) -> None:
        done = [name for name, known in self._statements.items() if known.task.done()]
        for name in done[: max(0, len(self._statements) - _KEPT)]:
            del self._statements[name]

    def close(self) -> None:
        """Take no more work; does not wait for what is running."""
        self._workers.shutdown(wait=False, cancel_futures=True)


async def _await(future: asyncio.Future[Response]) -> Response:
    return await future
