"""A manifest, read: any value in, promises by sol out, and what of it could not be used. Pure.

A sol can be listed twice: one real source groups its photos by sol and date, and has photos without a date. Entries of
different dates add up; of entries with one date the largest count holds.
"""

from collections.abc import Callable
from typing import Any, Final

from mm_contracts.photos import LANDING_DATES, LAUNCH_DATES
from mm_contracts.reasons import Reason
from mm_contracts.sols import MAX_SOL

from mm_jobs.ingest import fields
from mm_jobs.ingest.failures import SourceFailure
from mm_jobs.ingest.model import Manifest, Promise, Unusable, aside, lost_field

_HEAD: Final[dict[str, Callable[[Any], object]]] = {
    "landing_date": fields.day,
    "launch_date": fields.day,
    "max_date": fields.day,
    "max_sol": fields.whole,
    "total_photos": fields.whole,
}
"""The manifest's own fields, and what reads each."""


def read_manifest(value: Any, rover: str) -> Manifest:
    """Return what a ``photo_manifest`` object promises.

    Raises:
        SourceFailure: BadResponse, where it is no manifest or another rover's. A bad entry is set aside.
    """
    if not isinstance(value, dict) or not isinstance(value.get("photos"), list):
        raise bad("the manifest has no list of sols")
    name = fields.text(value.get("name"))
    if name is not None and name.lower() != rover.lower():
        raise bad(f"the manifest is of {name[:60]!r}, not of {rover}")
    total = fields.whole(value.get("total_photos"))
    if total and not value["photos"]:
        raise bad(f"the manifest lists no sol and says that there are {total} photos")
    manifest = Manifest({}, {}, fields.whole(value.get("max_sol")), {})
    by_sol: dict[int, list[dict[str, Any]]] = {}
    for raw in value["photos"]:
        try:
            entry = _entry(raw)
        except Unusable as problem:
            manifest.set_aside.append(aside("sol", problem, raw))
            sol = fields.whole(fields.mapping(raw).get("sol"))
            if sol is not None:
                manifest.unusable[sol] = str(problem)
        else:
            by_sol.setdefault(entry["sol"], []).append(entry)
            whose = f"sol {entry['sol']} in the manifest"
            manifest.set_aside += [
                lost_field(name, raw[name], whose)
                for name in ("earth_date", "cameras")
                if raw.get(name) not in (None, "") and entry[name] is None
            ]
    listed = []
    for sol, entries in sorted(by_sol.items()):
        entry = entries[0] if len(entries) == 1 else _merged(entries)
        if len(entries) > 1:
            message = f"sol {sol} is listed {len(entries)} times: taken as one of all their photos"
            manifest.set_aside.append(aside("sol", Unusable("ListedTwice", message), entries))
        manifest.promises[sol] = Promise(entry["total_photos"], entry["cameras"])
        manifest.unusable.pop(sol, None)
        listed.append(entry)
    manifest.set_aside += [
        lost_field(name, value[name], "the manifest")
        for name, read in _HEAD.items()
        if value.get(name) not in (None, "") and read(value[name]) is None
    ]
    manifest.body = {**value, **_head(value, rover, manifest.max_sol), "photos": listed}
    return manifest


def bad(message: str) -> SourceFailure:
    """Return the failure of an answer that is not what it should be."""
    # Status 200: the answer came whole, so that it is worth no other try within the second.
    return SourceFailure(Reason.BAD_RESPONSE, message, status=200)


def _entry(raw: Any) -> dict[str, Any]:
    if not isinstance(raw, dict):
        raise Unusable("NotAnObject", f"a sol of the manifest is {str(raw)[:60]!r}")
    sol, total = fields.whole(raw.get("sol")), fields.whole(raw.get("total_photos"))
    if sol is None or sol > MAX_SOL:
        raise Unusable("NoSol", f"a sol of the manifest has the number {str(raw.get('sol'))[:60]!r}")
    if total is None:
        said = str(raw.get("total_photos"))[:60]
        raise Unusable("NoCount", f"the manifest says that sol {sol} has {said!r} photos")
    cameras = raw.get("cameras")
    names = sorted({name for one in cameras if (name := _camera(one))}) if isinstance(cameras, list) else None
    date = fields.day(raw.get("earth_date"))
    return {**raw, "sol": sol, "earth_date": date, "total_photos": total, "cameras": names}


def _camera(value: Any) -> str | None:
    return fields.text(value.get("name") if isinstance(value, dict) else value)


def _merged(entries: list[dict[str, Any]]) -> dict[str, Any]:
    by_date: dict[Any, int] = {}
    for entry in entries:
        by_date[entry["earth_date"]] = max(by_date.get(entry["earth_date"], 0), entry["total_photos"])
    named = [entry["cameras"] for entry in entries]
    cameras = None if any(one is None for one in named) else sorted({name for one in named for name in one})
    dates = sorted(date for date in by_date if date)
    date = dates[0] if dates else None
    return {**entries[-1], "earth_date": date, "total_photos": sum(by_date.values()), "cameras": cameras}


def _head(value: dict[str, Any], rover: str, max_sol: int | None) -> dict[str, Any]:
    """Return the manifest's own fields, typed; the two dates, which do not change, are known anyhow."""
    return {
        "name": rover,
        "landing_date": fields.day(value.get("landing_date")) or LANDING_DATES[rover].isoformat(),
        "launch_date": fields.day(value.get("launch_date")) or LAUNCH_DATES[rover].isoformat(),
        "status": fields.text(value.get("status")),
        "max_sol": max_sol,
        "max_date": fields.day(value.get("max_date")),
        "total_photos": fields.whole(value.get("total_photos")),
    }
