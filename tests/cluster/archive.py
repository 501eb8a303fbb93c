"""What tests compare of an archive: its rows without when and by which load they came."""

from tests.cluster.system import System, wait_until

PHOTOS = "select rover_name, sol, photo_id, camera_name, img_src, earth_date from silver.fact_photos"
DRIVES = "select rover_name, sol, from_rmc, to_rmc, length_m from silver.fact_path"


def fingerprint(system: System) -> dict[str, list[tuple[object, ...]]]:
    """Return every photo and drive, sorted."""
    return {name: sorted(system.sql(query), key=repr) for name, query in (("photos", PHOTOS), ("drives", DRIVES))}


def gaps(system: System) -> list[tuple[object, ...]]:
    """Return (rover, sol, status, attempts, next attempt, reason) of every open gap."""
    return system.sql(
        "select rover_name, sol, status, attempts, next_attempt_at, reason from silver.ingestion_planning order by 1, 2"
    )


def duplicates(system: System) -> list[tuple[object, ...]]:
    """Return photo ids that stand in the archive more than once."""
    return system.sql("select photo_id, count(*) from silver.fact_photos group by 1 having count(*) > 1")


def promised(system: System) -> dict[str, tuple[int, int]]:
    """Return what the source shows by its own word, past its gateway: rover -> (sols, photos)."""
    state = system.simulator("GET", "/__sim/state")
    return {rover: (shown["sols"], shown["photos"]) for rover, shown in state["rovers"].items()}


def grow(system: System, **sols: str) -> None:
    """Let the rovers send new sols home, and schedule the manifests that promise them."""
    system.simulator("POST", "/__sim/sols", sols)
    system.kubectl("exec", "deploy/mars-operator", "--", "mars", "schedule", "--dataset", "manifests")


def built(system: System) -> bool:
    """Return whether dbt has made the tables yet."""
    tables = "select count(*) from information_schema.tables where table_name in ('FACT_PHOTOS', 'INGESTION_PLANNING')"
    return int(system.sql(tables)[0][0]) == 2


def archived(system: System) -> dict[str, tuple[int, int]]:
    """Return what the archive holds: rover -> (sols, photos)."""
    rows = system.sql("select rover_name, count(distinct sol), count(*) from silver.fact_photos group by 1")
    return {str(rover): (int(sols), int(photos)) for rover, sols, photos in rows}


def wait_complete(system: System, timeout: float = 420) -> None:
    """Wait until the archive holds exactly what the source promises, no gap is left and the loop is quiet."""

    def complete() -> bool:
        return built(system) and archived(system) == promised(system) and not gaps(system) and not system.active_jobs()

    wait_until(complete, "a complete and quiet archive", timeout, every=3)


def wait_quiet(system: System, timeout: float = 300) -> None:
    """Wait until no Job runs and every plan has ended, seen four times in a row: an event may be about to be folded."""
    seen = 0

    def quiet() -> bool:
        nonlocal seen
        live = [
            p
            for p in system.get("iplan")
            if (p.get("status") or {}).get("phase", "Pending") in ("Pending", "Running", "Suspended")
        ]
        seen = 0 if live or system.active_jobs() else seen + 1
        return seen >= 4

    wait_until(quiet, "a quiet loop", timeout, every=2)
