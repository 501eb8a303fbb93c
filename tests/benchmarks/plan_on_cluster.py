"""Print how long a plan takes on the cluster, against a bare loop that creates the same Jobs, in one run.

    uv run python -m tests.benchmarks.plan_on_cluster [--namespace mars] [--batches 20] [--at-a-time 8] [--rounds 3]

It needs a release with the simulator and `operator.maxConcurrentJobs` of at least --at-a-time, as `./mars demo` leaves
one. The plan asks for sols that are archived already, so that nothing changes but what is fetched and stored again. The
bare loop takes the plan's own Jobs (the same image, command, environment and batch), under other names and nobody's
labels, and starts the next one when a pod has ended. Seconds are those of this machine and this hour; the ratio means
something elsewhere. Not a test: nothing fails on time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from mm_contracts.plan import PlanSpec, plan_manifest
from mm_contracts.sols import format_sols
from mm_hack import release
from mm_hack.forward import port_forward
from mm_operator.kube import ApiError, Kube
from urllib3 import PoolManager

LOOK_SECONDS = 0.1
"""How often both ways of running look whether something has ended."""


def archived_sols(namespace: str) -> list[int]:
    """Return Curiosity's sols that the simulator shows."""
    with port_forward(release.kubectl(namespace), "svc/mars-simulator", 8000) as port:
        url = f"http://127.0.0.1:{port}/mars-photos/api/v1/manifests/Curiosity"
        answer = PoolManager().request("GET", url, headers={"X-Api-Key": "k" * 40}).json()
    return [entry["sol"] for entry in answer["photo_manifest"]["photos"]]


async def plan(kube: Kube, name: str, sols: list[int], batches: int, at_a_time: int) -> tuple[float, dict[str, Any]]:
    """Run a plan; return the seconds until it is complete, and its status."""
    size = -(-len(sols) // batches)
    items = [format_sols(sols[at : at + size]) for at in range(0, len(sols), size)]
    spec = {"rovers": [{"name": "Curiosity", "sols": items}], "batch": {"maxSols": size, "maxPhotos": 100_000},
            "parallelism": at_a_time, "priority": 1000}  # fmt: skip
    body = plan_manifest(name, kube.namespace, PlanSpec.model_validate(spec))
    began = time.perf_counter()
    await kube.create("plans", body)
    while True:
        status = (await kube.call("GET", "plans", name)).get("status") or {}
        if status.get("phase") in ("Complete", "Failed"):
            return time.perf_counter() - began, status
        await asyncio.sleep(LOOK_SECONDS)


async def bare_loop(kube: Kube, like: list[dict[str, Any]], at_a_time: int, tag: str) -> float:
    """Create the same Jobs, some at a time; return the seconds until the last pod has ended."""
    waiting, running = list(enumerate(like)), set[str]()
    began = time.perf_counter()
    while waiting or running:
        pods, _ = await kube.list("pods", f"benchmark={tag}")
        for pod in pods:
            if pod["status"].get("phase") in ("Succeeded", "Failed"):
                running.discard(pod["metadata"]["labels"]["batch.kubernetes.io/job-name"])
        while waiting and len(running) < at_a_time:
            number, job = waiting.pop(0)
            name = f"bare-{tag}-{number}"
            template = job["spec"]["template"]
            labels = {k: v for k, v in template["metadata"]["labels"].items() if "batch.kubernetes.io" not in k}
            labels = {k: v for k, v in labels.items() if k not in ("controller-uid", "job-name")} | {"benchmark": tag}
            spec = {k: v for k, v in job["spec"].items() if k not in ("selector", "completionMode", "manualSelector")}
            spec["template"] = {"metadata": {"labels": labels}, "spec": template["spec"]}
            head = {"name": name, "namespace": kube.namespace, "labels": {"benchmark": tag}}
            await kube.create("jobs", {"apiVersion": "batch/v1", "kind": "Job", "metadata": head, "spec": spec})
            running.add(name)
        await asyncio.sleep(LOOK_SECONDS)
    return time.perf_counter() - began


async def rounds(namespace: str, batches: int, at_a_time: int, count: int) -> None:
    """Let both ways take turns, and print what came of it."""
    kube, sols = Kube(namespace), archived_sols(namespace)
    ratios, stamp = [], f"{time.time():.0f}"
    for number in range(count):
        name = f"bench-{stamp}-{number}"
        seconds, status = await plan(kube, name, sols, batches, at_a_time)
        jobs, _ = await kube.list("jobs", f"martian-moments.io/plan={name}")
        jobs.sort(key=lambda job: int(job["metadata"]["labels"]["martian-moments.io/batch"]))
        bare = await bare_loop(kube, jobs, at_a_time, f"{stamp}-{number}")
        ratios.append(seconds / bare)
        print(
            f"{len(jobs)} batches of {status['sols']} sols, {status['photos']} photos, {at_a_time} at a time: "
            f"plan {seconds:.1f} s, bare loop {bare:.1f} s, {seconds / bare:.2f} of it",
            flush=True,
        )
        for job in (await kube.list("jobs", f"benchmark={stamp}-{number}"))[0]:
            await kube.delete("jobs", job["metadata"]["name"])
        try:
            await kube.delete("plans", name)
        except ApiError:
            pass
    print(f"median: {statistics.median(ratios):.2f} of the bare loop")
    kube.close()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--namespace", default="mars")
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--at-a-time", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "kubeconfig"
        view = [*release.kubectl(options.namespace), "config", "view", "--minify", "--flatten"]
        config.write_bytes(subprocess.run(view, check=True, capture_output=True).stdout)
        os.environ["KUBECONFIG"] = str(config)
        asyncio.run(rounds(options.namespace, options.batches, options.at_a_time, options.rounds))


if __name__ == "__main__":
    main()
