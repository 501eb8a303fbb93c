"""The command line of ``./mars``: one subcommand per thing a person wants, each importing what it needs late."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence

from mm_hack.machine import Provision
from mm_hack.progress import Progress, clock
from mm_hack.run import SetupError

Action = Callable[[argparse.Namespace], int]

ARCHIVE_COMMANDS = {
    "status": "promised, archived, gaps and drives per rover",
    "plans": "the plans, and how far each is",
    "why": "why a plan, a sol or a rover is not done, and what to do",
    "gaps": "what the archive lacks, and why",
    "logs": "what a part, a plan's Jobs or a Job say, also when its pod is gone",
    "sql": "run statements in the warehouse",
    "show": "a picture, in the terminal",
    "connect": "what Python, dbt and a BI tool need to reach the warehouse",
    "plan": "what a request or a plan would cost",
    "retry": "try plans' failed and waiting batches at once",
    "suspend": "let plans rest",
    "resume": "let suspended plans go on",
    "completion": "have your shell complete commands and options",
    "questions": "questions that people ask of the archive, ready to run",
    "trace": "a sol's whole way: plan, Job, object, load, dbt run",
    "schedule": "publish a schedule",
    "dlq": "look at dead letters",
    "replay": "publish dead letters again",
    "drop": "let dead letters rest",
    "timelapse": "make a video of a camera over sols",
    "warehouse": "check or set up the warehouse",
    "backup": "copy the archive to a folder or another bucket",
    "restore": "bring a backup back",
}
"""Commands of the product's own ``mars`` command line, handed on with their arguments."""


def parser() -> argparse.ArgumentParser:
    """The whole command line."""
    whole = argparse.ArgumentParser(
        prog="mars",
        description="Martian Moments on Kubernetes: bring it up, look around, test it, take it away.",
        epilog="`mars COMMAND --help` tells more about a command.",
    )
    commands = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)

    demo = _add(commands, "demo", _demo, "set everything up and watch the loop archive four rovers from a simulator")
    _provision(demo)
    demo.add_argument("--profile", choices=("demo", "tiny"), default="demo", help="how much there is to archive")
    demo.add_argument(
        "--source",
        choices=("simulator", "live"),
        default="simulator",
        help="live: a handful of sols from the real sources, over the internet (see docs/sources.md)",
    )

    test = _add(commands, "test", _test, "run the checks and all tests, on a cluster that it brings up if needed")
    _provision(test)
    test.add_argument("--unit", action="store_true", help="checks and unit tests only: seconds, no cluster")
    test.add_argument("--long", action="store_true", help="also the tests that take long: brokers killed, CAs replaced")
    test.add_argument("pytest", nargs="*", metavar="PYTEST_ARGUMENT", help="after --: handed to pytest")

    _provision(_add(commands, "up", _up, "bring the cluster up with every image in it, without installing the chart"))
    _provision(_add(commands, "images", _images, "rebuild the app image, load it, restart what runs it"))
    image = _add(commands, "image", _image, "build the app image and push it to a registry, for a cluster elsewhere")
    _provision(image)
    image.add_argument("--push", required=True, metavar="REGISTRY", help="as in registry.example.org/team")
    image.add_argument("--tag", default="", help="default: the product's version")
    _add(commands, "down", _down, "delete the cluster and all data in it; images and caches stay")
    clean = _add(commands, "clean", _clean, "remove everything that was set up: cluster, images, caches, engine")
    clean.add_argument("--keep-cache", action="store_true", help="keep what was built and fetched")
    _add(commands, "doctor", _doctor, "tell what this machine has and lacks, and change nothing")
    ui = _add(commands, "ui", _ui, "open a way to the web page that shows the archive and the loop")
    ui.add_argument("--port", type=int, help="local port (default: 8000, or any free one where that is taken)")
    docs = _add(commands, "docs", _docs, "open a way to the page that describes the tables and their lineage")
    docs.add_argument("--port", type=int, help="local port (default: any free one)")
    k9s = _add(commands, "k9s", _k9s, "watch plans and Jobs in k9s (built the first time if it is not installed)")
    k9s.add_argument("arguments", nargs=argparse.REMAINDER, help="handed to k9s")

    for name, what in ARCHIVE_COMMANDS.items():
        commands.add_parser(name, help=f"{what} (on the running cluster)")
    return whole


def _add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], name: str, action: Action, what: str
) -> argparse.ArgumentParser:
    command = commands.add_parser(name, help=what, description=what[0].upper() + what[1:] + ".")
    command.set_defaults(action=action)
    return command


def _provision(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--provision",
        choices=("auto", *(provision.value for provision in Provision)),
        default=os.environ.get("MARS_PROVISION", "auto"),
        help="where tools and images come from: image registries, or packages only (default: what this machine can do)",
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 0 done, 1 failed with a sentence on standard error, 130 interrupted."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    try:
        if given and given[0] in ARCHIVE_COMMANDS:  # its options, --help too, are the product's own to read
            return _archive(given)
        options = parser().parse_args(given)
        action: Action = options.action
        return action(options)
    except (SetupError, RuntimeError) as error:
        print(f"mars: {error}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader of a pipe has seen enough
        sys.stdout = None
        return 0
    except KeyboardInterrupt:
        print("mars: interrupted; run the same command again and it goes on from here", file=sys.stderr)
        return 130


def _up(options: argparse.Namespace) -> int:
    from mm_hack import places, up

    progress = Progress()
    up.up(options.provision, progress)
    look = f"kubectl --context {places.CONTEXT} get pods -A"
    progress.say(f"up after {clock(progress.elapsed())}; next: ./mars demo, or {look}")
    return 0


def _images(options: argparse.Namespace) -> int:
    from mm_hack import up

    up.app_image(options.provision, Progress())
    return 0


def _image(options: argparse.Namespace) -> int:
    from mm_hack.push import push

    print("\n".join(push(options.provision, options.push, options.tag, Progress())))
    return 0


def _down(_options: argparse.Namespace) -> int:
    from mm_hack import clean

    clean.down(Progress())
    return 0


def _clean(options: argparse.Namespace) -> int:
    from mm_hack import clean

    clean.clean(Progress(), keep_cache=options.keep_cache)
    return 0


def _doctor(_options: argparse.Namespace) -> int:
    from mm_hack import doctor

    lines, fine = doctor.report()
    print("\n".join(lines))
    return 0 if fine else 1


def _k9s(options: argparse.Namespace) -> int:
    from mm_hack import k9s

    return k9s.run(options.arguments, Progress())


def _docs(options: argparse.Namespace) -> int:
    from mm_hack import access, places, release

    return access.show_docs(release.kubectl(os.environ.get("MARS_NAMESPACE", places.NAMESPACE)), options.port)


def _ui(options: argparse.Namespace) -> int:
    from mm_hack import access, places, release

    return access.show_dashboard(release.kubectl(os.environ.get("MARS_NAMESPACE", places.NAMESPACE)), options.port)


def _demo(options: argparse.Namespace) -> int:
    from mm_hack import demo, places, release, up

    progress = Progress()
    up.up(options.provision, progress)
    live = options.source == "live"
    with progress.step("install the chart", about=40):
        release.install(places.NAMESPACE, "live" if live else options.profile)
    if live:
        return demo.run_live()
    return demo.run_demo(options.profile, progress.elapsed())


def _test(options: argparse.Namespace) -> int:
    from mm_hack import suite

    return suite.run_tests(options.unit, options.pytest, options.provision, options.long)


def _archive(given: Sequence[str]) -> int:
    from mm_hack import access

    return access.run_command(given)
