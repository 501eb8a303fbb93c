"""Ways to a release's servers: to the warehouse from here, to Kafka inside the operator's pod.

A process that is told by its environment where they are, as every pod is, goes there directly.
"""

import argparse
import contextlib
import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from mm_cli.errors import USAGE, CliError
from mm_cli.kube import NotThere
from mm_cli.place import Place, Release, release_of, without_place

if TYPE_CHECKING:
    from mm_cli.warehouse_session import Session

_KEY_MODE: Final = 0o600
_NO_READER: Final = (
    "this release has no read-only user of the warehouse: name a Secret with one in the chart's "
    "warehouse.reader.existingSecret, or give --owner to be its owner"
)


@contextlib.contextmanager
def warehouse(arguments: argparse.Namespace, *, owner: bool = False) -> Iterator["Session"]:
    """Log in to the warehouse for the block: the one of the environment, else the release's.

    Args:
        arguments: of the command: its place and ``timeout``.
        owner: as the user that owns the tables; else as the one that may only read.

    Raises:
        CliError: there is no way to it, or no such user.
    """
    from mm_cli.warehouse_session import session

    place = Place.of(arguments)
    if os.environ.get("SNOWFLAKE_ACCOUNT") and not place.asked:
        with session(arguments.timeout) as opened:
            yield opened
        return
    with warehouse_variables(release_of(place), owner=owner) as variables, session(arguments.timeout, variables) as own:
        yield own


@contextlib.contextmanager
def warehouse_variables(release: Release, *, owner: bool) -> Iterator[dict[str, str]]:
    """Yield the SNOWFLAKE_* variables by which this machine reaches a release's warehouse, while the block lasts."""
    settings = {name: value for name, value in release.settings().items() if name.startswith("SNOWFLAKE_")}
    settings |= role(release, settings, owner=owner)
    secret = login(release, owner=owner)
    with contextlib.ExitStack() as stack:
        if key := secret.pop("SNOWFLAKE_PRIVATE_KEY", ""):
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="mars-key-"))
            secret["SNOWFLAKE_PRIVATE_KEY_PATH"] = str(_key_file(Path(folder) / "key.p8", key))
        if "SNOWFLAKE_HOST" in settings:
            stack.enter_context(ends_on_sigterm())
            port = stack.enter_context(
                release.kube.forward(f"svc/{release.prefix}-warehouse", int(settings["SNOWFLAKE_PORT"]))
            )
            settings |= {"SNOWFLAKE_HOST": "127.0.0.1", "SNOWFLAKE_PORT": str(port)}
        yield {**settings, **secret}


@contextlib.contextmanager
def as_environment(arguments: argparse.Namespace, *, bucket: bool = False) -> Iterator[None]:
    """Have this process's environment say, for the block, where the release's servers are, as the owner.

    Nothing is done where it says so already and no flag names a release.

    Args:
        arguments: of the command: its place.
        bucket: whether the bucket is wanted beside the warehouse.
    """
    place = Place.of(arguments)
    if os.environ.get("SNOWFLAKE_ACCOUNT") and not place.asked:
        yield
        return
    release = release_of(place)
    with contextlib.ExitStack() as stack:
        variables = stack.enter_context(warehouse_variables(release, owner=True))
        if bucket:
            variables |= stack.enter_context(bucket_variables(release))
        before = dict(os.environ)
        os.environ.update(variables)
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)


@contextlib.contextmanager
def bucket_variables(release: Release) -> Iterator[dict[str, str]]:
    """Yield the S3_* and AWS_* variables by which this machine reaches a release's bucket, while the block lasts.

    A store outside of the cluster is reached at its own address, with the caller's own keys.
    """
    variables = {name: value for name, value in release.settings().items() if name.startswith(("S3_", "AWS_"))}
    if release.facts.get("bucket") != "embedded":
        yield variables
        return
    secret = release.kube.secret(release.facts.get("bucketSecret", ""))
    variables["AWS_ACCESS_KEY_ID"] = secret.get(release.facts.get("accessKeyIdKey", ""), "")
    variables["AWS_SECRET_ACCESS_KEY"] = secret.get(release.facts.get("secretAccessKeyKey", ""), "")
    service = urlsplit(variables["S3_ENDPOINT_URL"])
    with ends_on_sigterm(), release.kube.forward(f"svc/{service.hostname}", service.port or 80) as port:
        yield {**variables, "S3_ENDPOINT_URL": f"http://127.0.0.1:{port}"}


def role(release: Release, settings: Mapping[str, str], *, owner: bool) -> dict[str, str]:
    """Return the role to log in with: the owner's is not the reader's to take. An empty one is the user's default."""
    own = settings.get("SNOWFLAKE_ROLE", "")
    return {"SNOWFLAKE_ROLE": own if owner else release.facts.get("readerRole", "")}


def login(release: Release, *, owner: bool) -> dict[str, str]:
    """Return user and password or key of the warehouse's owner or reader, under the names that clients read."""
    name = release.facts.get("ownerSecret" if owner else "readerSecret", "")
    if not name:
        raise CliError(_NO_READER, USAGE)
    try:
        values = release.kube.secret(name)
    except NotThere:
        raise CliError(
            f"there is no Secret {name} with the warehouse's login, which the release names", USAGE
        ) from None
    names = {
        "SNOWFLAKE_USER": "userKey",
        "SNOWFLAKE_PASSWORD": "passwordKey",
        "SNOWFLAKE_PRIVATE_KEY": "privateKeyKey",
        "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE": "passphraseKey",
    }
    found = {variable: values.get(release.facts.get(fact, ""), "") for variable, fact in names.items()}
    return {variable: value for variable, value in found.items() if value}


def in_the_operator(arguments: argparse.Namespace) -> int | None:
    """Run the same command in the operator's pod, where Kafka's address is right, and return its exit code.

    None where the environment names a Kafka and no flag another release: then it is for this process to do.
    """
    place = Place.of(arguments)
    if os.environ.get("KAFKA_BOOTSTRAP_SERVERS") and not place.asked:
        return None
    release = release_of(place)
    return release.kube.stream(
        "exec", f"deploy/{release.prefix}-operator", "--", "mars", *without_place(arguments.words)
    )


@contextlib.contextmanager
def ends_on_sigterm() -> Iterator[None]:
    """Let SIGTERM end the block as Ctrl-C does, so that what it has opened is closed."""

    def interrupt(_signal: int, _frame: FrameType | None) -> Any:
        raise KeyboardInterrupt

    try:
        before = signal.signal(signal.SIGTERM, interrupt)
    except ValueError:  # not the main thread: who owns that minds its signals
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _key_file(path: Path, key: str) -> Path:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _KEY_MODE), "w") as file:
        file.write(key)
    return path
