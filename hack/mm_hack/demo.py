"""``mars demo``: the cluster, the chart, the loop watched to its end, and a table of what the archive holds."""

import json
import subprocess
import sys
import time
from typing import Any

from mm_hack import release
from mm_hack.access import UI_PORT
from mm_hack.places import NAMESPACE, REPO
from mm_hack.snapshot import closing_table, what_is_missing
from mm_hack.watch import watch

QUESTIONS = ("longest-drives", "photos-while-driving", "stereo-pairs")
"""Of ``mars questions``, those that a newcomer is told of first."""

LOOK_AROUND = """
See it:
  ./mars ui                                  the rovers' pictures, the archive, the loop at work, in a browser at
                                             http://localhost:{port}/ (where that port is taken it names another)
  ./mars show                                the newest picture, here in the terminal

Three questions to try (./mars questions has more):
{questions}

Look around:
  ./mars status                              promised, archived, gaps and drives per rover
  ./mars sql "select * from rover_summary"   names are looked up in GOLD, then in SILVER
  ./mars k9s                                 plans and Jobs, live
  kubectl -n {namespace} get iplan              the plans: what was asked for and what became of it
  kubectl apply -n {namespace} -f examples/plan.yaml    ingest exactly these sols
  ./mars clean                               remove everything that was set up
"""


def look_around(namespace: str) -> str:
    """Return what to do after a demo."""
    lines = (f"  ./mars questions {name}" for name in QUESTIONS)
    return LOOK_AROUND.format(port=UI_PORT, namespace=namespace, questions="\n".join(lines))


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
    print(look_around(namespace))
    return 0


LIVE_PLANS = REPO / "examples" / "live.yaml"
LIVE_SECONDS = 1800.0
"""How long a handful of sols is waited for: a source may ask for patience."""


LIVE_WARNING = (
    "mars: asking the real sources over the internet, gently, for a handful of sols. The tests of this project have no "
    "internet: docs/sources.md says what was tried, and what was not."
)


def run_live(namespace: str = NAMESPACE, poll: float = 3.0) -> int:
    """Ask the real sources for a handful of sols and say what became of them. Return the process's exit code.

    The release must be installed with ``values-live.yaml``.

    Args:
        namespace: where the release is.
        poll: seconds between two looks at the plans.
    """
    print(LIVE_WARNING, flush=True)
    kubectl = release.kubectl(namespace)
    subprocess.run([*kubectl, "apply", "-f", str(LIVE_PLANS)], check=True)
    deadline, shown = time.monotonic() + LIVE_SECONDS, ""
    while True:
        answer = subprocess.run([*kubectl, "get", "iplan", "-o", "json"], capture_output=True, text=True)
        plans = live_plans(json.loads(answer.stdout)["items"] if answer.returncode == 0 else [])
        line = "; ".join(f"{name}: {phase}, {photos} photos" for name, phase, photos, _ in plans)
        if line and line != shown:
            print(line, flush=True)
            shown = line
        if plans and all(phase in ("Complete", "Failed", "Invalid") for _, phase, _, _ in plans):
            break
        if time.monotonic() > deadline:
            print(f"mars: not done after {LIVE_SECONDS / 60:.0f} minutes: ./mars k9s shows why", file=sys.stderr)
            return 1
        time.sleep(poll)
    failed = [(name, why) for name, phase, _, why in plans if phase != "Complete"]
    for name, why in failed:
        print(f"mars: plan {name} failed: {why or 'see kubectl describe iplan ' + name}", file=sys.stderr)
    print(look_around(namespace))
    return 1 if failed else 0


def live_plans(items: list[dict[str, Any]]) -> list[tuple[str, str, int, str]]:
    """Return name, phase, photos and what went wrong of the plans of ``examples/live.yaml`` among these objects."""
    found = []
    for item in items:
        name, status = item["metadata"]["name"], item.get("status") or {}
        if name.startswith("live-"):
            said = [c.get("message", "") for c in status.get("conditions", []) if c.get("type") == "Failed"]
            found.append((name, status.get("phase") or "Pending", int(status.get("photos") or 0), "".join(said)))
    return sorted(found)


def _minutes(seconds: float) -> str:
    return f"{int(seconds) // 60} min {int(seconds) % 60:02d} s"
