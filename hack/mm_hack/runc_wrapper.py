"""A container runtime that asks for no more than this machine can give, in front of the real one.

On a machine that lacks a capability (CAP_SYS_RESOURCE in many sandboxes) ``runc`` refuses privileged containers and
privileged ``exec`` calls, both of which kind needs. This takes what cannot be had out of the request and hands it on.
It is copied out of the package and started by dockerd for every container, so it imports little and nothing of ours.

Usage: ``runc_wrapper.py REAL_RUNC MISSING[,MISSING...] RUNC_ARGUMENT...``, with MISSING as ``CAP_...`` names.
"""

from __future__ import annotations

import json
import os
import sys

MYPY = False
if MYPY:  # typing would add a third to the start time
    from collections.abc import Callable, Collection, Sequence
    from typing import Any

OOM_NEEDS = "CAP_SYS_RESOURCE"


def reduce_process(process: dict[str, Any], missing: Collection[str]) -> dict[str, Any]:
    """Take capabilities out of an OCI process in place; without CAP_SYS_RESOURCE also what only it may set."""
    for names in (process.get("capabilities") or {}).values():
        names[:] = [name for name in names if name not in missing]
    if OOM_NEEDS in missing:
        process.pop("oomScoreAdj", None)
    return process


def option(arguments: Sequence[str], *names: str) -> str | None:
    """The value of an option given as ``--name value`` or ``--name=value``, or None."""
    for position, argument in enumerate(arguments):
        if argument in names and position + 1 < len(arguments):
            return arguments[position + 1]
        for name in names:
            if argument.startswith(name + "="):
                return argument[len(name) + 1 :]
    return None


def rewrite(path: str, change: Callable[[dict[str, Any]], object]) -> None:
    """Apply `change` to the JSON document in a file."""
    with open(path) as source:  # noqa: PTH123 (pathlib would double the start time)
        document = json.load(source)
    change(document)
    with open(path, "w") as sink:  # noqa: PTH123
        json.dump(document, sink)


def main(arguments: Sequence[str]) -> None:
    """Reduce the request, then become the real runtime."""
    runc, missing, rest = arguments[0], frozenset(arguments[1].split(",")), arguments[2:]
    bundle = option(rest, "--bundle", "-b")
    if bundle and ("create" in rest or "run" in rest):
        rewrite(os.path.join(bundle, "config.json"), lambda spec: reduce_process(spec["process"], missing))  # noqa: PTH118
    process = option(rest, "--process", "-p")
    if process and "exec" in rest:
        rewrite(process, lambda spec: reduce_process(spec, missing))
    os.execv(runc, ["runc", *rest])


if __name__ == "__main__":
    main(sys.argv[1:])
