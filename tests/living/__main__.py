"""``python -m tests.living``: a simulated month on the local cluster, judged by the simulator's request log.

It installs a release of its own into the namespace mars-living, and removes it when the month was good.
"""

from __future__ import annotations

import argparse
import json
import sys
from datetime import datetime

from mm_hack import release, tools

from tests.cluster.conftest import free_port
from tests.cluster.system import opened
from tests.living import run
from tests.living.scenario import ACTIVE, Scenario, hand_over, month

SPARE = {"spare": {"kind": "nasa-v1", "baseUrl": "http://mars-simulator:8000/nebulum/api/v1"}}
ORDER = {rover: ["simulator", "spare"] for rover in ACTIVE}


def main() -> int:
    """Run the scenario; returns 0 for a good one, 1 with a list of what was wrong, 2 without a cluster."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.living",
        description="Let a month pass on Mars in minutes, with what can go wrong, and judge what the loop made of it.",
        epilog="The cluster must be up (./mars up) and hold this tree's image (./mars images).",
    )
    parser.add_argument("--hand-over", action="store_true", help="four sols and a half instead of a month")
    parser.add_argument("--sol-seconds", type=float, default=120.0, help="real seconds of a sol (default: 120)")
    parser.add_argument("--namespace", default="mars-living", help="where to install (default: mars-living)")
    parser.add_argument("--keep", action="store_true", help="leave the release installed")
    options = parser.parse_args()
    if not release.cluster_answers():
        print("living: the cluster does not answer: run ./mars up", file=sys.stderr)
        return 2
    scenario = hand_over() if options.hand_over else month()
    try:
        install(options.namespace, scenario, options.sol_seconds)
        with opened(release.kubectl(options.namespace), str(tools.paths().docker)) as system:
            seen = run.follow(system, scenario, say, sources=ORDER[ACTIVE[0]], sol_seconds=options.sol_seconds)
        found = run.verdict(seen, scenario, spare=True)
    finally:
        if not options.keep:
            release.uninstall(options.namespace)
    say(run.summary(seen))
    for kind, lines in found.items():
        print(f"{kind}: {len(lines) or 'none'}")
        for line in lines[:20]:
            print(f"  {line}")
    return 1 if any(found.values()) else 0


def install(namespace: str, scenario: Scenario, sol_seconds: float) -> None:
    """Install the small release with the scenario's clock, settings and room for its requests."""
    release.uninstall(namespace)
    release.make_namespace(namespace)
    settings = {"SIM_REQUEST_LOG": "50000", **scenario.environment}
    sets = [word for name, value in settings.items() for word in ("--set-string", f"simulator.env.{name}={value}")]
    # Waits of an hour are a month here; a source is stale after three manifests that did not come.
    stale = 3 * sol_seconds / run.MANIFESTS_A_SOL
    waits = ["--set", f"planning.backoffMaxSeconds={sol_seconds / 2:.0f},planning.sourceStaleSeconds={stale:.0f}"]
    more = ["--set-json", f"source.sources={json.dumps(SPARE)}", "--set-json", f"source.rovers={json.dumps(ORDER)}"]
    release.install(namespace, "tiny", ["--set", f"kafka.embedded.forwardPort={free_port()}", *waits, *more, *sets])


def say(text: str) -> None:
    """Tell how far the run is."""
    print(f"{datetime.now():%H:%M:%S} {text}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
