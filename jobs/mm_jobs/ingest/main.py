"""``mm-ingest``: fetch one rover's batch from a source and write it to the bucket as one object.

Settings come from the environment; see ``--help``. Imports are counted: a started pod makes its first request after
little CPU, so that boto3 and pydantic stay out of everything that this module imports (a test holds that).
"""

import argparse
import os
from typing import Any, Final

from mm_contracts.keys import IMAGES, PHOTOS, TIMELAPSE
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.source_kinds import key_variable

from mm_jobs.common import ending
from mm_jobs.common.ending import JobError
from mm_jobs.common.env import optional, required
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Bucket
from mm_jobs.ingest import job
from mm_jobs.ingest.gate import Gate, OpenGate, OperatorGate
from mm_jobs.ingest.http import SourceClient
from mm_jobs.ingest.photos import MOST_THREADS
from mm_jobs.ingest.shelf import SharedAnswers, plan_made_at
from mm_jobs.ingest.spec import BATCH_ENV, SourceSettings, SpecError, parse_batch, read_batch, read_source

SOURCES_FILE: Final = "/etc/martian-moments/sources.json"

_EPILOG: Final = f"""
environment:
  {BATCH_ENV}            the batch as JSON, where --batch is not given
  MARS_SOURCES_FILE   configured sources (default {SOURCES_FILE})
  MARS_PICTURE_ORIGINS, MARS_PICTURE_SOURCES   for pictures: origins that they may be fetched from beside those of
                      the sources, and sources that serve their pictures themselves; comma-separated
  MARS_GATE_URL       the operator, asked before every request; unset: no gate
  SOURCE_API_KEY_<NAME>  the API key of source <name> (other characters than letters and digits are _), sent as
                      X-Api-Key to the origin of its base URL alone; unset: none
  HTTP_PROXY, HTTPS_PROXY, NO_PROXY   the way to sources and the object store
  SSL_CERT_FILE       bundle of the CAs that may sign sources' certificates; AWS_CA_BUNDLE: the object store's
  S3_ENDPOINT_URL, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION
  MM_TERMINATION_LOG  where the last word goes (default /dev/termination-log)
  LOG_LEVEL, LOG_FORMAT (text or json)

exit codes: 0 done, 64 bad arguments, 69 source gone, 74 storage error, 75 try again later, 1 anything else

example:
  mm-ingest --batch '{{"plan":"try","batch":0,"attempt":1,"dataset":"photos","rover":"Curiosity","sols":"0-3",
    "source":"","stamp":"20251123T125950Z","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736"}}'
"""


def main() -> None:
    """Entry point: leaves the process with the contract's exit code."""
    parser = argparse.ArgumentParser(
        prog="mm-ingest",
        description=__doc__.splitlines()[0] if __doc__ else None,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--batch", help=f"the batch: JSON, or a file that holds it (default: ${BATCH_ENV})")
    arguments = parser.parse_args()
    log = Log("ingest")
    ending.run(log, lambda: _run(arguments.batch, log))


def _run(argument: str | None, log: Log) -> dict[str, Any]:
    try:
        batch = read_batch(argument) if argument else parse_batch(required(BATCH_ENV, "the batch as JSON"))
        settings = read_source(optional("MARS_SOURCES_FILE", SOURCES_FILE), batch.source, batch.rover, batch.dataset)
    except SpecError as error:
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS, str(error)) from None
    log.bind(plan=batch.plan, batch=batch.batch, attempt=batch.attempt, trace_id=batch.trace_id)
    log.info("started", dataset=batch.dataset, rover=batch.rover, sols=batch.sols, source=settings.name)
    store, gate = Bucket(), _gate(settings.name, log)
    if batch.dataset in (IMAGES, TIMELAPSE):
        from mm_jobs.images.main import run  # Pillow and the sources' models: no other batch pays for them

        return run(batch, settings, gate, store, log)
    client = SourceClient(
        gate,
        log,
        timeout=settings.timeout_seconds,
        api_key=_api_key(settings),
        base_url=settings.base_url,
        contact=settings.contact,
        trace_id=batch.trace_id,
        connections=min(MOST_THREADS, settings.max_concurrency),
        memory=SharedAnswers(
            store, settings.name, batch.plan, plan_made_at(batch.stamp), log, always_ask=batch.dataset != PHOTOS
        ),
    )
    return job.run(batch, settings, client, store, log)


def _api_key(settings: SourceSettings) -> str:
    name = key_variable(settings.name)
    key = os.environ.get(name, "").strip()
    if settings.api_key_secret and not key:
        message = (
            f"source {settings.name} wants an API key: put it into Secret {settings.api_key_secret} "
            f"as {settings.api_key_secret_key} (variable {name} is empty)"
        )
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.CONFIG_ERROR, message)
    if not (key.isascii() and key.isprintable()):
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.CONFIG_ERROR, f"{name} holds what no header can carry")
    return key


def _gate(source: str, log: Log) -> Gate:
    url = optional("MARS_GATE_URL")
    return OperatorGate(url, source, log) if url else OpenGate()


if __name__ == "__main__":
    main()
