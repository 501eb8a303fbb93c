"""Any interleaving of what can happen to plans and Jobs keeps the engine's promises.

The world is ``cluster_view.ClusterView``; rules change it as users, nodes, the API and time do. A decision is not
always carried out at once, whole, or at all, and processes end in between.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from cluster_view import ClusterView
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from mm_operator.core.batches import Refusal
from mm_operator.core.entry import Decision
from mm_operator.core.observe import Pod
from mm_operator.core.progress import CreateJob

ROVERS = ("Curiosity", "Spirit")
STATUS_LIMIT = 100_000
EVENTS = ["0"] * 5 + [
    "1",
    "64",
    "64",
    "69",
    "74",
    "75",
    "75",
    "end unseen",
    "lose node",
    "lose node",
    "keep pod",
    "stick",
]
EVENTS += ["vanish", "told again"]
"""What happens to a Job: its exit code, or what else."""
ACTS = ["delete", "suspend", "resume", "retry", "retry", "reopen", "reopen"]


@st.composite
def _specs(draw: st.DrawFn) -> dict[str, Any]:
    first, length = draw(st.integers(0, 6)), draw(st.integers(1, 12))
    rovers: list[dict[str, Any]] = [{"name": draw(st.sampled_from(ROVERS)), "sols": [f"{first}-{first + length}"]}]
    dataset = draw(st.sampled_from(["photos", "photos", "photos", "manifests"]))
    backoff = draw(st.sampled_from(["1s", "1s", "9999h"]))
    return {
        "dataset": dataset,
        "rovers": rovers if dataset == "photos" else [{"name": name} for name in ROVERS],
        "parallelism": draw(st.integers(1, 4)),
        "priority": draw(st.integers(-1, 1)),
        "batch": {"maxSols": draw(st.integers(1, 4))},
        "retry": {"limit": draw(st.integers(0, 2)), "backoff": backoff, "maxBackoff": "1m"},
    }


SPECS = _specs()


class Cluster(ClusterView):
    """A cluster that refuses Jobs where it is told to, and forgets nothing of what was fetched."""

    refusing: str = ""

    def act(self, decision: Decision) -> None:
        creates = [a for a in decision.outcome.actions if isinstance(a, CreateJob)]
        if self.refusing and creates:
            kept = tuple(a for a in decision.outcome.actions if not isinstance(a, CreateJob))
            super().act(replace(decision, outcome=replace(decision.outcome, actions=kept)))
            for create in creates:
                name = f"{decision.name}-{create.batch.index}-{create.attempt}"
                if name not in self.jobs:
                    self.engine.refuse(decision.name, name, Refusal("no", quota=self.refusing == "quota"))
            self.change(decision.name)  # somebody touches it: the engine is told in any case
            return
        super().act(decision)


class EngineMachine(RuleBasedStateMachine):
    """The rules and what holds after each of them."""

    @initialize(limit=st.integers(1, 5), specs=st.lists(SPECS, min_size=2, max_size=4))
    def begin(self, limit: int, specs: list[dict[str, Any]]) -> None:
        self.limit = limit
        self.cluster = Cluster({"maxConcurrentJobs": limit, "stuckAfter": "20s"})
        self.count = 0
        for spec in specs:
            self.add(spec)
        self.settle()

    def add(self, spec: dict[str, Any]) -> None:
        self.count += 1
        self.cluster.add(f"p{self.count}", **spec)

    @rule(spec=SPECS)
    def add_one(self, spec: dict[str, Any]) -> None:
        if self.count < 8:
            self.add(spec)

    @rule(
        pick=st.integers(0, 9),
        what=st.sampled_from(ACTS),
    )
    def user(self, pick: int, what: str) -> None:
        """Somebody does something about a plan."""
        cluster, token = self.cluster, f"t{next(self.cluster.versions)}"
        names = sorted(cluster.finished if what == "reopen" else cluster.plans)
        if not names:
            return
        name = names[pick % len(names)]
        if what == "delete":
            cluster.delete(name)
        elif what == "reopen":
            cluster.reopen(name, token)
        elif what == "retry":
            cluster.change(name, {"martian-moments.io/retry-now": token})
        else:
            cluster.change(name, suspend=what == "suspend")

    @rule(pick=st.integers(0, 9))
    def reopen_beside_another(self, pick: int) -> None:
        """Somebody else asks for the sols of a plan that has failed; then it is tried again."""
        cluster = self.cluster
        names = sorted(name for name in cluster.finished if cluster.status(name).phase == "Failed")
        if not names or self.count >= 8:
            return
        name = names[pick % len(names)]
        spec = cluster.finished[name]["spec"]
        self.count += 1
        cluster.add(f"p{self.count}", **{key: spec[key] for key in ("rovers", "dataset") if key in spec}, priority=1)
        self.settle()
        cluster.reopen(name, f"t{next(cluster.versions)}")
        self.settle()

    @rule(refusing=st.sampled_from(["", "quota", "rule"]))
    def api(self, refusing: str) -> None:
        self.cluster.refusing = refusing

    @rule(pick=st.integers(0, 9), what=st.sampled_from(EVENTS), then_decide=st.booleans())
    def job(self, pick: int, what: str, then_decide: bool) -> None:
        """Something happens to a Job that runs."""
        cluster = self.cluster
        # What has happened to a Job once stays so, until the engine does something about it.
        running = sorted((job for job in cluster.running() if not job.pods), key=lambda job: job.name)
        if not running:
            return
        job = running[pick % len(running)]
        pod = Pod("pod", phase="Running", since=cluster.now)
        if what.isdigit():
            code = int(what)
            reason = {64: "Unauthorized", 69: "SourceGone", 75: "RateLimited", 74: "StorageError"}.get(code)
            cluster.end(job.name, code, reason=reason, message="so it was", photos=1)
        elif what == "end unseen":
            cluster.put(replace(job, state="succeeded", pods=()))
        elif what == "lose node":
            cluster.put(replace(job, pods=(replace(pod, terminating=True, grace_seconds=5),)))
        elif what == "keep pod":
            cluster.put(replace(job, pods=(replace(pod, exit_code=0, others_running=("proxy",)),)))
        elif what == "stick":
            cluster.put(replace(job, pods=(replace(pod, phase="Pending", waiting_reason="ImagePullBackOff"),)))
        elif what == "vanish":
            cluster.drop(job.name)
        else:
            cluster.engine.put_job(job)
        if then_decide:
            self.settle()

    @rule(seconds=st.sampled_from([0.5, 3, 15, 40, 90, 700, -120]))
    def tick(self, seconds: float) -> None:
        self.cluster.tick(seconds)
        self.settle()

    @rule(keep=st.integers(0, 3), stored=st.booleans())
    def decide_and_be_killed(self, keep: int, stored: bool) -> None:
        """Of what was decided some is carried out; of one more, perhaps, the status is stored and nothing else."""
        result = self.cluster.engine.run(self.cluster.now)
        assert not result.errors, result.errors
        for decision in result.decisions[:keep]:
            self.cluster.carry_out(decision)
        for decision in result.decisions[keep : keep + stored]:
            nothing = replace(decision.outcome, actions=())
            self.cluster.carry_out(replace(decision, outcome=nothing))
        self.cluster.restart()

    @rule(taken=st.integers(1, 3))
    def decide_and_meet_conflicts(self, taken: int) -> None:
        result = self.cluster.engine.run(self.cluster.now)
        assert not result.errors, result.errors
        for number, decision in enumerate(result.decisions):
            if number % taken:
                self.cluster.engine.failed(decision.name, self.cluster.now, 0.2)
            else:
                self.cluster.carry_out(decision)

    @rule()
    def decide(self) -> None:
        self.settle()

    def settle(self) -> None:
        """Decide until nothing is left to be decided, which must come; then nobody waits in vain."""
        for _ in range(12):
            if not self.cluster.step(rounds=12):
                break
        assert self.cluster.step() == 0, "nothing has changed, and it decides again"
        moment = self.cluster.engine.next_moment
        assert moment is None or moment > self.cluster.now, "a moment that has passed would ring again and again"
        self.nobody_waits_for_a_free_slot()

    # What holds

    @invariant()
    def no_sol_is_in_two_running_jobs(self) -> None:
        seen: dict[tuple[str, str, int], str] = {}
        for job in self.cluster.running():
            if job.plan not in self.cluster.plans:
                continue
            rover, sols = self.cluster.specs[job.name]
            dataset = self.cluster.plans[job.plan]["spec"].get("dataset", "photos")
            for sol in sols or (-1,):
                other = seen.setdefault((dataset, rover, sol), job.name)
                assert other == job.name, f"{rover} {sol} is fetched by {other} and {job.name}"

    @invariant()
    def the_limit_holds(self) -> None:
        assert len(self.cluster.running()) <= self.limit

    @invariant()
    def a_status_is_small(self) -> None:
        for body in self.cluster.plans.values():
            assert len(str(body["status"])) < STATUS_LIMIT

    def nobody_waits_for_a_free_slot(self) -> None:
        slots = self.cluster.engine.slots
        held_back = {
            n for n, e in self.cluster.engine._entries.items() if e.not_before and e.not_before > self.cluster.now
        }
        assert slots.held <= max(self.limit, len(self.cluster.running()))
        if not held_back:
            assert slots.wanted == 0 or slots.held >= self.limit

    def teardown(self) -> None:
        """Everything ends: Jobs succeed from here on, time goes on, and nobody is suspended."""
        if not hasattr(self, "cluster"):
            return
        cluster = self.cluster
        cluster.refusing = ""
        for name in list(cluster.plans):
            cluster.change(name, suspend=False)
        for _ in range(200):
            self.settle()
            if not cluster.plans:
                break
            for job in list(cluster.running()):
                if not job.pods:  # the others lie on lost nodes, are kept by sidecars, cannot start
                    cluster.end(job.name, 0, photos=1)
            moment = cluster.engine.next_moment
            if not cluster.engine.pending and moment is not None:
                cluster.now = max(cluster.now, moment)
        assert not cluster.plans, {name: body["status"] for name, body in cluster.plans.items()}
        assert cluster.engine.slots.held == 0


EngineMachine.TestCase.settings = settings(
    max_examples=40,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    database=None,
)
TestEngine = EngineMachine.TestCase
