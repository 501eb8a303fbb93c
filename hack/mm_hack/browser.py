"""The browser that tests drive: Debian's Chromium, installed where packages may be."""

import shutil

from mm_hack import engine, machine
from mm_hack.progress import Progress


def ensure(progress: Progress) -> bool:
    """Return whether there is a Chromium for the tests; install it where this is root on Debian.

    Raises:
        SetupError: it cannot be installed.
    """
    if shutil.which("chromium"):
        return True
    if not (machine.is_root() and machine.has_apt()):
        progress.say("no chromium here: the tests of the dashboard in a browser are skipped (MARS_CHROMIUM names one)")
        return False
    engine.install_packages(("chromium",), progress)
    return True
