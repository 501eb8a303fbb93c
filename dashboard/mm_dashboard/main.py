"""``mm-dashboard``: serve the web page of the archive and the loop."""

import argparse
import logging
import os
import sys

from mm_contracts.connections import SettingsError
from mm_contracts.log_lines import set_up

_EPILOG = """environment:
  MARS_RELEASE, MARS_NAMESPACE          whose plans and Jobs are shown
  MARS_KUBE_URL                         the API server without a service account, such as kubectl proxy's address
  SNOWFLAKE_*                           the warehouse, as for mars sql
  S3_ENDPOINT_URL, S3_BUCKET, AWS_*     the bucket: thumbnails are kept there
  KAFKA_*, KAFKA_TOPIC_PREFIX           Kafka, as for mars dlq: dead letters are read there
  MARS_GATE_URL, MARS_RUNBOOK_URL       the operator, whose metrics tell the alerts; where the runbooks are
  MARS_SOURCES_FILE                     sources.json; pictures are fetched from these
  MARS_PICTURE_ORIGINS                  more origins that pictures may be fetched from, comma-separated
  MARS_PICTURE_SOURCES                  sources that serve their pictures themselves, comma-separated
  MARS_DASHBOARD_ACTIONS                true lets visitors act
  MARS_DASHBOARD_TOKEN                  what they type in to prove who they are, or
  MARS_DASHBOARD_IDENTITY_HEADER        the header in which an authenticating proxy names them
"""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Returns the exit code; 64 for bad settings."""
    parser = argparse.ArgumentParser(
        prog="mm-dashboard",
        description="Serve the web page that shows the archive, the loop at work and what needs a person.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--host", default="0.0.0.0", help="address to listen on (default: all)")
    parser.add_argument("--port", type=int, default=8000, help="port to listen on (default: 8000)")
    options = parser.parse_args(arguments)
    set_up(default="text", stream=sys.stderr)
    for chatty in ("snowflake", "botocore", "boto3", "urllib3"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    from mm_dashboard import settings as settings_module

    try:
        settings = settings_module.load(os.environ)
    except SettingsError as error:
        print(f"mm-dashboard: {error}", file=sys.stderr)
        return 64
    import uvicorn

    from mm_dashboard.app import build
    from mm_dashboard.bucket import Bucket
    from mm_dashboard.deadletters import Kafka
    from mm_dashboard.kube import Api
    from mm_dashboard.warehouse import Snowflake

    readers = Snowflake(), Api(settings), Bucket(settings), Kafka()

    def close() -> None:
        for reader in readers:
            reader.close()

    app = build(settings, *readers, close=close)
    uvicorn.run(
        app,
        host=options.host,
        port=options.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=2,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
