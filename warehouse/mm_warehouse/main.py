"""`mm-warehouse`: the server's entry point."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import warnings
from collections.abc import Sequence

from mm_contracts.log_lines import set_up

from mm_warehouse.settings import Settings, SettingsError, read_settings

_GRACE_SECONDS = 20
"""How long a stop waits for requests in progress; below Kubernetes' 30 s until it kills."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Exit codes: 0 stopped, 64 a setting is unusable, 74 the files are."""
    parser = argparse.ArgumentParser(prog="mm-warehouse", description=_HELP, formatter_class=_Raw)
    parser.parse_args(arguments)
    set_up(default="text", quiet=["snowflake"], stream=sys.stderr)
    try:
        settings = read_settings(os.environ)
    except SettingsError as error:
        print(error, file=sys.stderr)
        return 64
    return _serve(settings)


def _serve(settings: Settings) -> int:
    # Here, not above: --help and a wrong setting need none of this, and it takes a second.
    import uvicorn

    from mm_warehouse.engine import Engine, EngineError
    from mm_warehouse.http.app import build_app

    # fakesnow, not this package, reads results in the form that DuckDB advises against.
    warnings.filterwarnings("ignore", message="Arrow output on a DB-API result")
    try:
        engine = Engine(settings)
    except EngineError as error:
        print(error, file=sys.stderr)
        return 74
    # uvicorn raises the signal that stopped it once more when it has ended; that must not skip what follows.
    for stop in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stop, lambda *_: None)
    try:
        uvicorn.run(
            build_app(settings, engine),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
            timeout_keep_alive=75,
        )
    finally:
        engine.close()
    return 0


class _Raw(argparse.RawDescriptionHelpFormatter):
    pass


_HELP = """The embedded warehouse: Snowflake's protocol over DuckDB, for when there is no Snowflake account.

Environment (defaults in brackets):
  WAREHOUSE_USER, WAREHOUSE_PASSWORD   the account that owns all (required)
  WAREHOUSE_READER_USER, WAREHOUSE_READER_PASSWORD   an account that may only read (default: none)
  WAREHOUSE_DIR [/data]                database files, stages and spill; a volume
  WAREHOUSE_HOST [0.0.0.0], WAREHOUSE_PORT [8080]
  WAREHOUSE_DATABASE [MARS], WAREHOUSE_SCHEMAS [BRONZE,SILVER,GOLD]   created at start
  WAREHOUSE_MEMORY_LIMIT [1GB]         DuckDB's; the process needs some 300 MB beyond it
  WAREHOUSE_THREADS [2], WAREHOUSE_SPILL_LIMIT [4GB]
  WAREHOUSE_CHECKPOINT_SIZE [256MB]    log kept until it is worked into the database file
  WAREHOUSE_RESULT_LIMIT [96MB]        largest result of a statement
  WAREHOUSE_STATEMENT_WAIT [20]        seconds until a client is told to poll
  WAREHOUSE_LOCK_TIMEOUT [600]         seconds a writer waits for a table
  WAREHOUSE_IDLE_TRANSACTION [120]     seconds until a silent session's transaction is rolled back
  WAREHOUSE_IDLE_SESSION [14400]       seconds until a silent session is closed
  LOG_LEVEL [INFO]
"""

if __name__ == "__main__":
    sys.exit(main())
