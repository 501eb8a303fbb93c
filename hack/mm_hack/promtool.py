"""promtool, which checks and tests Prometheus' rules: the machine's own, else the one of Debian's package."""

import shutil
from pathlib import Path

from mm_hack import cache
from mm_hack.places import cache_root
from mm_hack.run import SetupError, run


def find() -> Path:
    """Return promtool's path; where the machine has none, Debian's package is fetched and unpacked, not installed.

    Raises:
        SetupError: there is none and none can be had; the message says how to get one.
    """
    if found := shutil.which("promtool"):
        return Path(found)
    if shutil.which("apt-get") is None or shutil.which("dpkg-deb") is None:
        raise SetupError("There is no promtool: put Prometheus' promtool on the PATH.")

    def make(folder: Path) -> None:
        # A failure leaves no folder behind: the next call tries again.
        run(["apt-get", "download", "-qq", "prometheus"], log="promtool", cwd=folder)
        (package,) = folder.glob("prometheus_*.deb")
        run(["dpkg-deb", "--extract", str(package), str(folder / "root")], log="promtool", cwd=folder)
        shutil.copy(folder / "root/usr/bin/promtool", folder / "promtool")
        cache.remove(folder / "root")
        package.unlink()

    return cache.folder("promtool", "debian", make) / "promtool"


def cached() -> Path:
    """Return where an unpacked promtool lies, whether it is there or not."""
    return cache_root() / "promtool" / "debian" / "promtool"
