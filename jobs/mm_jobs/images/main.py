"""What a batch of pictures needs: where pictures may be fetched from, and who makes a video of them."""

from pathlib import Path
from typing import Any

from mm_contracts.keys import TIMELAPSE
from mm_contracts.origins import Origins
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.sources import Sources
from pydantic import ValidationError

from mm_jobs.common.ending import JobError
from mm_jobs.common.env import optional
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Bucket
from mm_jobs.images import job
from mm_jobs.images.fetching import Pictures
from mm_jobs.ingest.gate import Gate
from mm_jobs.ingest.spec import Batch, SourceSettings


def run(batch: Batch, settings: SourceSettings, gate: Gate, store: Bucket, log: Log) -> dict[str, Any]:
    """Carry out a batch of pictures, or of a video; return the counts of its termination message. Raises JobError."""
    origins = Origins(_list("MARS_PICTURE_ORIGINS"), _sources(), _list("MARS_PICTURE_SOURCES"))
    agent = f"martian-moments/0.1 (+{settings.contact})" if settings.contact else "martian-moments/0.1"
    pictures = Pictures(gate, origins, settings.name, log, timeout=settings.timeout_seconds, agent=agent)
    counts, sols = job.run(batch, settings.name, pictures, store, log)
    if batch.dataset == TIMELAPSE:
        from mm_jobs.images.timelapse import make

        counts["details"] |= make(batch, sols, store, log)
    return counts


def _sources() -> Sources:
    path = optional("MARS_SOURCES_FILE", "/etc/martian-moments/sources.json")
    try:
        return Sources.model_validate_json(Path(path).read_bytes())
    except (OSError, ValidationError) as error:
        message = f"the configured sources in {path} cannot be used: {error}"
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.CONFIG_ERROR, message[:500]) from None


def _list(name: str) -> list[str]:
    return [part.strip() for part in optional(name).split(",") if part.strip()]
