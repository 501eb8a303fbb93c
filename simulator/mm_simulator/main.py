"""``mm-simulator``: serve the Mars Photos API and the MMGIS traverse layers, offline."""

from __future__ import annotations

import argparse
import gc
import logging
import os
import sys
import time

from mm_contracts.log_lines import set_up

from mm_simulator import settings as settings_module
from mm_simulator.captures import CaptureError
from mm_simulator.shell.fault_spec import FaultError

_DESCRIPTION = """Serves NASA's Mars Photos API (v1) with its gateway under /mars-photos/api/v1, and the MMGIS
traverse and waypoint layers of Perseverance and Curiosity under /mmgis-maps, deterministic and offline.
GET /healthz tells that it is up; /__sim/ is the control plane (state, faults, clock, requests, counters, reset)."""


def main(arguments: list[str] | None = None) -> int:
    """Read the environment, build the world, serve until stopped. Returns the exit code; 64 for bad settings."""
    parser = argparse.ArgumentParser(
        prog="mm-simulator",
        description=_DESCRIPTION,
        epilog="environment:\n" + settings_module.explain(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.parse_args(arguments)
    started = time.monotonic()
    try:
        settings = settings_module.load(os.environ)
        set_up(settings.log_level, default="text", stream=sys.stderr)
        from mm_simulator.shell.app import Simulator

        simulator = Simulator(settings)
    except (settings_module.SettingsError, CaptureError, FaultError) as error:
        print(f"mm-simulator: {error}", file=sys.stderr)
        return 64
    # The world is never thrown away, so the collector need not walk it.
    gc.collect()
    gc.freeze()
    log = logging.getLogger("mm_simulator")
    log.info("profile %s ready in %.2f s", settings.profile, time.monotonic() - started)
    _serve(simulator, settings)
    return 0


def _serve(simulator: object, settings: settings_module.Settings) -> None:
    import uvicorn

    from mm_simulator.shell.connections import TrackedProtocol

    uvicorn.run(
        simulator,  # type: ignore[arg-type]
        host=settings.host,
        port=settings.port,
        log_config=None,
        log_level=settings.log_level,
        access_log=False,
        http=TrackedProtocol,
        ws="none",
        proxy_headers=False,
        server_header=False,
        timeout_keep_alive=60,
        timeout_graceful_shutdown=2,
    )


if __name__ == "__main__":
    sys.exit(main())
