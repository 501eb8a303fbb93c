"""``mars timelapse``: have a video made of a camera's pictures over sols."""

import argparse
from datetime import UTC, datetime
from typing import Any

from mm_contracts.keys import TIMELAPSE
from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import parse_sols
from mm_contracts.topics import SCHEDULING, TRACEPARENT, new_trace_id, traceparent

from mm_cli.errors import USAGE, CliError
from mm_cli.place import add_place


def add_parser(commands: Any) -> None:
    """Add ``timelapse`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "timelapse",
        help="make a video of a camera's pictures over sols",
        description="Have a Job bring the pictures that the mirror lacks, within its budget, and make a video of them. "
        "The video lies in the bucket under videos/ and is linked on the dashboard's page of videos; the plan says how "
        "far it is, the Job's log counts the frames.",
        epilog="example: mars timelapse curiosity NAVCAM --sols 1000-1020 --frames-per-second 8",
    )
    parser.add_argument("rover", help="its name")
    parser.add_argument("camera", help="the camera, as the source names it")
    parser.add_argument("--sols", required=True, help="numbers and ranges, such as 1000-1020")
    parser.add_argument("--frames-per-second", default="10", metavar="N", help="1 to 60 (default: 10)")
    parser.add_argument("--size", default="large", help="small, medium, large or full, where a source has several")
    parser.add_argument("--max-bytes", default="500000000", metavar="N", help="fetch no more (default: 500000000)")
    parser.add_argument("--max-requests", default="2000", metavar="N", help="ask no more often (default: 2000)")
    parser.add_argument("--source", default="", help="a configured source's name (default: the rover's first)")
    parser.add_argument("--timeout", type=float, default=120.0, metavar="SECONDS", help="wait for Kafka (default: 120)")
    add_place(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Publish the schedule and say how to follow it. Raises CliError."""
    from mm_cli.kafka_session import names, publish
    from mm_cli.reach import in_the_operator
    from mm_cli.schedule import checked, messages_of

    try:
        rover, sols = canonical_rover(arguments.rover), parse_sols(arguments.sols)
    except ValueError as error:
        raise CliError(str(error), USAGE) from None
    images = checked(
        {
            "cameras": [arguments.camera],
            "framesPerSecond": arguments.frames_per_second,
            "size": arguments.size,
            "maxBytes": arguments.max_bytes,
            "maxRequests": arguments.max_requests,
        }
    )
    if (code := in_the_operator(arguments)) is not None:
        return code
    tasks = [{"rover_name": rover, "sol": sol, "reason": "Requested"} for sol in sols]
    messages = messages_of(TIMELAPSE, tasks, "", arguments.source, datetime.now(UTC), images)
    if len(messages) > 1:
        raise CliError(f"{len(sols)} sols are too many for one video: 5000 at most", USAGE)
    trace_id = new_trace_id()
    headers = {TRACEPARENT: traceparent(trace_id).encode()}
    topic = names().topic(SCHEDULING)
    publish([(topic, name.encode(), value, headers) for name, value in messages], arguments.timeout)
    print(f"scheduled a video of {rover}'s {arguments.camera} over {len(sols)} sols")
    print(f"schedule {messages[0][0]}  trace {trace_id}")
    print("follow it with `kubectl get iplan`; it will be on the dashboard's page /videos")
    return 0
