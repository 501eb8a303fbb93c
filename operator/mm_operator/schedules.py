"""Schedule messages into plans: one message, one plan, whose name is a function of the message."""

import asyncio
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from mm_contracts.messages import MessageError, Schedule, parse_schedule
from mm_contracts.plan import (
    ANNOTATION_CHARGE,
    ANNOTATION_REJECTED,
    ANNOTATION_TRACE,
    LABEL_INSTANCE,
    LABEL_MANAGED_BY,
    MANAGED_BY,
    plan_manifest,
)
from mm_contracts.reasons import DeadLetterReason
from mm_contracts.sources import Sources
from pydantic import ValidationError

from mm_operator import metrics
from mm_operator.core.jobs import digest
from mm_operator.core.offsets import Mark
from mm_operator.core.settings import OperatorSettings
from mm_operator.core.split import Pace, plan_from_schedule, plan_name
from mm_operator.deadletters import DeadLetters
from mm_operator.kube import ApiError, Kube
from mm_operator.store import Store
from mm_operator.topics import Message

log = logging.getLogger(__name__)

PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 60.0
TRIES: Final = 8
"""A plan that the API refuses for now is asked for again after two seconds, doubling up to a minute; so many times in
all, which takes about five minutes. Then its message is a dead letter, which can be replayed."""


class Schedules:
    """Handles the messages of ``ingestion-scheduling``."""

    def __init__(
        self,
        kube: Kube,
        settings: OperatorSettings,
        dead_letters: DeadLetters,
        owners: Sequence[Mapping[str, Any]],
        done: Callable[[Mark], None],
        store: Store,
        sources: Sources,
    ) -> None:
        self._kube, self._settings, self._dead_letters = kube, settings, dead_letters
        self._owners, self._done, self._store, self._sources = owners, done, store, sources
        self._later: dict[Mark, asyncio.Task[None]] = {}

    async def handle(self, message: Message) -> None:
        """Take a message in: it becomes a plan, a dead letter, or asks for nothing. Then its offset is done.

        Returns before that where the API refuses the plan for now: the message is tried again beside those that come
        after it, whose plans may well be taken.
        """
        if message.mark in self._later:
            return  # It is read again after a lost connection, and is in hand already.
        if await self._take(message):
            self._done(message.mark)

    async def _again(self, message: Message, tries: int) -> None:
        await asyncio.sleep(min(PAUSE * 2.0 ** (tries - 1), LONGEST_PAUSE))
        try:
            done = await self._take(message, tries)
        except Exception as error:
            log.exception("a schedule could not be handled")
            await self._reject(message, DeadLetterReason.INTERNAL_ERROR, f"the operator failed on it: {error!r}")
            done = True
        if done:
            self._done(message.mark)
            self._later.pop(message.mark, None)

    async def _take(self, message: Message, tries: int = 0) -> bool:
        topic = message.mark.topic
        try:
            schedule = parse_schedule(message.value)
            body = self._plan(message, schedule)
        except MessageError as error:
            await self._reject(message, error.reason, str(error))
            return True
        except ValidationError as error:
            await self._reject(message, DeadLetterReason.BAD_MESSAGE, str(error.errors()[0]["msg"]))
            return True
        if body is None:
            log.info("a schedule without tasks asks for nothing", extra={"topic": topic})
            metrics.MESSAGES.labels(topic, "empty").inc()
            return True
        return await self._create(message, schedule, body, tries)

    async def _reject(self, message: Message, reason: DeadLetterReason, sentence: str) -> None:
        await self._dead_letters.put(message, reason, sentence)
        metrics.MESSAGES.labels(message.mark.topic, "rejected").inc()

    def _plan(self, message: Message, schedule: Schedule) -> dict[str, Any] | None:
        spec = plan_from_schedule(schedule, self._settings.plan_defaults, self._paces(schedule))
        if spec is None:
            return None
        instance = self._settings.instance
        name = plan_name(schedule, *message.mark, instance=instance)
        notes = {ANNOTATION_TRACE: message.trace_id or digest(name, length=32)}
        if schedule.rejected:
            notes[ANNOTATION_REJECTED] = str(len(schedule.rejected))
        if schedule.charge:
            notes[ANNOTATION_CHARGE] = schedule.charge.model_dump_json()
        return plan_manifest(
            name,
            self._settings.namespace,
            spec,
            labels={
                LABEL_MANAGED_BY: MANAGED_BY,
                **({LABEL_INSTANCE: instance} if instance else {}),
            },
            annotations=notes,
            ownerReferences=[dict(owner) for owner in self._owners],
        )

    def _paces(self, schedule: Schedule) -> dict[str, Pace]:
        """Return how fast the sources of a schedule's rovers can be asked; of an unknown source the plan tells."""
        found: dict[str, Pace] = {}
        for rover in {task.rover_name for task in schedule.tasks}:
            try:
                _, source = self._sources.pick(schedule.source, rover, schedule.dataset)
            except ValueError:
                continue
            found[rover] = Pace.of(source.requests_per_hour)
        return found

    async def _create(self, message: Message, schedule: Schedule, body: dict[str, Any], tries: int) -> bool:
        """Create the plan; return whether there is nothing more to do about the message."""
        name, trace_id = body["metadata"]["name"], body["metadata"]["annotations"][ANNOTATION_TRACE]
        pause = 1.0
        while True:
            try:
                made, fresh = await self._kube.create("plans", body)
                break
            except ApiError as error:
                if error.refused_for_good or (error.refused and tries >= TRIES):
                    await self._reject(
                        message, DeadLetterReason.PLAN_REFUSED, f"the API refuses the plan: {error.message}"[:800]
                    )
                    return True
                log.warning("plan %s is not created yet: %s", name, error, extra={"trace_id": trace_id})
                if error.refused:
                    # A full quota, or rights that are missing: that of this plan, perhaps of no other.
                    self._later[message.mark] = asyncio.create_task(self._again(message, tries + 1))
                    return False
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
        # Not waited for on the watch: its first Job starts from here.
        if fresh:
            metrics.plan_asked(name, message.taken)
        self._store.put("plans", made)
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
        return True
