"""The bucket: thumbnails, which the dashboard makes, and mirrored pictures, videos and pages, which it only reads."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from mm_dashboard.settings import Settings

log = logging.getLogger(__name__)


class Store(Protocol):
    """Where thumbnails are kept; what cannot be kept or found is made again, so nothing is ever raised."""

    async def read(self, key: str) -> bytes | None:
        """Return an object's bytes, None where there is none or the store is away."""

    async def write(self, key: str, body: bytes, media: str) -> None:
        """Keep an object, if the store is there."""

    async def keys(self, prefix: str) -> list[str]:
        """Return the first thousand keys that begin so; none where the store is away."""

    async def part(self, key: str, first: int, last: int) -> tuple[bytes, int] | None:
        """Return some of an object's bytes, counted from 0, and its size; None where there are none."""


class Bucket:
    """Amazon's protocol, in threads."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: Any = None
        self._threads = ThreadPoolExecutor(4, thread_name_prefix="bucket")

    async def read(self, key: str) -> bytes | None:
        """Read an object."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._read, key)

    async def write(self, key: str, body: bytes, media: str) -> None:
        """Write an object."""
        await asyncio.get_running_loop().run_in_executor(self._threads, self._write, key, body, media)

    async def keys(self, prefix: str) -> list[str]:
        """List keys."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._keys, prefix)

    async def part(self, key: str, first: int, last: int) -> tuple[bytes, int] | None:
        """Read part of an object."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, self._part, key, first, last)

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _s3(self) -> Any:
        if self._client is None:
            import boto3
            from botocore.config import Config

            endpoint = self._settings.s3_endpoint
            config = Config(
                connect_timeout=2,
                read_timeout=8,
                retries={"mode": "standard", "max_attempts": 1},
                s3={"addressing_style": "path"} if endpoint else None,
                response_checksum_validation="when_required",
            )
            self._client = boto3.session.Session().client("s3", endpoint_url=endpoint, config=config)
        return self._client

    def _read(self, key: str) -> bytes | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            body: bytes = self._s3().get_object(Bucket=self._settings.bucket, Key=key)["Body"].read()
            return body
        except (BotoCoreError, ClientError, OSError) as error:
            log.debug("no thumbnail from the bucket: %s", error)
            return None

    def _write(self, key: str, body: bytes, media: str) -> None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            self._s3().put_object(Bucket=self._settings.bucket, Key=key, Body=body, ContentType=media)
        except (BotoCoreError, ClientError, OSError) as error:
            log.warning("a thumbnail was not kept: %s", type(error).__name__)

    def _keys(self, prefix: str) -> list[str]:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._s3().list_objects_v2(Bucket=self._settings.bucket, Prefix=prefix)
            return [str(entry["Key"]) for entry in answer.get("Contents", [])]
        except (BotoCoreError, ClientError, OSError) as error:
            log.warning("the bucket was not listed: %s", type(error).__name__)
            return []

    def _part(self, key: str, first: int, last: int) -> tuple[bytes, int] | None:
        from botocore.exceptions import BotoCoreError, ClientError

        try:
            answer = self._s3().get_object(Bucket=self._settings.bucket, Key=key, Range=f"bytes={first}-{last}")
            return answer["Body"].read(), int(str(answer["ContentRange"]).rpartition("/")[2])
        except (BotoCoreError, ClientError, OSError, KeyError, ValueError) as error:
            log.debug("no part of %s: %s", key, error)
            return None
