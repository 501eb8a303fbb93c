"""``mars why``: why a plan, a sol or a rover is waiting, failed, missing or set aside, and what to do."""

import argparse
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import parse_sols
from mm_contracts.topics import SCHEDULING

from mm_cli.advice import advice
from mm_cli.errors import USAGE, CliError
from mm_cli.options import add_format
from mm_cli.place import Place, Release, add_place, release_of
from mm_cli.plan_list import failed_text, summary
from mm_cli.planning import duration
from mm_cli.plans import plan_names, plan_of
from mm_cli.tables import table
from mm_cli.values import as_json

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_PROGRESS = (
    "select STATE, WHY, REASON, PROMISED_PHOTOS, ARCHIVED_PHOTOS, ATTEMPTS, LAST_ATTEMPT_AT, NEXT_ATTEMPT_AT, IS_DUE "
    "from GOLD.ARCHIVE_PROGRESS where ROVER_NAME = ? and SOL = ?"
)
_ASIDE = (
    "select GRAIN, FIRST_SOL, LAST_SOL, REASON, MESSAGE, OBJECT_KEY, SEEN_AT, NEXT_ATTEMPT_AT from SILVER.SET_ASIDE "
    "where ROVER_NAME = ?{} order by SEEN_AT desc, OBJECT_KEY, FIRST_SOL limit 20"
)
_ASIDE_OF_ROVER, _ASIDE_OF_SOL = _ASIDE.format(""), _ASIDE.format(" and ? between FIRST_SOL and LAST_SOL")
_ROVER = (
    "select STATE, REASON, count(*) as SOLS, "
    "sum(greatest(PROMISED_PHOTOS - ARCHIVED_PHOTOS, 0))::integer as MISSING_PHOTOS, "
    "min(NEXT_ATTEMPT_AT) as NEXT_ATTEMPT_AT, max_by(WHY, SOL) as WHY from GOLD.ARCHIVE_PROGRESS "
    "where ROVER_NAME = ? and STATE <> 'complete' group by STATE, REASON order by count(*) desc"
)


