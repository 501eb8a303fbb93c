"""Kubernetes Events: one for each thing worth telling, named after its cause, so that a repetition adds nothing."""

import logging
from datetime import UTC, datetime
from typing import Any

from mm_operator.core.jobs import digest
from mm_operator.core.progress import Notice
from mm_operator.core.times import format_time
from mm_operator.kube import ApiError, Kube

log = logging.getLogger(__name__)


async def post_notice(kube: Kube, about: dict[str, Any], notice: Notice) -> None:
    """Post an Event about an object. What cannot be posted is logged only: the status holds it all the same."""
    metadata = about["metadata"]
    now = format_time(datetime.now(UTC))
    name = f"{metadata['name'][:200]}.{digest(str(metadata.get('uid')), notice.key)}"
    body = {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": name, "namespace": kube.namespace},
        "involvedObject": {
            "apiVersion": about.get("apiVersion", ""),
            "kind": about.get("kind", ""),
            "namespace": kube.namespace,
            "name": metadata["name"],
            "uid": metadata.get("uid", ""),
        },
        "type": "Warning" if notice.warning else "Normal",
        "reason": notice.reason,
        "message": notice.message[:1000],
        "source": {"component": "martian-moments-operator"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        await kube.create("events", body)
    except ApiError as error:
        log.debug("an Event was not posted: %s", error)
