"""Work ahead: make the next items in a thread while the present one is worked on."""

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import Final, TypeVar

_Item = TypeVar("_Item")
_END: Final = object()


def work_ahead(items: Iterable[_Item], depth: int = 1) -> Iterator[_Item]:
    """Yield the items in order, up to ``depth`` of them made before they are asked for.

    What the making raises is raised here, after the items made before it. Where the taker stops early, the maker stops
    after the item that it is at.
    """
    made: queue.Queue[object] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def hand_over(item: object) -> bool:
        while not stopped.is_set():
            try:
                made.put(item, timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def make() -> None:
        try:
            for item in items:
                if not hand_over(item):
                    return
        except BaseException as error:
            hand_over(_Raised(error))
        else:
            hand_over(_END)

    threading.Thread(target=make, daemon=True, name="work-ahead").start()
    try:
        while (item := made.get()) is not _END:
            if isinstance(item, _Raised):
                raise item.error
            yield item  # type: ignore[misc]
    finally:
        stopped.set()


class _Raised:
    def __init__(self, error: BaseException) -> None:
        self.error = error
