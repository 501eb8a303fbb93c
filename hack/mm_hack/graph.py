"""Run steps that depend on each other, at the same time where they can.

A cold start is bound by the two cores that compile Kubernetes; fetching packages and assembling images meanwhile costs
little. Lanes keep what would only get in its own way (two big compilations) one after the other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Task:
    """One step of a graph.

    Attributes:
        name: unique in its graph.
        action: does the step; raises to fail.
        after: names of the steps that must have ended well.
        lane: steps of one lane run one at a time, in the graph's order; "" is no lane.
    """

    name: str
    action: Callable[[], object]
    after: Sequence[str] = field(default=())
    lane: str = ""


def check(tasks: Sequence[Task]) -> None:
    """Refuse a graph that could never finish: double names, unknown or later dependencies."""
    seen: set[str] = set()
    for task in tasks:
        if task.name in seen:
            raise ValueError(f"two tasks are named {task.name}")
        missing = [name for name in task.after if name not in seen]
        if missing:
            raise ValueError(f"task {task.name} comes before what it needs: {', '.join(missing)}")
        seen.add(task.name)


def run_all(tasks: Sequence[Task], *, width: int = 8) -> None:
    """Run every task; when one fails, start no new ones, let the running ones end, and raise the first failure.

    Raises:
        Exception: the first task's failure, as it was raised.
    """
    check(tasks)
    waiting = list(tasks)
    done: set[str] = set()
    running: dict[Future[object], Task] = {}
    failure: BaseException | None = None
    with ThreadPoolExecutor(max_workers=width, thread_name_prefix="setup") as pool:
        while running or (waiting and failure is None):
            if failure is None:
                for task in _ready(waiting, done, running.values()):
                    waiting.remove(task)
                    running[pool.submit(task.action)] = task
            ended, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in ended:
                task = running.pop(future)
                error = future.exception()
                if error is None:
                    done.add(task.name)
                elif failure is None:
                    failure = error
    if failure is not None:
        raise failure


def _ready(waiting: Sequence[Task], done: set[str], running: Iterable[Task]) -> list[Task]:
    """The tasks that may start now, in order, at most one more per lane."""
    busy = {task.lane for task in running if task.lane}
    ready = []
    for task in waiting:
        if all(name in done for name in task.after) and task.lane not in busy:
            ready.append(task)
            if task.lane:
                busy.add(task.lane)
    return ready
