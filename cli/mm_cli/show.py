"""``mars show``: a picture, in the terminal."""

import argparse
import os
import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

from mm_contracts.rovers import canonical_rover
from mm_contracts.sols import parse_sols

from mm_cli.errors import NOT_FOUND, USAGE, CliError
from mm_cli.place import Place, add_place, release_of

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_MOST = 40_000_000
_COLUMNS = "ROVER_NAME, SOL, CAMERA_NAME, IMAGE_ID, coalesce(UTC, TAKEN_FROM) as TAKEN_AT, SMALL_SRC, FULL_SRC"


class Picture(NamedTuple):
    """A picture of the archive: what it is, and its addresses at its source."""

    rover: str
    sol: int
    camera: str
    image_id: str
    taken_at: Any
    small: str | None
    full: str | None

    @property
    def title(self) -> str:
        """A line about it."""
        when = f", {self.taken_at:%Y-%m-%d %H:%M} UTC" if self.taken_at else ""
        return f"{self.rover}, sol {self.sol}, {self.camera}{when}: {self.image_id}"


def add_parser(commands: Any) -> None:
    """Add ``show`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "show",
        help="a picture, in the terminal",
        description="Draw a picture in the terminal: the one that is named, the last of a sol, or the newest. It comes "
        "through the dashboard, whose thumbnails are in the bucket; where there is no dashboard, from its source.",
        epilog="""examples:
  mars show
  mars show curiosity
  mars show perseverance/15 --camera NAVCAM_LEFT
  mars show NLA_398387033EDR_D0000000NCAM18023M_ -o navcam.jpg""",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("what", nargs="?", default="", metavar="IMAGE-ID|ROVER/SOL|ROVER", help="default: the newest")
    parser.add_argument("--camera", default="", metavar="NAME", help="only of this camera")
    parser.add_argument("--width", type=int, default=0, metavar="COLUMNS", help="default: the terminal's")
    parser.add_argument(
        "--no-colours", action="store_true", help="characters by brightness (also where NO_COLOR is set)"
    )
    parser.add_argument("-o", "--output", default="", metavar="FILE", help="keep the whole picture in a file instead")
    parser.add_argument("--timeout", type=float, default=30.0, metavar="SECONDS", help="for each server (default: 30)")
    add_place(parser)
    parser.set_defaults(func=run)


def run(arguments: argparse.Namespace) -> int:
    """Find the picture, fetch it and draw it."""
    from mm_cli.blocks import NotAPicture, drawn
    from mm_cli.reach import warehouse

    with warehouse(arguments) as session:
        picture = find(session, arguments.what, arguments.camera)
    content = fetch(arguments, picture, whole=bool(arguments.output))
    if arguments.output:
        try:
            Path(arguments.output).write_bytes(content)
        except OSError as error:
            raise CliError(f"cannot write {arguments.output}: {error.strerror}", USAGE) from None
        print(f"{picture.title}: {len(content):,} bytes in {arguments.output}")
        return 0
    size = shutil.get_terminal_size((80, 40))
    plain = arguments.no_colours or bool(os.environ.get("NO_COLOR")) or not sys.stdout.isatty()
    try:
        print(
            drawn(
                content,
                arguments.width or size.columns,
                colours=not plain,
                rows=0 if arguments.width else size.lines - 2,
            )
        )
    except NotAPicture as error:
        raise CliError(f"{picture.title}: {error}", NOT_FOUND) from None
    print(picture.title)
    return 0


def find(session: "Session", what: str, camera: str) -> Picture:
    """Return the picture that is meant. Raises CliError where there is none."""
    conditions: list[str] = ["IS_COUNTED"]
    binds: list[object] = []
    if what:
        rover, _, sol = what.partition("/")
        try:
            name = canonical_rover(rover)
        except ValueError:
            conditions, binds = ["IMAGE_ID = ?"], [what]
        else:
            conditions.append("ROVER_NAME = ?")
            binds.append(name)
            if sol:
                conditions.append("SOL = ?")
                binds.append(_one_sol(what, sol))
    if camera:
        conditions.append("CAMERA_NAME = ?")
        binds.append(camera.upper())
    rows = session.rows(
        f"select {_COLUMNS} from GOLD.PHOTOS where {' and '.join(conditions)} "
        "order by TAKEN_AT desc nulls last, SORT_KEY desc limit 1",
        binds,
    )
    if not rows:
        named = f"{what} {camera}".strip() or "the archive"
        raise CliError(f"there is no picture of {named}: `mars questions newest-pictures` names some", NOT_FOUND)
    row = rows[0]
    return Picture(str(row[0]), int(row[1]), str(row[2]), str(row[3]), row[4], row[5], row[6])


def _one_sol(what: str, text: str) -> int:
    try:
        (sol,) = parse_sols(text)
    except ValueError:
        raise CliError(f"{what!r} is not a rover and one sol, such as curiosity/1000", USAGE) from None
    return int(sol)


def fetch(arguments: argparse.Namespace, picture: Picture, *, whole: bool) -> bytes:
    """Return the picture's file: through the release's dashboard where it has one, else from its source."""
    path = f"{quote(picture.rover)}/{picture.sol}/{quote(picture.image_id)}"
    place = "originals/" + path if whole else f"thumbnails/{path}?size=large"
    if not os.environ.get("SNOWFLAKE_ACCOUNT") or Place.of(arguments).asked:
        release = release_of(Place.of(arguments))
        if release.facts.get("dashboard") == "true":
            with release.kube.forward(f"svc/{release.prefix}-dashboard", 8000) as port:
                return _read(f"http://127.0.0.1:{port}/{place}", arguments.timeout, picture)
    address = (picture.full if whole else picture.small) or picture.full or picture.small
    if not address:
        raise CliError(f"{picture.title}: its source gives no address", NOT_FOUND)
    return _read(address, arguments.timeout, picture)


def _read(address: str, timeout: float, picture: Picture) -> bytes:
    if urlsplit(address).scheme not in ("http", "https"):
        raise CliError(f"{picture.title}: its address is {address}, which cannot be fetched", NOT_FOUND)
    try:
        with urllib.request.urlopen(address, timeout=timeout) as answer:  # the scheme is one of two
            content = answer.read(_MOST)
            media = answer.headers.get_content_type()
    except urllib.error.HTTPError as error:
        raise CliError(
            f"{picture.title}: {error.code} {error.reason} at {urlsplit(address).netloc}", NOT_FOUND
        ) from None
    except OSError as error:
        raise CliError(f"{picture.title}: {urlsplit(address).netloc} did not answer ({error})") from None
    if media == "image/svg+xml":  # the dashboard's way to say that there is none
        raise CliError(f"{picture.title}: the source does not give it now", NOT_FOUND)
    return bytes(content)
