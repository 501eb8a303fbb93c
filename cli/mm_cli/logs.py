"""``mars logs``: what parts and Jobs say; of pods that are gone, the last lines that were kept."""

import argparse
import sys
from typing import Any

from mm_cli.errors import NOT_FOUND, CliError
from mm_cli.kube import NotThere
from mm_cli.place import Place, Release, add_place, release_of
from mm_cli.plans import plan_names

PARTS = ("operator", "warehouse", "dashboard", "docs", "kafka", "minio", "simulator", "setup", "schedule")


def add_parser(commands: Any) -> None:
    """Add ``logs`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "logs",
        help="what a part, a plan's Jobs or a Job say, also when its pod is gone",
        description="Print the logs of a part of the release, of a plan's Jobs, or of one Job. Of a failed Job whose "
        "pod is gone, the last lines stand in its plan's status, and later in the history: these are printed then.",
        epilog=f"""parts: {", ".join(PARTS)}

examples:
  mars logs operator -f
  mars logs photos-1a2b3c4d5e6f
  mars logs photos-1a2b3c4d5e6f-0-1 --tail 50""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    action = parser.add_argument("what", metavar="PART|PLAN|JOB")
    action.completer = lambda prefix, parsed_args, **_: [
        *(part for part in PARTS if part.startswith(prefix)),
        *plan_names(prefix, parsed_args),
    ]
    parser.add_argument("-f", "--follow", action="store_true", help="go on until interrupted")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="to log in (default: 30)")
    parser.add_argument("--tail", type=int, default=200, metavar="LINES", help="of each pod (default: 200; -1 is all)")
    add_place(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the logs."""
    release = release_of(Place.of(arguments))
    options = [f"--tail={arguments.tail}", "--prefix", "--max-log-requests=20", "--ignore-errors"]
    options += ["--follow"] if arguments.follow else []
    if arguments.what in PARTS:
        part = f"app.kubernetes.io/instance={release.name},app.kubernetes.io/component={arguments.what}"
        return _print(release, part, options, f"no pod of the {arguments.what} is there")
    from mm_contracts.plan import LABEL_PLAN

    plans = release.plans()
    if any(plan["metadata"]["name"] == arguments.what for plan in plans):
        kept = kept_lines([plan for plan in plans if plan["metadata"]["name"] == arguments.what])
        there = {name for name, _ in _pods(release, f"{LABEL_PLAN}={arguments.what}")}
        _print_kept([(job, lines) for job, lines in kept if job not in there])
        return _print(release, f"{LABEL_PLAN}={arguments.what}", options, "its pods are gone", fine=bool(kept))
    return _job(arguments, release, options, plans)


def kept_lines(plans: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return (Job, last lines) of what failed in these plans, as their statuses keep them."""
    return [
        (str(record.get("job") or f"batch {record.get('batch')}"), str(record["logTail"]))
        for plan in plans
        for record in (plan.get("status") or {}).get("records") or []
        if record.get("logTail")
    ]


def archived_lines(arguments: argparse.Namespace, job: str) -> list[tuple[str, str]]:
    """Return (Job, last lines) as the archive's history keeps them when the plan is gone, too."""
    from mm_cli.reach import warehouse

    sql = "select NAME, LOG_TAIL from GOLD.WORK_HISTORY where NAME = ? and LOG_TAIL is not null order by CREATED_AT"
    try:
        with warehouse(arguments) as session:
            return [(str(name), str(lines)) for name, lines in session.rows(sql, (job,))]
    except CliError as error:
        print(f"(the history was not asked: {error})", file=sys.stderr)
        return []


def _job(arguments: argparse.Namespace, release: Release, options: list[str], plans: list[dict[str, Any]]) -> int:
    name = arguments.what
    if _pods(release, f"job-name={name}"):
        return _print(release, f"job-name={name}", options, "")
    kept = [one for one in kept_lines(plans) if one[0] == name] or archived_lines(arguments, name)
    _print_kept(kept)
    if kept:
        return 0
    try:
        job = release.kube.json("get", "job", name)
    except NotThere:
        raise CliError(
            f"there is no part, plan or Job {name}, and no plan has kept lines of it: `mars plans` lists the plans",
            NOT_FOUND,
        ) from None
    state = "; ".join(
        str(c.get("message") or c.get("reason")) for c in (job.get("status") or {}).get("conditions") or []
    )
    raise CliError(
        f"Job {name} has no pod any more and nothing was kept of it ({state or 'it has just begun'})", NOT_FOUND
    )


def _pods(release: Release, selector: str) -> list[tuple[str, str]]:
    pods = release.kube.items("pods", "--selector", selector)
    return [((pod["metadata"].get("labels") or {}).get("job-name", ""), pod["metadata"]["name"]) for pod in pods]


def _print_kept(kept: list[tuple[str, str]]) -> None:
    for job, lines in kept:
        print(f"-- {job}: its pod is gone, these are the last lines that were kept")
        print(lines.rstrip("\n"), flush=True)


def _print(release: Release, selector: str, options: list[str], nothing: str, *, fine: bool = False) -> int:
    if not _pods(release, selector):
        if nothing and not fine:
            raise CliError(nothing, NOT_FOUND)
        if nothing:
            print(f"({nothing})", file=sys.stderr)
        return 0
    sys.stdout.flush()
    return release.kube.stream("logs", "--selector", selector, *options)
