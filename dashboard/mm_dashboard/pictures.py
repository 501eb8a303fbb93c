"""Pictures: fetched from their sources by this process, made small once, and kept in the bucket."""

import asyncio
import logging
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final
from urllib.parse import urljoin

import urllib3
from mm_contracts.keys import THUMBNAILS
from mm_contracts.origins import Origins
from mm_contracts.pictures import MOST_BYTES, SIZES, NoPicture, media_of, shrink

from mm_dashboard.bucket import Store

log = logging.getLogger(__name__)

GONE_SECONDS: Final = 600.0
MEMORY: Final = 12_000_000
"""Bytes of thumbnails in memory, before the bucket is asked."""
_TIMEOUT: Final = urllib3.Timeout(connect=3.0, read=20.0)


@dataclass(frozen=True, slots=True)
class Address:
    """Where one picture is: as its source told it, and which source that was."""

    img_src: str
    source: str


@dataclass(frozen=True, slots=True)
class Picture:
    """Bytes of a checked image and its media type."""

    body: bytes
    media: str


class Fetcher:
    """Gets bytes from the allowed origins; redirects are followed only among them."""

    def __init__(self, origins: Origins) -> None:
        self._origins = origins
        self._pool = urllib3.PoolManager(maxsize=4, retries=False, timeout=_TIMEOUT)

    def fetch(self, address: Address) -> bytes:
        """Return the bytes (blocking). Raises NoPicture."""
        url = self._origins.where(address.img_src, address.source)
        for _ in range(4):
            if url is None:
                raise NoPicture("The picture's address is not at an origin that pictures are fetched from.")
            answer = self._get(url)
            try:
                if answer.status in (301, 302, 303, 307, 308):
                    url = self._origins.where(urljoin(url, answer.headers.get("Location", "")), address.source)
                    continue
                if answer.status in (403, 404, 410):
                    raise NoPicture("The source no longer has this picture.", gone=True)
                if answer.status != 200:
                    raise NoPicture(f"The source answered {answer.status}: try again later.")
                body: bytes = answer.read(MOST_BYTES + 1)
            except urllib3.exceptions.HTTPError:
                raise NoPicture("The source broke off: try again later.") from None
            finally:
                answer.release_conn()
            if len(body) > MOST_BYTES:
                raise NoPicture("The picture is too large to be shown here.")
            return body
        raise NoPicture("The source sends from one address to the next without an end.")

    def _get(self, url: str) -> urllib3.BaseHTTPResponse:
        try:
            return self._pool.request("GET", url, redirect=False, preload_content=False, headers={"Accept": "image/*"})
        except urllib3.exceptions.HTTPError:
            raise NoPicture("The source does not answer: try again later.") from None


class Gallery:
    """Thumbnails and full pictures by (rover, sol, name)."""

    def __init__(self, fetcher: Fetcher, store: Store) -> None:
        self._fetcher, self._store = fetcher, store
        self._threads = ThreadPoolExecutor(3, thread_name_prefix="pictures")
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._held = 0
        self._making: dict[str, asyncio.Task[bytes]] = {}
        self._gone: OrderedDict[str, float] = OrderedDict()
        self._opening = asyncio.Lock()

    def close(self) -> None:
        """Let go of the threads."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def kept(self, key: str, size: str) -> Picture | None:
        """Return a thumbnail that was made before, None where it was not."""
        name = f"{THUMBNAILS}/{key}-{size}.webp"
        if name in self._memory:
            self._memory.move_to_end(name)
            return Picture(self._memory[name], "image/webp")
        body = await self._store.read(name)
        if body is None:
            return None
        self._remember(name, body)
        return Picture(body, "image/webp")

    async def thumbnail(self, key: str, size: str, address: Address) -> Picture:
        """Make a thumbnail, once however many ask, and keep it. Raises NoPicture."""
        name = f"{THUMBNAILS}/{key}-{size}.webp"
        if time.monotonic() < self._gone.get(key, 0.0):
            raise NoPicture("The source no longer has this picture.", gone=True)
        task = self._making.get(name)
        if task is None:
            task = self._making[name] = asyncio.create_task(self._make(key, name, SIZES[size], address))
            task.add_done_callback(lambda _: self._making.pop(name, None))
        return Picture(await asyncio.shield(task), "image/webp")

    async def original(self, key: str, address: Address) -> Picture:
        """Return the picture as its source has it. Raises NoPicture."""
        body = await self._fetch(key, address)
        loop = asyncio.get_running_loop()
        return Picture(body, await loop.run_in_executor(self._threads, media_of, body))

    async def _make(self, key: str, name: str, longest: int, address: Address) -> bytes:
        body = await self._fetch(key, address)
        loop = asyncio.get_running_loop()
        async with self._opening:  # one at a time: an open picture takes tens of megabytes
            made = await loop.run_in_executor(self._threads, shrink, body, longest)
        self._remember(name, made)
        await self._store.write(name, made, "image/webp")
        return made

    async def _fetch(self, key: str, address: Address) -> bytes:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, self._fetcher.fetch, address)
        except NoPicture as problem:
            if problem.gone:
                self._gone[key] = time.monotonic() + GONE_SECONDS
                while len(self._gone) > 5000:
                    self._gone.popitem(last=False)
            raise

    def _remember(self, name: str, body: bytes) -> None:
        self._held += len(body) - len(self._memory.pop(name, b""))
        self._memory[name] = body
        while self._held > MEMORY:
            self._held -= len(self._memory.popitem(last=False)[1])
