"""``mm-transform``: run dbt in this process, then schedule the gaps that are due."""

import argparse
import shutil
import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from mm_contracts.batch import TRANSFORM_ENV, TransformSpec
from mm_contracts.reasons import ExitCode, Reason
from mm_contracts.topics import new_trace_id
from pydantic import ValidationError

from mm_jobs.common import ending
from mm_jobs.common.ending import JobError
from mm_jobs.common.env import number, optional
from mm_jobs.common.log import Log
from mm_jobs.common.s3 import Bucket
from mm_jobs.common.warehouse import Warehouse
from mm_jobs.load import history
from mm_jobs.transform.budgets import budgets, read_sources, source_order
from mm_jobs.transform.charging import STALE_AFTER
from mm_jobs.transform.dbt import Dbt
from mm_jobs.transform.docs import Docs
from mm_jobs.transform.job import Clock, Run
from mm_jobs.transform.planner import MOST_PHOTOS, Budget

HISTORY_DAYS: Final = 365
_VARIABLES: Final = {
    "planning_backoff_seconds": ("MARS_PLANNING_BACKOFF_SECONDS", 300),
    "planning_backoff_max_seconds": ("MARS_PLANNING_BACKOFF_MAX_SECONDS", 86_400),
    "planning_lease_seconds": ("MARS_PLANNING_LEASE_SECONDS", 3_600),
}

_EPILOG: Final = f"""
environment:
  {TRANSFORM_ENV}        the run, as JSON: {{"run_id", "load_ids", "covered", "trace_id"}}; unset: a run of its own
  MARS_DBT_DIR        the dbt project (default /app/dbt); its target/ may hold the state of an earlier parse
  MARS_PLANNING_BACKOFF_SECONDS      seconds between a gap's first two attempts (default 300), then doubled
  MARS_PLANNING_BACKOFF_MAX_SECONDS  longest wait between two attempts (default 86400)
  MARS_PLANNING_LEASE_SECONDS        a scheduled gap without an outcome is asked for again after this (default 3600)
  MARS_PLANNING_MAX_PHOTOS           promised photos of one schedule, about (default 50000)
  MARS_SOURCES_FILE                  the configured sources: their order, and what a schedule may ask of each
  MARS_SOURCE_STALE_SECONDS          age of a newest manifest at which its source hands over (default 86400)
  MARS_DOCS_INTERVAL_SECONDS         how old the page that describes the models may become (default 0: none is made)
  MARS_HISTORY_DAYS                  how long records of ended work are kept in the warehouse (default 365)
  MM_HISTORY                         records of ended work to keep there, packed; unset: none
  SNOWFLAKE_ACCOUNT, SNOWFLAKE_USER, SNOWFLAKE_PASSWORD (or SNOWFLAKE_PRIVATE_KEY_PATH), SNOWFLAKE_ROLE,
  SNOWFLAKE_WAREHOUSE, SNOWFLAKE_DATABASE; SNOWFLAKE_HOST, SNOWFLAKE_PORT, SNOWFLAKE_PROTOCOL for the embedded one
  KAFKA_BOOTSTRAP_SERVERS (and KAFKA_SECURITY_PROTOCOL, KAFKA_SASL_MECHANISM, KAFKA_USERNAME, KAFKA_PASSWORD)
  S3_ENDPOINT_URL, S3_BUCKET, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_DEFAULT_REGION where the page is kept
  MM_TERMINATION_LOG, LOG_LEVEL, LOG_FORMAT (text or json)

exit codes: 0 built, tested and planned, 1 models or tests failed, 64 bad arguments, 75 try again later
"""


def main() -> None:
    """Entry point: leaves the process with the contract's exit code."""
    parser = argparse.ArgumentParser(
        prog="mm-transform",
        description=__doc__,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args()
    log = Log("transform")
    ending.run(log, lambda: _run(log))


def _run(log: Log) -> dict[str, Any]:
    spec = _spec()
    log.bind(run_id=spec.run_id, trace_id=spec.trace_id)
    variables: dict[str, object] = {name: int(number(env, default)) for name, (env, default) in _VARIABLES.items()}
    sources = read_sources(Path(optional("MARS_SOURCES_FILE", "/etc/martian-moments/sources.json")))
    order = variables["source_order"] = source_order(sources)
    stale_after = timedelta(seconds=number("MARS_SOURCE_STALE_SECONDS", STALE_AFTER.total_seconds()))
    interval = timedelta(seconds=number("MARS_DOCS_INTERVAL_SECONDS", 0))
    most = Budget(photos=int(number("MARS_PLANNING_MAX_PHOTOS", MOST_PHOTOS)))
    budget_of = budgets(sources, most)
    docs = Docs(Bucket(), interval, log) if interval else None
    work = Path(tempfile.mkdtemp(prefix="dbt-"))
    database = optional("SNOWFLAKE_DATABASE", "MARS")
    tag = f"martian-moments transform {spec.run_id}"
    dbt = Dbt(Path(optional("MARS_DBT_DIR", "/app/dbt")), work, variables, database, log, query_tag=tag)
    clock = Clock()
    try:
        with clock.step("connect"):
            warehouse = Warehouse(query_tag=tag)
        with warehouse:
            kept = history.keep(warehouse, log)
            if kept:
                history.forget(warehouse, number("MARS_HISTORY_DAYS", HISTORY_DAYS), log)
            with ending.counting(history=kept):
                run = Run(spec, dbt, warehouse, budget_of, log, docs, clock, order, stale_after)
                return run.run() | {"history": kept}
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _spec() -> TransformSpec:
    text = optional(TRANSFORM_ENV)
    if not text:
        trace_id = new_trace_id()
        return TransformSpec(run_id=f"by-hand-{trace_id[:8]}", trace_id=trace_id)
    try:
        return TransformSpec.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        message = f"{TRANSFORM_ENV}: {where}: {first['msg']}"
        raise JobError(ExitCode.BAD_ARGUMENTS, Reason.BAD_ARGUMENTS, message) from None


if __name__ == "__main__":
    main()
