"""``mars docs``: serve the page that describes the models."""

import argparse
import os
import signal
import sys
import threading
from typing import Any

from mm_contracts.keys import BUCKET, DOCS_PAGE

from mm_cli.docs_server import Cache, Page, StoreAway, server
from mm_cli.errors import CliError


def add_parser(commands: Any) -> None:
    """Add ``docs`` to argparse's sub-commands."""
    parser = commands.add_parser(
        "docs",
        help="serve the page that describes the models and their lineage",
        description=f"Serve {DOCS_PAGE} of bucket S3_BUCKET on /, read only, until the process is ended.",
        epilog="Transform runs renew the page when the models changed, and now and then. /healthz says it serves.\n\n"
        "example: mars docs --port 8000",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
    parser.add_argument(
        "--cache",
        type=float,
        default=10.0,
        metavar="SECONDS",
        help="how long an answer of the bucket holds (default: 10)",
    )
    parser.set_defaults(func=run)


class BucketStore:
    """The page in the bucket."""

    def __init__(self) -> None:
        import boto3
        from botocore.config import Config

        endpoint = os.environ.get("S3_ENDPOINT_URL") or None
        config = Config(
            connect_timeout=2,
            read_timeout=10,
            retries={"mode": "standard", "max_attempts": 1},
            s3={"addressing_style": "path"} if endpoint else None,
            response_checksum_validation="when_required",
        )
        self._client = boto3.client("s3", endpoint_url=endpoint, config=config)
        self._bucket = os.environ.get("S3_BUCKET") or BUCKET

    def read(self, known: Page | None) -> Page | None:
        """Return the page, ``known`` where that is still the one, or None where there is none. Raises StoreAway."""
        from botocore.exceptions import BotoCoreError, ClientError

        condition: Any = {"IfNoneMatch": f'"{known.etag}"'} if known else {}
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=DOCS_PAGE, **condition)
            return Page(answer["Body"].read(), answer["ETag"].strip('"'))
        except ClientError as error:
            said = error.response.get("Error", {})
            if said.get("Code") in ("304", "NotModified"):
                return known
            if said.get("Code") in ("NoSuchKey", "NoSuchBucket", "404"):
                return None
            raise StoreAway(f"the object store refused to give {DOCS_PAGE}: {said.get('Code')}") from None
        except BotoCoreError as error:
            raise StoreAway(f"the object store did not answer: {error}; check that it runs") from None


def run(arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT."""
    cache = Cache(BucketStore(), arguments.cache, lambda text: print(f"mars docs: {text}", file=sys.stderr, flush=True))
    try:
        serving = server(cache, arguments.host, arguments.port)
    except OSError as error:
        raise CliError(f"cannot listen on {arguments.host}:{arguments.port}: {error}; choose another --port") from None
    # shutdown() waits for serve_forever, which runs in this very thread.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=serving.shutdown).start())
    print(f"mars docs: serving on {arguments.host}:{serving.server_address[1]}", flush=True)
    with serving:
        serving.serve_forever()
    return 0
