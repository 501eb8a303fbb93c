"""A real browser for tests: Debian's Chromium, driven through its own protocol."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

ARTEFACTS = Path(os.environ.get("MARS_ARTEFACTS", ".artefacts")) / "dashboard"
PATIENCE = 60_000
"""Milliseconds for a condition to come true on a busy machine."""
SIZES = {"desk": (1280, 900), "phone": (390, 844)}


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the browser; without one the tests are skipped, unless the run promised one."""
    path = os.environ.get("MARS_CHROMIUM") or shutil.which("chromium")
    if path is None:
        if os.environ.get("MARS_REQUIRE_CHROMIUM"):
            pytest.fail("there is no Chromium: apt-get install chromium")
        pytest.skip("needs Chromium: apt-get install chromium")
    # Its own sandbox does not start for root, as which tests run in containers.
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=path, args=arguments)
        try:
            yield browser
        finally:
            browser.close()


@dataclass
class Tab:
    """One open page, and what went wrong in it."""

    page: Page
    base: str
    troubles: list[str] = field(default_factory=list)

    def open(self, path: str) -> Page:
        """Go to a page of the site, and wait until it is not one that is still being read."""
        self.page.goto(self.base + path, wait_until="load", timeout=PATIENCE)
        self.page.wait_for_function("() => !document.body.innerText.includes('Reading the archive')", timeout=PATIENCE)
        return self.page

    def shot(self, name: str) -> None:
        """Keep a picture of the page as an artefact of the run."""
        ARTEFACTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=ARTEFACTS / f"{name}.png", full_page=True)

    def barriers(self) -> list[str]:
        """Return what axe finds that is serious or critical."""
        found: list[dict[str, Any]] = Axe().run(self.page).response["violations"]
        return [
            f"{one['id']}: {[node['target'] for node in one['nodes']][:3]}"
            for one in found
            if one["impact"] in ("serious", "critical")
        ]

    def too_wide(self) -> bool:
        """Return whether the page has to be moved sideways to be read."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > innerWidth + 1"))


@contextmanager
def tab(browser: Browser, base: str, size: str = "desk", scheme: str = "light") -> Iterator[Tab]:
    """Yield a fresh visitor's tab; at its end no script may have failed and no policy may have been broken."""
    width, height = SIZES[size]
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme)  # type: ignore[arg-type]
    opened = Tab(context.new_page(), base)
    opened.page.set_default_timeout(PATIENCE)
    opened.page.on("pageerror", lambda error: opened.troubles.append(str(error)))
    opened.page.on(
        "console",
        lambda said: opened.troubles.append(said.text) if "Content Security Policy" in said.text else None,
    )
    try:
        yield opened
        assert opened.troubles == []
    finally:
        context.close()
