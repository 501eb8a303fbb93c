"""Steps run in an order that their needs and lanes allow, and a failure ends the run without losing itself."""

import threading
from pathlib import Path

import pytest
from mm_hack import up
from mm_hack.graph import Task, check, run_all
from mm_hack.progress import Progress


def test_a_step_waits_for_what_it_needs() -> None:
    seen: list[str] = []
    run_all(
        [
            Task("a", lambda: seen.append("a")),
            Task("b", lambda: seen.append("b"), after=["a"]),
            Task("c", lambda: seen.append("c"), after=["a", "b"]),
        ]
    )
    assert seen == ["a", "b", "c"]


def test_steps_without_needs_run_at_the_same_time() -> None:
    meeting = threading.Barrier(2)
    run_all([Task("a", lambda: meeting.wait(10)), Task("b", lambda: meeting.wait(10))])


def test_steps_of_one_lane_never_run_at_the_same_time() -> None:
    lock, order = threading.Lock(), []

    def step(name: str) -> None:
        assert lock.acquire(blocking=False), "two steps of a lane at once"
        order.append(name)
        lock.release()

    names = [f"step {n}" for n in range(20)]
    run_all([Task(name, lambda name=name: step(name), lane="go") for name in names])  # type: ignore[misc]
    assert order == names


def test_the_first_failure_is_raised_and_nothing_new_is_started() -> None:
    ran: list[str] = []

    def fail() -> None:
        raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError, match="disk"):
        run_all([Task("a", fail), Task("b", lambda: ran.append("b"), after=["a"]), Task("c", fail, after=["b"])])
    assert ran == []


def test_running_steps_end_before_a_failure_is_raised() -> None:
    failed, ended = threading.Event(), []

    def fail() -> None:
        failed.set()
        raise RuntimeError("no")

    def slow() -> None:
        assert failed.wait(10)
        ended.append("slow")

    with pytest.raises(RuntimeError):
        run_all([Task("slow", slow), Task("fail", fail)])
    assert ended == ["slow"]


@pytest.mark.parametrize(
    "tasks",
    [
        [Task("a", lambda: None), Task("a", lambda: None)],
        [Task("a", lambda: None, after=["b"]), Task("b", lambda: None)],
        [Task("a", lambda: None, after=["a"])],
    ],
)
def test_a_graph_that_cannot_finish_is_refused(tasks: list[Task]) -> None:
    with pytest.raises(ValueError, match=r"task|named"):
        check(tasks)


def test_the_real_starts_are_graphs_that_can_finish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    for tasks in (up.packages_tasks(Progress()), up.registry_tasks(Progress())):
        check(tasks)
        assert [task.name for task in tasks if not task.after]
    cold = {task.name: task for task in up.packages_tasks(Progress())}
    assert {"build kube", "build etcd", "build coredns", "tools"} <= set(cold["cluster"].after)
    assert "trim" in cold
