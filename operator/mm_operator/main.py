"""The entry point ``mm-operator``."""

import argparse
import asyncio
import logging
import os
import sys

from mm_contracts.log_lines import set_up
from mm_contracts.sources import Sources
from mm_contracts.topics import Names

from mm_operator.config import ConfigError, kafka_names, kafka_settings, load_settings, load_sources, operator_port
from mm_operator.core.settings import OperatorSettings
from mm_operator.process import Operator, PartEnded

log = logging.getLogger(__name__)


async def _run(settings: OperatorSettings, sources: Sources, names: Names, port: int) -> None:
    await Operator(settings, sources, kafka_settings, names).run(port)


def main() -> None:
    """Run the operator; exit code 64 where it is configured wrongly, 1 where a part of it failed."""
    argparse.ArgumentParser(
        prog="mm-operator",
        description="The operator of Martian Moments. It is configured by MARS_OPERATOR_FILE, MARS_SOURCES_FILE, "
        "KAFKA_*, POD_NAMESPACE, MARS_OPERATOR_PORT, LOG_LEVEL and LOG_FORMAT.",
    ).parse_args()
    set_up(quiet=("kopf", "aiohttp.access", "urllib3", "kubernetes"))
    # It warns that it leaves signals alone, as it should in a thread.
    logging.getLogger("kopf._core.reactor.running").setLevel(logging.ERROR)
    code = 0
    try:
        # What is missing there is said at once, and not by a reader for ever.
        kafka_settings()
        asyncio.run(_run(load_settings(), load_sources(), kafka_names(), operator_port()))
    except ConfigError as error:
        log.error("%s", error)
        code = 64
    except (PartEnded, OSError) as error:
        log.error("%s", error)
        code = 1
    sys.stdout.flush()
    # Threads of Kafka and kopf that still hang must not hold up the end: everything of worth is stored.
    os._exit(code)


if __name__ == "__main__":
    main()
