"""Dead letters: listed, shown, put back into their topic, or dropped."""

import asyncio
import json
from datetime import UTC, datetime
from typing import Any

from mm_contracts.letters import Letter, note, original
from mm_contracts.topics import DLQ_MESSAGE, DLQ_REASON, TOPICS, TRACEPARENT, trace_id_of
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from mm_dashboard.context import Context, context
from mm_dashboard.deadletters import KafkaAway, is_topic
from mm_dashboard.visitors import Refused

LISTED = 200
SHOWN_BYTES = 100_000


def view(letter: Letter, topic: str) -> dict[str, Any]:
    """Return what pages say of a letter."""
    message = letter.message
    return {
        "topic": topic,
        "place": message.place,
        "at": datetime.fromtimestamp(message.timestamp_ms / 1000, UTC),
        "reason": message.text(DLQ_REASON) or "not told",
        "why": message.text(DLQ_MESSAGE),
        "done": letter.done,
        "by": letter.by,
        "done_at": datetime.fromtimestamp(letter.at_ms / 1000, UTC) if letter.at_ms else None,
        "begins": (message.value or b"").decode("utf-8", "replace")[:120],
        "is_shortened": letter.is_shortened,
        "trace_id": trace_id_of(message.headers.get(TRACEPARENT)),
    }


async def known(parts: Context) -> tuple[dict[str, list[Letter]], str]:
    """Return the dead letters by topic, and why there are none where Kafka is away."""
    try:
        found = await asyncio.gather(*(parts.mail.letters(topic) for topic in TOPICS))
    except KafkaAway as problem:
        return {}, str(problem)
    return dict(zip(TOPICS, found, strict=True)), ""


async def letters(request: Request) -> Response:
    """Answer with the list."""
    parts = context(request)
    by_topic, problem = await known(parts)
    everything = request.query_params.get("all") == "1"
    rows = [
        view(letter, topic) for topic, found in by_topic.items() for letter in found if everything or not letter.done
    ]
    rows.sort(key=lambda row: row["at"], reverse=True)
    counts = {topic: sum(not one.done for one in found) for topic, found in by_topic.items()}
    return parts.pages.page(
        request,
        "letters.html",
        rows=rows[:LISTED],
        total=len(rows),
        counts=counts,
        everything=everything,
        hidden=sum(bool(one.done) for found in by_topic.values() for one in found),
        trouble=problem,
        done=request.query_params.get("done", ""),
        number=request.query_params.get("number", "")[:6],
    )


async def letter(request: Request) -> Response:
    """Answer with one letter, whole."""
    parts = context(request)
    topic = request.path_params["topic"]
    if not is_topic(topic):
        raise HTTPException(404, "There is no such topic.")
    try:
        found = await parts.mail.letter(topic, request.path_params["partition"], request.path_params["offset"])
    except KafkaAway as problem:
        raise HTTPException(503, str(problem)) from None
    if found is None:
        raise HTTPException(404, "There is no dead letter at this place any more.")
    value = (found.message.value or b"").decode("utf-8", "replace")
    try:
        text = json.dumps(json.loads(value), indent=2, ensure_ascii=False)
    except ValueError:
        text = value
    headers = {name: body.decode("utf-8", "replace")[:1000] for name, body in sorted(found.message.headers.items())}
    return parts.pages.page(
        request,
        "letter.html",
        one=view(found, topic),
        text=text[:SHOWN_BYTES],
        size=len(found.message.value or b""),
        headers=headers,
    )


async def act(parts: Context, verb: str, form: dict[str, str], who: str) -> int:
    """Replay or drop one letter (``place``), or all of a topic that nothing was done about; return how many.

    Raises:
        Refused: there is nothing of that name, or Kafka did not take it.
    """
    topic, place = form.get("topic", ""), form.get("place", "")
    if not is_topic(topic):
        raise Refused(400, "Name a topic.")
    name = parts.mail.name(topic)
    try:
        known_ones = await parts.mail.letters(topic)
        chosen = [one for one in known_ones if (one.message.place == place if place else not one.done)]
        if not chosen:
            raise Refused(404, "There is no such dead letter any more.")
        if verb == "replay":
            chosen = [one for one in chosen if not one.is_shortened]
            if not chosen:
                raise Refused(409, "Kafka did not take this message whole: its letter says where the message is.")
            # A list has only the beginning of each.
            whole = [await parts.mail.letter(topic, one.message.partition, one.message.offset) for one in chosen]
            await parts.mail.publish([original(one, name) for one in whole if one is not None])
        done = "replayed" if verb == "replay" else "dropped"
        await parts.mail.publish([note(one, name, done, who) for one in chosen])  # type: ignore[arg-type]
    except KafkaAway as problem:
        raise Refused(502, str(problem)) from None
    await parts.actions.tell_of_letters(topic, place or f"{len(chosen)} letters", done, who)
    return len(chosen)
