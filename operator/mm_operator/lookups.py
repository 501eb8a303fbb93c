"""What is asked of the API about a Job's end: pods that no watch has told of, and a failed one's last log lines."""

import asyncio
from collections.abc import Iterable

from mm_operator.core.diagnose import tail
from mm_operator.kube import Kube
from mm_operator.store import Store


async def ask_pods(kube: Kube, store: Store, jobs: Iterable[str]) -> None:
    """Take in the pods of Jobs that have ended, all at once. Raises ApiError."""

    async def ask(job: str) -> None:
        pods, _ = await kube.list("pods", f"batch.kubernetes.io/job-name={job}")
        for pod in pods:
            store.put("pods", pod)
        store.note_lookup(job, pods_asked=True)

    await asyncio.gather(*(ask(job) for job in jobs))


async def fetch_logs(kube: Kube, store: Store, wanted: Iterable[tuple[str, str]]) -> None:
    """Take in the last log lines of (Job, pod), all at once; of one that has none it is noted that it has none."""

    async def fetch(job: str, pod: str) -> None:
        store.note_lookup(job, log_tail=tail(await kube.log_tail(pod)))

    await asyncio.gather(*(fetch(job, pod) for job, pod in wanted))