def add_parser(commands: Any) -> None:
    """Add ``why`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "why",
        help="why a plan, a sol or a rover is not done, and what to do",
        description="Say why a plan, a sol or a rover is waiting, failed, missing or set aside, and what to do.",
        epilog="""examples:
  mars why photos-1a2b3c4d5e6f
  mars why curiosity/1000
  mars why spirit""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    action = parser.add_argument("what", metavar="PLAN|ROVER/SOL|ROVER")
    action.completer = plan_names
    add_format(parser, "what is known, as a JSON object")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    add_place(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Say what is known of it."""
    subject = subject_of(arguments.what)
    if isinstance(subject, str):
        told = of_plan(plan_of(release_of(Place.of(arguments)), subject))
    else:
        from mm_cli.reach import warehouse

        with warehouse(arguments) as session:
            told = of_rover(session, subject[0]) if subject[1] is None else of_sol(session, subject[0], subject[1])
        if subject[1] is not None:
            told |= _around(arguments, subject[0], subject[1], told["state"])
    if arguments.output == "json":
        print(json.dumps(told, indent=2, default=as_json, ensure_ascii=False))
    else:
        _print(told)
    return 0


def subject_of(text: str) -> tuple[str, int | None] | str:
    """Return (rover, sol), (rover, None) or a plan's name.

    Raises:
        CliError: what stands before the slash is no rover, or after it no sol.
    """
    rover, slash, sol = text.partition("/")
    try:
        name = canonical_rover(rover)
    except ValueError as error:
        if slash:
            raise CliError(f"{text!r} is not a rover and a sol: {error}", USAGE) from None
        return text
    if not slash:
        return name, None
    try:
        (number,) = parse_sols(sol)
    except ValueError:
        raise CliError(f"{text!r} is not a rover and one sol, such as curiosity/1000", USAGE) from None
    return name, number


def of_plan(plan: dict[str, Any], now: datetime | None = None) -> dict[str, Any]:
    """Return what a plan's status tells: conditions that say something, and each batch that is not done."""
    status = plan.get("status") or {}
    told: dict[str, Any] = summary(plan)
    told["conditions"] = [
        {"type": one["type"], "reason": one.get("reason", ""), "message": one.get("message", "")}
        for one in status.get("conditions") or []
        if one.get("message") and one.get("status") == "True"
    ]
    told["batches_not_done"] = [
        {
            "batch": record.get("batch"),
            "rover": record.get("rover"),
            "sols": record.get("sols", ""),
            "state": str(record.get("state", "")).lower(),
            "attempts": record.get("attempts", 0),
            "reason": record.get("reason") or "",
            "message": record.get("message") or "",
            "advice": record.get("advice") or advice(record.get("reason")),
            "next_attempt": record.get("nextAttempt"),
            "in": _until(record.get("nextAttempt"), now or datetime.now(UTC)),
        }
        for record in status.get("records") or []
    ]
    told["left_to_others"] = [
        {"rover": one.get("rover"), "sols": one.get("sols", ""), "plan": one.get("plan"), "ended": one.get("ended", "")}
        for one in status.get("dropped") or []
    ]
    told["not_promised_sols"] = int(status.get("notPromisedSols") or 0)
    told["mismatched_sols"] = int(status.get("mismatchedSols") or 0)
    return told


def of_sol(session: "Session", rover: str, sol: int) -> dict[str, Any]:
    """Return what the archive knows of a sol. Raises CliError where dbt has not run."""
    names, rows = session.answer(_PROGRESS, (rover, sol))
    told: dict[str, Any] = {"rover": rover, "sol": sol}
    if rows:
        told |= {name.lower(): value for name, value in zip(names, rows[0], strict=True)}
        told["advice"] = advice(told["reason"], told["state"])
    else:
        told |= {"state": "not promised", "why": "The latest manifest of the source in charge does not list this sol."}
        told["advice"] = f"If it should, ask for the manifest: mars schedule --dataset manifests --rover {rover}"
    told["set_aside"] = _dicts(session, _ASIDE_OF_SOL, (rover, sol))
    return told


def of_rover(session: "Session", rover: str) -> dict[str, Any]:
    """Return what the archive lacks of a rover, by state and reason, and the newest of what was set aside."""
    gaps = _dicts(session, _ROVER, (rover,))
    for gap in gaps:
        gap["advice"] = advice(gap["reason"], gap["state"])
    return {"rover": rover, "gaps": gaps, "set_aside": _dicts(session, _ASIDE_OF_ROVER, (rover,))}


def _dicts(session: "Session", sql: str, binds: tuple[object, ...]) -> list[dict[str, Any]]:
    names, rows = session.answer(sql, binds)
    return [{name.lower(): value for name, value in zip(names, row, strict=True)} for row in rows]


def _around(arguments: argparse.Namespace, rover: str, sol: int, state: str) -> dict[str, Any]:
    """Return what plans and dead letters tell of a sol, as far as they can be asked from here."""
    try:
        release = release_of(Place.of(arguments))
        plans = [plan for plan in release.plans() if _names(plan, rover, sol)]
    except CliError as error:
        return {"plans": [], "not_asked": f"plans and dead letters: {error}"}
    found: dict[str, Any] = {
        "plans": [
            {"plan": one["plan"], "phase": one["phase"], "batch": _record(plan, rover, sol)}
            for plan in plans
            if (one := summary(plan))
        ]
    }
    if state not in ("complete", "growing"):
        found |= _letters(release, rover, sol)
    return found


def _letters(release: Release, rover: str, sol: int) -> dict[str, Any]:
    try:
        said = release.kube.run(
            "exec", f"deploy/{release.prefix}-operator", "--", "mars", "dlq", "list", SCHEDULING, "--json"
        )
    except CliError as error:
        return {"not_asked": f"dead letters: {error}"}
    letters = [json.loads(line) for line in said.splitlines() if line.startswith("{")]
    own = [letter for letter in letters if _speaks_of(str(letter.get("value") or ""), rover, sol)]
    return {"dead_letters": [{"time": one["time"], "reason": one["reason"], "message": one["message"]} for one in own]}


def _speaks_of(value: str, rover: str, sol: int) -> bool:
    try:
        tasks = json.loads(value)["ingestion_schedule"]["tasks"]
        return any(str(t["rover_name"]).lower() == rover.lower() and str(t.get("sol")) == str(sol) for t in tasks)
    except (ValueError, KeyError, TypeError):
        return False


def _names(plan: dict[str, Any], rover: str, sol: int) -> bool:
    return any(
        one.get("name") == rover and any(sol in parse_sols(text) for text in one.get("sols") or [])
        for one in (plan.get("spec") or {}).get("rovers") or []
    )


def _record(plan: dict[str, Any], rover: str, sol: int) -> dict[str, Any] | None:
    for record in of_plan(plan)["batches_not_done"]:
        if record["rover"] == rover and record["sols"] and sol in parse_sols(record["sols"]):
            return dict(record)
    return None


def _until(moment: str | None, now: datetime) -> str:
    if not moment:
        return ""
    seconds = (datetime.fromisoformat(moment) - now).total_seconds()
    return duration(seconds) if seconds > 0 else "now"


def _print(told: dict[str, Any]) -> None:
    if "plan" in told:
        _print_plan(told)
    elif "gaps" in told:
        _print_rover(told)
    else:
        _print_sol(told)


def _print_plan(told: dict[str, Any]) -> None:
    print(f"{told['plan']}: {', '.join(filter(None, (told['phase'], told['reason'])))}")
    failed = failed_text(told["failed"], told["failed_numbers"])
    print(f"batches: {told['succeeded']} of {told['batches']} done, failed: {failed}")
    for one in told["conditions"]:
        print(f"{one['type']}: {one['message']}")
    for what, count in (("not listed by the manifest", "not_promised_sols"), ("not as promised", "mismatched_sols")):
        if told[count]:
            print(f"sols {what}: {told[count]}")
    for one in told["batches_not_done"]:
        print(f"\nbatch {one['batch']}, {one['rover']} {one['sols']}: {one['state']}, attempt {one['attempts']}")
        for line in (one["reason"] and f"{one['reason']}: {one['message']}", one["advice"]):
            if line:
                print(f"  {line}")
        if one["in"]:
            print(f"  next attempt: {'now' if one['in'] == 'now' else 'in ' + one['in']} ({one['next_attempt']})")
    for one in told["left_to_others"]:
        ended = {"Fetched": "which has fetched them", "Returned": "which gave them back"}.get(
            one["ended"], "which has them in hand"
        )
        print(f"\nsols {one['sols'] or 'of its dataset'} of {one['rover']}: left to plan {one['plan']}, {ended}")


def _print_sol(told: dict[str, Any]) -> None:
    print(f"{told['rover']} sol {told['sol']}: {told['state']}. {told['why']}")
    if "promised_photos" in told:
        print(f"photos: {told['archived_photos']} of {told['promised_photos']}, attempts: {told['attempts']}")
    if told.get("next_attempt_at"):
        print(f"next attempt: {'it is due' if told.get('is_due') else as_json(told['next_attempt_at'])}")
    if told["advice"]:
        print(told["advice"])
    for one in told.get("plans", []):
        batch = one["batch"]
        more = (
            f": batch {batch['batch']} is {batch['state']}, {batch['reason']} {batch['message']}".rstrip()
            if batch
            else ""
        )
        print(f"plan {one['plan']} ({one['phase']}){more}")
    _print_aside(told)
    for one in told.get("dead_letters", []):
        print(f"dead letter of {one['time']}: {one['reason']}: {one['message']}")
    if told.get("not_asked"):
        print(f"not asked: {told['not_asked']}")


def _print_aside(told: dict[str, Any]) -> None:
    if not told["set_aside"]:
        return
    rows = [
        (as_json(o["seen_at"]), o["grain"], _sols(o), o["reason"], o["message"], o["object_key"])
        for o in told["set_aside"]
    ]
    print("\nset aside:\n" + table(("SEEN AT", "GRAIN", "SOLS", "REASON", "WHY", "OBJECT"), rows))


def _sols(one: dict[str, Any]) -> str:
    first, last = one["first_sol"], one["last_sol"]
    return "" if first is None else str(first) if first == last else f"{first}-{last}"


def _print_rover(told: dict[str, Any]) -> None:
    _print_gaps(told)
    _print_aside(told)


def _print_gaps(told: dict[str, Any]) -> None:
    if not told["gaps"]:
        print(f"{told['rover']}: complete, as far as its manifest is known here")
        return
    rows = [
        (o["state"], o["reason"], o["sols"], o["missing_photos"], o["next_attempt_at"], o["advice"])
        for o in told["gaps"]
    ]
    print(
        f"{told['rover']}:\n" + table(("STATE", "REASON", "SOLS", "MISSING PHOTOS", "NEXT (UTC)", "WHAT TO DO"), rows)
    )
