"""``mars demo``: the cluster, the chart, the loop watched to its end, and a table of what the archive holds."""

import sys
import time

from mm_hack import release
from mm_hack.places import NAMESPACE
from mm_hack.snapshot import closing_table, what_is_missing
from mm_hack.watch import watch

LOOK_AROUND = """
Look around:
  ./mars ui                                  see it in a browser: the rovers' pictures, the archive, the loop at work
  ./mars status                              promised, archived, gaps and drives per rover
  ./mars sql "select * from gold.rover_summary"
  kubectl -n {namespace} get iplan              the plans: what was asked for and what became of it
  kubectl -n {namespace} get jobs               one Job per rover/sol batch, load and dbt run
  ./mars k9s                                 the same, live
  kubectl apply -n {namespace} -f examples/plan.yaml    ingest exactly these sols
  ./mars clean                               remove everything that was set up
"""


def run_demo(profile: str, setup_seconds: float, namespace: str = NAMESPACE) -> int:
    """Wait until the archive is complete and say so. Return the process's exit code.

    The release must be installed. An archive that is complete already is found so at once: nothing is scheduled anew.

    Args:
        profile: what the simulator shows, for the headline.
        setup_seconds: what cluster and chart took before.
        namespace: where the release is.
    """
    kubectl = release.kubectl(namespace)
    print(f"The loop runs by itself now; profile {profile}. Progress:", flush=True)
    loop_started = time.monotonic()
    snapshot = watch(kubectl, lambda seen: seen.complete)
    if sys.stdout.isatty():
        print()
    print(f"\n{closing_table(snapshot)}" if snapshot.rovers else "", flush=True)
    took = time.monotonic() - loop_started
    print(
        f"\nset-up {_minutes(setup_seconds)}, loop {_minutes(took)}, in all {_minutes(setup_seconds + took)}",
        flush=True,
    )
    if not snapshot.complete:
        print(f"\nmars: the archive is not complete: {what_is_missing(snapshot)}", file=sys.stderr)
        return 1
    print(LOOK_AROUND.format(namespace=namespace))
    return 0


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
