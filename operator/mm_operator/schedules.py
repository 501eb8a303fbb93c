"""Schedule messages into plans: one message, one plan, whose name is a function of the message."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from mm_contracts.messages import MessageError, Schedule, parse_schedule
from mm_contracts.plan import ANNOTATION_REJECTED, ANNOTATION_TRACE, plan_manifest
from mm_contracts.reasons import DeadLetterReason
from pydantic import ValidationError

from mm_operator import metrics
from mm_operator.core.jobs import digest
from mm_operator.core.offsets import Mark
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.split import plan_from_schedule, plan_name
from mm_operator.deadletters import DeadLetters
from mm_operator.kube import ApiError, Kube
from mm_operator.topics import Message

log = logging.getLogger(__name__)


class Schedules:
    """Handles the messages of ``ingestion-scheduling``."""

    def __init__(
        self,
        kube: Kube,
        settings: OperatorSettings,
        dead_letters: DeadLetters,
        owners: Sequence[Mapping[str, Any]],
        done: Callable[[Mark], None],
    ) -> None:
        self._kube, self._settings, self._dead_letters = kube, settings, dead_letters
        self._owners, self._done = owners, done

    async def handle(self, message: Message) -> None:
        """Return once the message's effect exists: its plan, its dead letter, or the knowledge that it asks nothing."""
        await self._take(message)
        self._done(message.mark)

    async def _take(self, message: Message) -> None:
        topic = message.mark.topic
        try:
            schedule = parse_schedule(message.value)
            body = self._plan(message, schedule)
        except MessageError as error:
            await self._reject(message, error.reason, str(error))
            return
        except ValidationError as error:
            await self._reject(message, DeadLetterReason.BAD_MESSAGE, str(error.errors()[0]["msg"]))
            return
        if body is None:
            log.info("a schedule without tasks asks for nothing", extra={"topic": topic})
            metrics.MESSAGES.labels(topic, "empty").inc()
            return
        await self._create(message, schedule, body)

    async def _reject(self, message: Message, reason: DeadLetterReason, sentence: str) -> None:
        await self._dead_letters.put(message, reason, sentence)
        metrics.MESSAGES.labels(message.mark.topic, "rejected").inc()

    def _plan(self, message: Message, schedule: Schedule) -> dict[str, Any] | None:
        spec = plan_from_schedule(schedule, self._settings.plan_defaults)
        if spec is None:
            return None
        name = plan_name(schedule, *message.mark)
        notes = {ANNOTATION_TRACE: message.trace_id or digest(name, length=32)}
        if schedule.rejected:
            notes[ANNOTATION_REJECTED] = str(len(schedule.rejected))
        return plan_manifest(
            name,
            self._settings.namespace,
            spec,
            labels={"app.kubernetes.io/managed-by": "martian-moments-operator"},
            annotations=notes,
            ownerReferences=[dict(owner) for owner in self._owners],
        )

    async def _create(self, message: Message, schedule: Schedule, body: dict[str, Any]) -> None:
        name, trace_id = body["metadata"]["name"], body["metadata"]["annotations"][ANNOTATION_TRACE]
        pause = 1.0
        while True:
            try:
                _, fresh = await self._kube.create("plans", body)
                break
            except ApiError as error:
                if error.refused_for_good:
                    await self._reject(
                        message, DeadLetterReason.PLAN_REFUSED, f"the API refuses the plan: {error.message}"[:800]
                    )
                    return
                log.warning("plan %s is not created yet: %s", name, error, extra={"trace_id": trace_id})
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
        metrics.MESSAGES.labels(message.mark.topic, "plan" if fresh else "known").inc()
        log.info(
            "plan %s %s: %s, %d tasks",
            name,
            "created" if fresh else "exists already",
            schedule.dataset,
            len(schedule.tasks),
            extra={"plan": name, "trace_id": trace_id},
        )
        for task in schedule.rejected[:5]:
            log.warning("a task cannot be used: %s (%s)", task.task, task.message, extra={"plan": name})
