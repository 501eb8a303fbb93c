"""What the API can see at a moment: the profile's part of the world, released so far, with captures in place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date
from typing import NamedTuple

from mm_simulator.captures import Capture
from mm_simulator.core.facts import CAMERA_BY_ID, ROVERS, Rover
from mm_simulator.core.profiles import Profile
from mm_simulator.core.release import first_seen, released
from mm_simulator.core.timebase import CLOCKS, SOL_SECONDS, earth_date
from mm_simulator.core.world import World
from mm_simulator.manifest import Entry, Manifest, summed
from mm_simulator.render import dump, photo_fragments

_GROWING = 5  # newest sols that may still get photos, counted back from the present one
_NEVER = 1_000_000  # later than any sol
_RENUMBERED = 10_000_000  # added to a generated id that a capture already holds


class Listed(NamedTuple):
    """One photo, ready to send."""

    id: int
    camera_id: int
    body: bytes


class Archive:
    """Answers by rover, sol and Unix time. Holds a small cache of sols; nothing else grows."""

    def __init__(
        self, world: Callable[[float], World], profile: Profile, captures: Mapping[tuple[str, int], Capture],
        image_base: str | None = None, cache_sols: int = 64,
    ) -> None:  # fmt: skip
        self._world, self.profile, self._captures = world, profile, captures
        self._image_base, self._cache_sols = image_base, cache_sols
        self._captured = {photo["id"]: (key, photo) for key, c in captures.items() for photo in c.photos}
        self._listed: OrderedDict[tuple[str, int, int], list[Listed]] = OrderedDict()
        self._settled: dict[str, tuple[int, Manifest]] = {}
        self._current: dict[str, tuple[tuple[int, tuple[Entry, ...]], Manifest]] = {}

    def photos(self, rover: Rover, sol: int, now: float) -> list[Listed]:
        """The visible photos of a sol by camera id and id; empty if there are none."""
        capture = self._captures.get((rover.name, sol))
        if capture is not None:
            return [Listed(p["id"], p["camera"]["id"], dump(p)) for p in capture.photos]
        count = self._visible(rover, sol, now)
        if count == 0:
            return []
        key = (rover.name, sol, count)
        listed = self._listed.get(key)
        if listed is not None:
            self._listed.move_to_end(key)
            return listed
        listed = self._generate(rover, sol, count, now)
        self._listed[key] = listed
        while len(self._listed) > self._cache_sols:
            self._listed.popitem(last=False)
        return listed

    def photo(self, photo_id: int, now: float) -> bytes | None:
        """One photo by id, or None if nobody sees one of that id."""
        if photo_id in self._captured:
            return dump(self._captured[photo_id][1])
        original = photo_id - _RENUMBERED if photo_id - _RENUMBERED in self._captured else photo_id
        owner = self._world(now).ids.owner(original)
        if owner is None:
            return None
        camera_id, sol = owner
        rover = next(r for r in ROVERS.values() if r.id == CAMERA_BY_ID[camera_id].rover_id)
        return next((item.body for item in self.photos(rover, sol, now) if item.id == photo_id), None)

    def manifest(self, rover: Rover, now: float) -> Manifest:
        """What the rover's photos amount to at a time; the same object as long as nothing changed."""
        frozen = self._frozen_sols(rover, now)
        held = self._settled.get(rover.name)
        if held is None or held[0] != frozen:
            held = (frozen, summed(self._entries(rover, -1, frozen, now)))
            self._settled[rover.name] = held
        newest = self._entries(rover, frozen, None, now)
        if not newest:
            return held[1]
        key = (frozen, tuple(newest))
        current = self._current.get(rover.name)
        if current is None or current[0] != key:
            current = (key, summed([*held[1].entries, *newest]))
            self._current[rover.name] = current
        return current[1]

    def sol_of_date(self, rover: Rover, day: date) -> int | None:
        """The sol to which the API gives an Earth date; about one date in 37 has none."""
        days = (day - rover.landing_date).days
        if days < 0:
            return None
        guess = int(days * 86400.0 / SOL_SECONDS)
        return next((s for s in (guess, guess + 1) if earth_date(rover.landing_date, s) == day), None)

    @staticmethod
    def _frozen_sols(rover: Rover, now: float) -> int:
        """The last sol that can change no more; later ones are looked at each time."""
        return CLOCKS[rover.name].sol_at(now) - _GROWING if rover.active else _NEVER

    def _visible(self, rover: Rover, sol: int, now: float) -> int:
        if not self.profile.shows(rover.name, sol):
            return 0
        plan = self._world(now).plans[rover.name].get(sol)
        if plan is None:
            return 0
        count = released(rover, sol, plan.total, now)
        cap = self.profile.cap(rover.name, sol)
        return count if cap is None else min(count, cap)

    def _entries(self, rover: Rover, after: int, until: int | None, now: float) -> list[Entry]:
        """Entries of the sols after < sol <= until; without an end, of the few that may still grow."""
        plans = self._world(now).plans[rover.name]
        if until is None:
            sols = {sol for sol in range(after + 1, after + _GROWING + 1) if sol in plans}
        else:
            sols = {sol for sol in plans if after < sol <= until}
        sols |= {s for name, s in self._captures if name == rover.name and s > after and (until is None or s <= until)}
        entries = (self._entry(rover, sol, now) for sol in sorted(sols))
        return [entry for entry in entries if entry is not None]

    def _entry(self, rover: Rover, sol: int, now: float) -> Entry | None:
        capture = self._captures.get((rover.name, sol))
        if capture is not None:
            return Entry(sol, capture.earth_date, len(capture.photos), tuple(capture.cameras))
        count = self._visible(rover, sol, now)
        if count == 0:
            return None
        plan = self._world(now).plans[rover.name][sol]
        if count == plan.total:
            ids: set[int] = {camera for camera, _ in plan.cells}
        else:
            ids = {item.camera_id for item in self.photos(rover, sol, now)}
        names = tuple(sorted(CAMERA_BY_ID[camera].name for camera in ids))
        return Entry(sol, earth_date(rover.landing_date, sol).isoformat(), count, names)

    def _generate(self, rover: Rover, sol: int, count: int, now: float) -> list[Listed]:
        world = self._world(now)
        photos = world.photos(rover, sol)
        if self.profile.cap(rover.name, sol) is not None:
            photos = photos[:count]
        elif count < len(photos):
            photos = [photos[i] for i in first_seen(world.rand, rover.name, sol, len(photos), count)]
        if self._captured:
            photos = [p._replace(id=p.id + _RENUMBERED) if p.id in self._captured else p for p in photos]
            photos.sort(key=lambda photo: (photo.camera_id, photo.id))
        bodies = photo_fragments(rover, sol, photos, self._image_base)
        return [Listed(p.id, p.camera_id, body) for p, body in zip(photos, bodies, strict=True)]
