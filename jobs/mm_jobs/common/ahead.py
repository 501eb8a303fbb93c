"""Work ahead: make the next items in a thread while the present one is worked on."""

import contextlib
import queue
import threading
from collections.abc import Callable, Generator
from typing import Final, TypeVar

_Item = TypeVar("_Item")
_END: Final = object()
_PATIENCE: Final = 30.0
"""Seconds in which the maker should end the item that it is at, when no more are wanted."""


def work_ahead(
    items: Generator[_Item, None, None], unwanted: Callable[[_Item], object], depth: int = 1
) -> Generator[_Item, None, None]:
    """Yield the items in order, up to ``depth`` of them made or being made before they are asked for.

    What the making raises is raised here, after the items made before it. Where the taker stops early and closes this,
    the maker stops after the item that it is at, and ``unwanted`` is called with what was made and not taken. The
    items' generator is run and closed in the maker's thread.
    """
    made: queue.SimpleQueue[object] = queue.SimpleQueue()
    room = threading.Semaphore(depth)
    stopped = threading.Event()

    def make() -> None:
        try:
            with contextlib.closing(items):
                while room.acquire() and not stopped.is_set():
                    item = next(items, _END)
                    if item is _END:
                        break
                    made.put(item)
        except BaseException as error:
            made.put(_Raised(error))
        else:
            made.put(_END)

    maker = threading.Thread(target=make, daemon=True, name="work-ahead")
    maker.start()
    try:
        while (item := made.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            room.release()
            yield item  # type: ignore[misc]
    finally:
        stopped.set()
        room.release()
        maker.join(_PATIENCE)
        while not made.empty():
            left = made.get()
            if left is not _END and not isinstance(left, _Raised):
                unwanted(left)  # type: ignore[arg-type]


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error
