"""The control plane under /__sim/: state, faults, sols, clock, request log, counters, reset."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, Router

from mm_simulator.core.facts import ROVERS, find_rover
from mm_simulator.core.timebase import earth_date, format_instant, parse_instant
from mm_simulator.shell.fault_spec import FaultError

if TYPE_CHECKING:
    from mm_simulator.shell.app import Simulator

PREFIX = "/__sim"
_MOST_SOLS = 99_999


def _problem(text: str, status: int = 400) -> Response:
    return JSONResponse({"error": text}, status)


async def _body(request: Request) -> dict[str, Any]:
    raw = await request.body()
    found = json.loads(raw) if raw.strip() else {}
    if not isinstance(found, dict):
        raise ValueError("the body must be a JSON object")
    return found


def _sols(text: str) -> frozenset[int]:
    """Sols written as numbers and ranges. Raises ValueError."""
    found: set[int] = set()
    for part in text.split(","):
        first, dash, last = part.partition("-")
        begin, end = int(first), int(last if dash else first)
        if not 0 <= begin <= end <= _MOST_SOLS:
            raise ValueError(f"sols go from 0 to {_MOST_SOLS}, not {part!r}")
        found.update(range(begin, end + 1))
    return frozenset(found)


class Control:
    """Handlers of the control plane for one simulator."""

    def __init__(self, simulator: Simulator) -> None:
        self._sim = simulator
        self.router = Router(
            [
                Route(f"{PREFIX}/state", self.state, methods=["GET"]),
                Route(f"{PREFIX}/faults", self.faults, methods=["GET", "POST", "DELETE"]),
                Route(f"{PREFIX}/faults/{{fault_id}}", self.fault, methods=["DELETE"]),
                Route(f"{PREFIX}/sols", self.sols, methods=["POST"]),
                Route(f"{PREFIX}/clock", self.clock, methods=["GET", "POST"]),
                Route(f"{PREFIX}/requests", self.requests, methods=["GET"]),
                Route(f"{PREFIX}/counters", self.counters, methods=["GET"]),
                Route(f"{PREFIX}/reset", self.reset, methods=["POST"]),
            ]
        )

    async def state(self, _: Request) -> Response:
        """What this simulator shows, and what it is doing to it."""
        sim = self._sim
        now = sim.clock.now()
        rovers = {}
        for rover in ROVERS.values():
            manifest = sim.archive.manifest(rover, now)
            changed = sim.archive.changed(rover, now)
            drives = sim.layers.drives(rover.name, now) if rover.active else None
            rovers[rover.name] = {
                "sols": len(manifest.entries),
                "photos": manifest.total,
                "max_sol": manifest.max_sol,
                "max_date": earth_date(rover.landing_date, manifest.max_sol).isoformat(),
                "drives": None if drives is None else len(drives),
                "newest_photo": None if changed is None else format_instant(changed),
            }
        return JSONResponse(
            {
                "profile": sim.settings.profile,
                "seed": sim.settings.seed,
                "now": format_instant(now),
                "clock_rate": sim.clock.rate,
                "rovers": rovers,
                "photos": sum(entry["photos"] or 0 for entry in rovers.values()),
                "faults": sim.faults.describe(),
                "gateway_closed_for_seconds": sim.faults.closed_for(),
            }
        )

    async def faults(self, request: Request) -> Response:
        """List, add or remove faults."""
        if request.method == "GET":
            return JSONResponse({"faults": self._sim.faults.describe()})
        if request.method == "DELETE":
            self._sim.faults.clear()
            return JSONResponse({"faults": []})
        try:
            fault = self._sim.faults.add(await _body(request))
        except (FaultError, ValueError) as error:
            return _problem(str(error))
        return JSONResponse(fault.describe(), 201)

    async def fault(self, request: Request) -> Response:
        """Remove one fault."""
        fault_id = request.path_params["fault_id"]
        if not self._sim.faults.remove(fault_id):
            return _problem(f"there is no fault {fault_id}", 404)
        return JSONResponse({"removed": fault_id})

    async def sols(self, request: Request) -> Response:
        """Show more sols: ``{"Curiosity": "12-17,19"}``. Sols that the rover took no photos on stay without any."""
        more = {}
        try:
            for name, text in (await _body(request)).items():
                rover = find_rover(name)
                if rover is None:
                    raise ValueError(f"there is no rover {name!r}")
                more[rover.name] = _sols(str(text))
        except ValueError as error:
            return _problem(f'{error}; give {{"Curiosity": "12-17,19"}}')
        self._sim.show(self._sim.archive.profile.with_sols(more))
        return await self.state(request)

    async def clock(self, request: Request) -> Response:
        """Tell or move the simulated clock: ``now`` (an instant), ``advance_hours``, ``rate``."""
        clock = self._sim.clock
        if request.method == "POST":
            try:
                given = await _body(request)
                if unknown := set(given) - {"now", "advance_hours", "rate"}:
                    raise ValueError(f"unknown fields: {', '.join(sorted(unknown))}")
                rate = None if given.get("rate") is None else float(given["rate"])
                now = parse_instant(given["now"]) if given.get("now") is not None else clock.now()
                self._sim.move_clock(now + 3600.0 * float(given.get("advance_hours", 0)), rate)
            except (TypeError, ValueError) as error:
                return _problem(
                    f'{error}; give {{"now": "2025-10-08T00:00:00Z"}}, {{"advance_hours": 12}} or {{"rate": 60}}'
                )
        return JSONResponse({"now": format_instant(clock.now()), "rate": clock.rate})

    async def requests(self, request: Request) -> Response:
        """The request log; filters: since (Unix s), after (seq), flavour, kind, rover, sol, status, limit."""
        query = request.query_params
        try:
            rover = find_rover(query["rover"]) if "rover" in query else None
            if "rover" in query and rover is None:
                return _problem(f"there is no rover {query['rover']!r}")
            found = self._sim.log.find(
                since=float(query.get("since", 0)),
                after_seq=int(query.get("after", 0)),
                kind=query.get("kind"),
                flavour=query.get("flavour"),
                rover=rover.name if rover else None,
                sol=int(query["sol"]) if "sol" in query else None,
                status=int(query["status"]) if "status" in query else None,
                limit=max(0, int(query["limit"])) if "limit" in query else None,
            )
        except ValueError:
            return _problem("since must be Unix seconds; after, sol, status and limit whole numbers")
        return JSONResponse({"requests": found, "forgotten": self._sim.log.forgotten})

    async def counters(self, _: Request) -> Response:
        """Counts since the last reset."""
        return JSONResponse(self._sim.log.counters())

    async def reset(self, _: Request) -> Response:
        """Back to the start: sols, clock, faults as set by the environment, log, counters and rate limits."""
        self._sim.reset()
        return JSONResponse({"reset": True})
