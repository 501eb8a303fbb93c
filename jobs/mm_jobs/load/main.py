"""``mm-load``: load objects of the bucket into bronze, and tell Kafka. With ``--sweep`` it finds the missing ones."""

import argparse
import os
from datetime import UTC, datetime
from typing import Any, Final

from mm_contracts import connections
from mm_contracts.batch import LOAD_ENV, LoadSpec
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.topics import new_trace_id
from pydantic import ValidationError

from mm_jobs.common import ending
from mm_jobs.common.ending import JobError
from mm_jobs.common.env import optional
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Bucket
from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load import history
from mm_jobs.load.announcing import KafkaAnnouncer
from mm_jobs.load.job import Load
from mm_jobs.load.retaking import retake
from mm_jobs.load.staging.base import Staging
from mm_jobs.load.staging.external import ExternalStaging
from mm_jobs.load.staging.internal import InternalStaging

_EPILOG: Final = f"""
environment:
  {LOAD_ENV}             what to load, as JSON: {{"load_id", "objects": [{{"key", "etag"}}], "sweep", "trace_id"}}
  S3_ENDPOINT_URL, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION
  SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_PASSWORD (or SNOWFLAKE_PRIVATE_KEY_PATH), SNOWFLAKE_ROLE,
  SNOWFLAKE_WAREHOUSE, SNOWFLAKE_DATABASE; SNOWFLAKE_HOST, SNOWFLAKE_PORT, SNOWFLAKE_PROTOCOL for the embedded one
  SNOWFLAKE_EXTERNAL_STAGE  full name of an external stage whose URL is the bucket's root: the account reads the objects
                         itself (default: the Job stages them)
  KAFKA_BOOTSTRAP_SERVERS (and KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_MECHANISM, KAFKA_USERNAME, KAFKA_PASSWORD)
  MARS_BRONZE_TRANSIENT  false: bronze tables keep Snowflake's fail-safe copies (default true)
  MM_HISTORY             records of ended work to keep in the warehouse, packed; unset: none
  MM_TERMINATION_LOG, LOG_LEVEL, LOG_FORMAT (text or json)

exit codes: 0 loaded and announced, 64 bad arguments, 74 object store failed, 75 try again later, 1 anything else
"""


def main() -> None:
    """Entry point: leaves the process with the contract's exit code."""
    parser = argparse.ArgumentParser(
        prog="mm-load",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--sweep", action="store_true", help="compare the whole bucket with the ledger, load the rest")
    arguments = parser.parse_args()
    log = Log("load")
    ending.run(log, lambda: _run(log, sweep=arguments.sweep))


def _run(log: Log, *, sweep: bool) -> dict[str, Any]:
    spec = _spec(sweep=sweep)
    log.bind(load_id=spec.load_id, trace_id=spec.trace_id)
    announcer = KafkaAnnouncer(spec, log)
    bucket = Bucket()
    staging = _staging(bucket)
    try:
        with Warehouse(query_tag=f"martian-moments load {spec.load_id}") as warehouse:
            kept = history.keep(warehouse, log)
            if spec.sweep:
                retake(warehouse, bucket, log, datetime.now(UTC))
            with ending.counting(history=kept):
                return Load(spec, warehouse, bucket, staging, announcer, log).run() | {"history": kept}
    except JobError as error:
        if error.reason is not Reason.KAFKA_ERROR:
            announcer.failure(error)
        raise


def _staging(bucket: Bucket) -> Staging:
    stage = connections.external_stage(os.environ)
    return ExternalStaging(stage, bucket) if stage else InternalStaging()


def _spec(*, sweep: bool) -> LoadSpec:
    text = optional(LOAD_ENV)
    if not text:
        if not sweep:
            raise JobError(ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS, f"give {LOAD_ENV} or --sweep")
        return LoadSpec(load_id=f"sweep-{new_trace_id()[:12]}", sweep=True, trace_id=new_trace_id())
    try:
        spec = LoadSpec.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS, f"{LOAD_ENV}: {where}: {first['msg']}") from None
    return spec.model_copy(update={"sweep": True}) if sweep else spec


if __name__ == "__main__":
    main()
