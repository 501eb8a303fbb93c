"""The real embedded warehouse as a subprocess."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import snowflake.connector

USER = "mars"
PASSWORD = "a-password-of-the-tests"
READER = "mars_reader"
READER_PASSWORD = "another-password-of-the-tests"
START_SECONDS = 60


Sql = Callable[..., list[tuple[Any, ...]]]
"""Runs a statement with values for its question marks, and gives its rows."""


class Warehouse:
    """A server process over a directory; it can be stopped, killed and started again on the same port."""

    def __init__(self, directory: Path, **settings: str) -> None:
        """`settings` are further environment variables, without their WAREHOUSE_ prefix."""
        self.directory = directory
        self.port = _free_port()
        self.log = directory / "server.log"
        self._settings = {f"WAREHOUSE_{name.upper()}": value for name, value in settings.items()}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> Warehouse:
        """Start, and wait until it is ready."""
        self.directory.mkdir(parents=True, exist_ok=True)
        environment = {
            **os.environ,
            "WAREHOUSE_DIR": str(self.directory / "data"),
            "WAREHOUSE_HOST": "127.0.0.1",
            "WAREHOUSE_PORT": str(self.port),
            "WAREHOUSE_USER": USER,
            "WAREHOUSE_PASSWORD": PASSWORD,
            "WAREHOUSE_READER_USER": READER,
            "WAREHOUSE_READER_PASSWORD": READER_PASSWORD,
            "LOG_LEVEL": "DEBUG",
            **self._settings,
        }
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "mm_warehouse.main"], env=environment, stdout=log, stderr=log
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.healthy():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the warehouse did not start:\n{self.log.read_text()[-4000:]}")
            time.sleep(0.05)
        return self

    @property
    def process(self) -> subprocess.Popen[bytes]:
        """The running server."""
        assert self._process is not None, "not started"
        return self._process

    def healthy(self) -> bool:
        """True if /healthz says ready."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/healthz", timeout=5) as answer:
                return bool(json.load(answer)["ready"])
        except OSError:
            return False

    def stop(self) -> int:
        """SIGTERM; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)

    def kill(self) -> None:
        """SIGKILL, as the kernel does when memory runs out."""
        self.process.kill()
        self.process.wait(60)

    def env(self) -> dict[str, str]:
        """The environment by which Jobs, the command line and dbt's profile find this server."""
        return {
            "SNOWFLAKE_ACCOUNT": "mars",
            "SNOWFLAKE_USER": USER,
            "SNOWFLAKE_PASSWORD": PASSWORD,
            "SNOWFLAKE_ROLE": "MARS",
            "SNOWFLAKE_WAREHOUSE": "MARS",
            "SNOWFLAKE_DATABASE": "MARS",
            "SNOWFLAKE_HOST": "127.0.0.1",
            "SNOWFLAKE_PORT": str(self.port),
            "SNOWFLAKE_PROTOCOL": "http",
        }

    def connect(self, **options: Any) -> snowflake.connector.SnowflakeConnection:
        """A connection; `options` go to the connector."""
        given: dict[str, Any] = {
            "account": "mars",
            "user": USER,
            "password": PASSWORD,
            "host": "127.0.0.1",
            "port": self.port,
            "protocol": "http",
            "database": "MARS",
            "schema": "BRONZE",
        }
        return snowflake.connector.connect(**{**given, **options})


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
