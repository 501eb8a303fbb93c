"""What visitors may do: on plans, through the API server, with an Event that says who did it."""

import logging
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from mm_contracts.plan import (
    ANNOTATION_RETRY,
    GROUP,
    KIND,
    LABEL_FINISHED,
    VERSION,
    PlanSpec,
    RoverSols,
    plan_manifest,
)

from mm_dashboard.cluster import INSTANCE, plan_name_of
from mm_dashboard.kube import Body, Kube, KubeError

log = logging.getLogger(__name__)

VERBS: Final[Mapping[str, tuple[str, str]]] = {
    "retry": ("Retried", "tried again"),
    "suspend": ("Suspended", "suspended"),
    "resume": ("Resumed", "resumed"),
    "delete": ("Deleted", "deleted"),
    "again": ("Repeated", "made anew"),
    "ask": ("Asked", "asked for"),
}
"""Actions: the Event's reason, and what was done in words."""


def change_of(verb: str, now: datetime) -> Body:
    """Return the merge patch of a plan for retry, suspend or resume."""
    if verb == "retry":
        # A plan that has ended is not looked at before it loses its label.
        annotations = {ANNOTATION_RETRY: str(int(now.timestamp()))}
        return {"metadata": {"annotations": annotations, "labels": {LABEL_FINISHED: None}}}
    return {"spec": {"suspend": verb == "suspend"}}


class Actions:
    """Carries actions out in one namespace."""

    def __init__(self, kube: Kube, namespace: str, release: str) -> None:
        self._kube, self._namespace, self._release = kube, namespace, release

    async def on_plan(self, verb: str, name: str, who: str) -> str:
        """Do something with a plan that is there; return the name of the plan to look at next.

        Raises:
            KubeError: it is not there, is another release's, or the API refused.
        """
        plan = await self._kube.get("plans", name)
        if (plan["metadata"].get("labels") or {}).get(INSTANCE, self._release) != self._release:
            raise KubeError(404, f"{name} is not a plan of this release.")
        shown = name
        if verb == "delete":
            await self._kube.write("DELETE", "plans", name)
        elif verb == "again":
            spec = {key: value for key, value in plan["spec"].items() if key != "suspend"}
            plan = await self._make(f"{name[:40]}-again", spec)
            shown = str(plan["metadata"]["name"])
        else:
            plan = await self._kube.write("PATCH", "plans", name, change_of(verb, datetime.now(UTC)))
        await self._tell(verb, plan, who)
        return shown

    async def ask(self, rover: str, sol: int, who: str) -> str:
        """Ask for a sol again; return the name of the plan that was made.

        Raises:
            KubeError: the API refused.
        """
        spec = PlanSpec(rovers=[RoverSols(name=rover, sols=[str(sol)])], priority=10)  # type: ignore[arg-type]
        body = plan_manifest("x", self._namespace, spec)["spec"]
        plan = await self._make(f"ask-{rover}-{sol}", body)
        await self._tell("ask", plan, who)
        return str(plan["metadata"]["name"])

    async def _make(self, name: str, spec: Body) -> Body:
        metadata: dict[str, Any] = {
            "name": f"{plan_name_of(name)}-{secrets.token_hex(3)}",
            "namespace": self._namespace,
            "labels": {INSTANCE: self._release},
        }
        body = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "metadata": metadata, "spec": spec}
        return await self._kube.write("POST", "plans", body=body)

    async def tell_of_letters(self, topic: str, which: str, done: str, who: str) -> None:
        """Write that somebody replayed or dropped dead letters of a topic."""
        about = {"apiVersion": "kafka.strimzi.io/v1", "kind": "KafkaTopic", "name": topic}
        message = f"{who} had {which} of {topic} {done} from the dashboard"
        await self._event(about, done.capitalize(), message)

    async def _tell(self, verb: str, plan: Body, who: str) -> None:
        reason, words = VERBS[verb]
        metadata = plan["metadata"]
        about = {"apiVersion": f"{GROUP}/{VERSION}", "kind": KIND, "name": metadata["name"]}
        about["uid"] = metadata.get("uid", "")
        await self._event(about, reason, f"{who} had it {words} from the dashboard")

    async def _event(self, about: dict[str, str], reason: str, message: str) -> None:
        now = datetime.now(UTC)
        log.info("%s: %s %s: %s", reason, about["kind"], about["name"], message)
        stamp = now.strftime("%Y-%m-%dT%H:%M:%SZ")
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{about['name'][:200]}.{secrets.token_hex(8)}", "namespace": self._namespace},
            "involvedObject": about | {"namespace": self._namespace},
            "type": "Normal",
            "reason": reason,
            "message": message,
            "source": {"component": "martian-moments-dashboard"},
            "firstTimestamp": stamp,
            "lastTimestamp": stamp,
            "count": 1,
        }
        try:
            await self._kube.write("POST", "events", body=event)
        except KubeError as problem:
            log.warning("the Event of it was not posted: %s", problem)
