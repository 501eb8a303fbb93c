"""What the API can see at a moment: the profile's part of the world, released so far, with captures in place."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any, NamedTuple

from mm_simulator.captures import Captures, Recorded
from mm_simulator.core.facts import CAMERA_BY_ID, ROVER_BY_ID, ROVERS, Rover
from mm_simulator.core.photos import Photo
from mm_simulator.core.profiles import Profile
from mm_simulator.core.records import Record, record, thumbnail
from mm_simulator.core.release import Release, first_seen
from mm_simulator.core.timebase import CLOCKS, SOL_SECONDS, earth_date
from mm_simulator.core.world import World
from mm_simulator.manifest import Entry, Manifest, summed
from mm_simulator.render import dump, photo_fragments

_NEVER = 1_000_000  # later than any sol
_RENUMBERED = 10_000_000  # added to a generated id that a capture already holds


class Listed(NamedTuple):
    """One photo, ready to send."""

    id: int
    camera_id: int
    body: bytes
    photo: Photo


class Archive:
    """Answers by rover, sol and Unix time. Holds a small cache of sols; nothing else grows."""

    def __init__(
        self, world: Callable[[float], World], profile: Profile, captures: Captures,
        image_base: str | None = None, cache_sols: int = 64, release: Release | None = None,
    ) -> None:  # fmt: skip
        self._world, self.profile, self._captures = world, profile, captures.sols
        self._image_base, self._cache_sols = image_base, cache_sols
        self._release = release or Release()
        self._captured = {i.photo.id: (key, i) for key, c in self._captures.items() for i in c.photos}
        self._by_address = {i.photo.img_src: i for _, i in self._captured.values()}
        self._listed: OrderedDict[tuple[str, int, int], list[Listed]] = OrderedDict()
        self._records: OrderedDict[tuple[str, int, int], list[Record]] = OrderedDict()
        self._feed_sizes: dict[tuple[str, int, int], int] = {}
        self._settled: dict[str, tuple[int, Manifest]] = {}
        self._current: dict[str, tuple[tuple[int, tuple[Entry, ...]], Manifest]] = {}

    def photos(self, rover: Rover, sol: int, now: float) -> list[Listed]:
        """The visible photos of a sol by camera id and id; empty if there are none."""
        capture = self._captures.get((rover.name, sol))
        if capture is not None:
            return [self._recorded_listing(rover, sol, item) for item in capture.photos]
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
        owner = self.owner(photo_id, now)
        if owner is None:
            return None
        return next((item.body for item in self.photos(*owner, now) if item.id == photo_id), None)

    def owner(self, photo_id: int, now: float) -> tuple[Rover, int] | None:
        """The rover and sol of a photo, whether it can be seen yet or not; None if nobody has that id."""
        if photo_id in self._captured:
            name, sol = self._captured[photo_id][0]
            return ROVERS[name], sol
        original = photo_id - _RENUMBERED if photo_id - _RENUMBERED in self._captured else photo_id
        owner = self._world(now).ids.owner(original)
        if owner is None:
            return None
        return ROVER_BY_ID[CAMERA_BY_ID[owner[0]].rover_id], owner[1]

    def changed(self, rover: Rover, now: float) -> float | None:
        """When (simulated Unix s) the rover's photos last became more; None for a rover without any."""
        newest = self.manifest(rover, now).entries[-self._release.growing :]
        times = (self._release.last(rover, entry.sol, now) for entry in newest)
        return max((moment for moment in times if moment is not None), default=None)

    def feed(self, rover: Rover, sol: int, now: float) -> list[Record]:
        """The visible photos of a sol as its raw feed has them: with thumbnails, the newest first."""
        listed = self.photos(rover, sol, now)
        key = (rover.name, sol, len(listed))
        held = self._records.get(key)
        if held is None:
            held = self._records[key] = self._feed(rover, sol, listed, now)
            while len(self._records) > self._cache_sols:
                self._records.popitem(last=False)
        self._feed_sizes[key] = len(held)
        return held

    def feed_total(self, rover: Rover, now: float) -> int:
        """How many items the rover's raw feed has by now, of which half are thumbnails (Curiosity's: about)."""
        return 2 * self.manifest(rover, now).total

    def feed_size(self, rover: Rover, entry: Entry, now: float) -> int:
        """How many items a sol has in the raw feed, without making them where that can be told."""
        if rover.name == "Perseverance" and (rover.name, entry.sol) not in self._captures:
            return 2 * entry.total  # each photo has a thumbnail
        size = self._feed_sizes.get((rover.name, entry.sol, entry.total))
        return len(self.feed(rover, entry.sol, now)) if size is None else size

    def recorded(self, found: Record, flavour: str) -> Mapping[str, Any] | None:
        """What a source really sent of a photo, if this simulator was given it."""
        item = self._by_address.get(found.photo.img_src) if self._by_address else None
        return item.raw if item is not None and item.flavour == flavour else None

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
        if day < rover.landing_date:
            return None
        guess = self.sol_near(rover, day)
        return next((s for s in (guess, guess + 1) if earth_date(rover.landing_date, s) == day), None)

    @staticmethod
    def sol_near(rover: Rover, day: date) -> int:
        """The sol of an Earth date, or the one before."""
        return int((day - rover.landing_date).days * 86400.0 / SOL_SECONDS)

    def _frozen_sols(self, rover: Rover, now: float) -> int:
        """The last sol that can change no more; later ones are looked at each time."""
        return CLOCKS[rover.name].sol_at(now) - self._release.growing if rover.active else _NEVER

    def _visible(self, rover: Rover, sol: int, now: float) -> int:
        if not self.profile.shows(rover.name, sol):
            return 0
        plan = self._world(now).plans[rover.name].get(sol)
        if plan is None:
            return 0
        count = self._release.released(rover, sol, plan.total, now)
        cap = self.profile.cap(rover.name, sol)
        return count if cap is None else min(count, cap)

    def _entries(self, rover: Rover, after: int, until: int | None, now: float) -> list[Entry]:
        """Entries of the sols after < sol <= until; without an end, of the few that may still grow."""
        plans = self._world(now).plans[rover.name]
        if until is None:
            sols = {sol for sol in range(after + 1, after + self._release.growing + 1) if sol in plans}
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

    def _recorded_listing(self, rover: Rover, sol: int, item: Recorded) -> Listed:
        body = dump(item.raw) if item.flavour == "nasa-v1" else photo_fragments(rover, sol, [item.photo], None)[0]
        return Listed(item.photo.id, item.photo.camera_id, body, item.photo)

    def _feed(self, rover: Rover, sol: int, listed: Sequence[Listed], now: float) -> list[Record]:
        rand = self._world(now).rand
        capture = self._captures.get((rover.name, sol))
        if capture is not None:
            settled = CLOCKS[rover.name].unix(sol + 2, 0.0)
            known = [item.photo for item in capture.feed if item.photo.camera_id in CAMERA_BY_ID]
            made = [record(rand, rover, sol, photo, settled) for photo in known]
            if any(item.flavour != "nasa-v1" for item in capture.feed):
                return made  # in the order of the recording, and with the thumbnails that it had
        else:
            whole = self._world(now).ids.cells(rover.id, sol)
            order = {number: i for i, number in enumerate(n for ids in whole.values() for n in ids)}
            times = self._release.received(rand, rover, sol, len(order))
            made = [record(rand, rover, sol, item.photo, times[order[item.id % _RENUMBERED]]) for item in listed]
        small = (thumbnail(item) for item in made)
        return sorted([*made, *(item for item in small if item is not None)], key=_newest_first)

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
        return [Listed(p.id, p.camera_id, body, p) for p, body in zip(photos, bodies, strict=True)]


def _newest_first(item: Record) -> tuple[float, int, bool]:
    return -item.utc, item.photo.id, item.thumbnail
