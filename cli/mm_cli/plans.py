"""``mars retry``, ``suspend``, ``resume``: steer plans that are there."""

import argparse
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.options import add_format
from mm_cli.place import Place, Release, add_place, release_of

_ENDED = ("Complete", "Failed", "Invalid")


def add_parser(commands: Any) -> None:
    """Add the three commands to argparse's sub-commands."""
    for name, what, more, func in (
        ("retry", "try plans' failed and waiting batches at once", "Also what has failed for good; a "
         "finished plan is looked at again.", retry),
        ("suspend", "let plans rest", "No new Jobs are made; running ones are suspended.", suspend),
        ("resume", "let suspended plans go on", "Their Jobs wait for slots like others.", resume),
    ):  # fmt: skip
        parser = commands.add_parser(
            name,
            help=what,
            description=f"{what[0].upper()}{what[1:]}. {more}",
            epilog=f"""examples:
  mars {name} photos-1a2b3c4d5e6f
  mars {name} --all""",
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        action = parser.add_argument("plans", nargs="*", metavar="PLAN", help="names, as `mars plans` tells them")
        action.completer = plan_names
        which = {"retry": "that have failed", "suspend": "that have not ended", "resume": "that are suspended"}[name]
        parser.add_argument("--all", action="store_true", help=f"all of the release {which}")
        add_format(parser, "a JSON list of plans, each with what was done")
        add_place(parser)
        parser.set_defaults(func=func)


def plan_names(prefix: str, parsed_args: argparse.Namespace, **_: object) -> list[str]:
    """Return the names of plans for a shell's completion."""
    try:
        plans = release_of(Place.of(parsed_args)).plans()
    except CliError:
        return []
    return [name for plan in plans if (name := plan["metadata"]["name"]).startswith(prefix)]


def plan_of(release: Release, name: str) -> dict[str, Any]:
    """Return a plan of the release. Raises CliError where there is none of that name."""
    for plan in release.plans():
        if plan["metadata"]["name"] == name:
            return plan
    raise CliError(f"there is no plan {name} of release {release.name}: `mars plans` lists them", NOT_FOUND)


def phase_of(plan: dict[str, Any]) -> str:
    """Return a plan's phase."""
    return str((plan.get("status") or {}).get("phase") or "Pending")


def retry(arguments: argparse.Namespace) -> int:
    """Have failed and waiting batches tried at once."""
    from mm_contracts.plan import ANNOTATION_RETRY, LABEL_FINISHED

    token = str(int(datetime.now(UTC).timestamp()))
    # A plan that has ended is not looked at before it loses its label.
    change = {"metadata": {"annotations": {ANNOTATION_RETRY: token}, "labels": {LABEL_FINISHED: None}}}
    return _change(arguments, lambda plan: phase_of(plan) == "Failed", change, "is tried again")


def suspend(arguments: argparse.Namespace) -> int:
    """Let plans rest."""
    return _change(arguments, lambda plan: phase_of(plan) not in _ENDED, {"spec": {"suspend": True}}, "rests")


def resume(arguments: argparse.Namespace) -> int:
    """Let plans go on."""
    return _change(arguments, lambda plan: bool(plan["spec"].get("suspend")), {"spec": {"suspend": False}}, "goes on")


def _change(
    arguments: argparse.Namespace, wanted: Callable[[dict[str, Any]], bool], change: dict[str, Any], words: str
) -> int:
    from mm_contracts.plan import GROUP, PLURAL

    if bool(arguments.plans) == arguments.all:
        raise CliError("name the plans (`mars plans` lists them), or give --all", USAGE)
    release = release_of(Place.of(arguments))
    if arguments.all:
        names = [plan["metadata"]["name"] for plan in release.plans() if wanted(plan)]
    else:
        names = [plan_of(release, name)["metadata"]["name"] for name in arguments.plans]
    done: list[dict[str, str]] = []
    try:
        for name in names:
            release.kube.patch(f"{PLURAL}.{GROUP}", name, change)
            done.append({"plan": name, "done": arguments.command})
            if arguments.output != "json":
                print(f"plan {name} {words}")
    finally:  # where one is refused, the ones before it are done all the same
        if arguments.output == "json":
            print(json.dumps(done, indent=2))
    if not names:
        print("there is no such plan", file=sys.stderr)
    return 0
