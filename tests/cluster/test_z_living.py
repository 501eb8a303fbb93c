"""Mars goes on: nearly two sols pass while the source refuses and is away. The month is ``python -m tests.living``.

Last of all files: it moves the simulator's clock on, and what came by then stays in the archive.
"""

import sys

import pytest

from tests.cluster.archive import wait_quiet
from tests.cluster.system import System
from tests.living import run
from tests.living.scenario import short

pytestmark = pytest.mark.long


def test_sols_pass_and_nothing_is_lost_doubled_fetched_twice_or_late(system: System) -> None:
    """The simulator's request log is the judge, and what the archive held while the clock ran."""
    wait_quiet(system)
    scenario = short()
    try:
        seen = run.follow(system, scenario, lambda text: print(text, file=sys.stderr, flush=True))
    finally:
        system.simulator("DELETE", "/__sim/faults")
        system.simulator("POST", "/__sim/clock", {"rate": 0})
    statuses = {request["status"] for request in seen.log}
    assert {200, 429, 503} <= statuses, f"the troubles were not met: {sorted(statuses)}"
    assert any(not scenario.excused(now) for now, _ in seen.samples), "freshness was not looked at"
    found = run.verdict(seen, scenario, spare=False)
    assert not any(found.values()), found
