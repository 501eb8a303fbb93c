"""A Docker engine on a machine that has none: Debian's packages, started by hand, stopped and removed by ``clean``."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

from mm_hack import cache, machine
from mm_hack.places import cache_root, logs_root
from mm_hack.progress import Progress
from mm_hack.run import SetupError, attempt, run

START_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0

CAPABILITY_NAMES = (
    "CHOWN", "DAC_OVERRIDE", "DAC_READ_SEARCH", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID", "SETPCAP",
    "LINUX_IMMUTABLE", "NET_BIND_SERVICE", "NET_BROADCAST", "NET_ADMIN", "NET_RAW", "IPC_LOCK", "IPC_OWNER",
    "SYS_MODULE", "SYS_RAWIO", "SYS_CHROOT", "SYS_PTRACE", "SYS_PACCT", "SYS_ADMIN", "SYS_BOOT", "SYS_NICE",
    "SYS_RESOURCE", "SYS_TIME", "SYS_TTY_CONFIG", "MKNOD", "LEASE", "AUDIT_WRITE", "AUDIT_CONTROL", "SETFCAP",
    "MAC_OVERRIDE", "MAC_ADMIN", "SYSLOG", "WAKE_ALARM", "BLOCK_SUSPEND", "AUDIT_READ", "PERFMON", "BPF",
    "CHECKPOINT_RESTORE",
)  # fmt: skip
"""By number, as in linux/capability.h."""


def capability(number: int) -> str:
    """A capability's name: 24 is ``CAP_SYS_RESOURCE``."""
    return f"CAP_{CAPABILITY_NAMES[number]}" if number < len(CAPABILITY_NAMES) else f"CAP_{number}"


def home() -> Path:
    """The engine's own folder: its data, its process id and the runtime wrapper."""
    return cache_root() / "engine"


def own_process() -> int | None:
    """The process id of the engine that this package started, if it runs."""
    try:
        pid = int((home() / "dockerd.pid").read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, ValueError):
        return None
    return pid if str(home() / "data").encode() in command else None


def install_packages(names: tuple[str, ...], progress: Progress) -> None:
    """Install Debian packages that are missing.

    Raises:
        SetupError: the machine has no apt, or a package cannot be installed.
    """
    states = attempt(["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *names]) or ""
    present = {line.split()[0] for line in states.splitlines() if line.split()[1:2] == ["ii"]}
    if not present:  # dpkg-query fails as a whole when it does not know one of several names
        status = ["dpkg-query", "-W", "-f", "${db:Status-Abbrev}"]
        present = {name for name in names if "ii" in (attempt([*status, name]) or "")}
    wanted = [name for name in names if name not in present]
    if not wanted:
        return
    if not (machine.is_root() and machine.has_apt()):
        raise SetupError(f"Packages are missing: {', '.join(wanted)}. Install them, or run this as root on Debian.")
    with progress.step(f"install {', '.join(wanted)}", about=30), cache.lock("apt"):
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run(["apt-get", "update", "-qq"], log="apt", env=quiet)
        run(["apt-get", "install", "-y", "-qq", "--no-install-recommends", *wanted], log="apt", env=quiet)


def ensure(progress: Progress) -> None:
    """Have a Docker engine answer: the one that runs, else ours, installed and started.

    Raises:
        SetupError: it cannot be installed or does not start; the text says why.
    """
    if machine.engine_version():
        return
    missing = machine.missing_here()
    if hopeless := [capability(number) for number in missing if number in machine.NEEDED_CAPABILITIES]:
        raise SetupError(f"This machine cannot run containers: it lacks {', '.join(hopeless)}. Use another one.")
    if shutil.which("dockerd") is None or shutil.which("docker") is None:
        install_packages(("docker.io",), progress)
    with progress.step("start the Docker engine") as step, cache.lock("engine"):
        if machine.engine_version():
            return
        _start(missing)
        if missing:
            step.note = f"without {', '.join(capability(number) for number in missing)}, which this machine lacks"


def forget_dead(pid_file: Path, program: str) -> None:
    """Delete the pid file of a process that is gone.

    A machine that was stopped leaves them; by the next start the number may be another process's, and the engine would
    take that for itself and refuse to start.
    """
    try:
        alive = Path(f"/proc/{int(pid_file.read_text())}/comm").read_text().strip() == program
    except (OSError, ValueError):
        alive = False
    if not alive:
        pid_file.unlink(missing_ok=True)


def _start(missing: list[int]) -> None:
    home().mkdir(parents=True, exist_ok=True)
    forget_dead(home() / "dockerd.pid", "dockerd")
    forget_dead(Path("/var/run/docker/containerd/containerd.pid"), "containerd")
    command = [
        *("dockerd", "--data-root", str(home() / "data"), "--pidfile", str(home() / "dockerd.pid")),
        *("--exec-opt", "native.cgroupdriver=cgroupfs", "--storage-driver", "overlay2"),
    ]
    if missing:
        command += ["--add-runtime", f"reduced={_wrapper(missing)}", "--default-runtime", "reduced"]
    log = logs_root() / "dockerd.log"
    with log.open("ab") as sink:
        start = sink.tell()
        # A session of its own: the engine stays when this command ends, as a service would.
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True, cwd="/"
        )
    deadline = time.monotonic() + START_TIMEOUT
    while machine.engine_version() is None:
        if process.poll() is not None or time.monotonic() > deadline:
            with log.open("rb") as source:
                source.seek(start)
                said = source.read().decode(errors="replace").strip().splitlines()[-10:]
            process.terminate()
            raise SetupError("The Docker engine did not start; its log is " + str(log) + "\n    " + "\n    ".join(said))
        time.sleep(0.2)


def _wrapper(missing: list[int]) -> Path:
    """The runtime that leaves out what the machine lacks, as an executable file of its own in the cache."""
    runc = shutil.which("runc")
    if runc is None:
        raise SetupError("Docker is installed but runc is not: apt-get install runc.")
    source = Path(__file__).with_name("runc_wrapper.py")
    names = ",".join(capability(number) for number in missing)

    def make(folder: Path) -> None:
        (folder / "wrapper.py").write_text(source.read_text())
        script = folder / "runc"
        inner = '$(dirname "$(readlink -f "$0")")/wrapper.py'
        script.write_text(f'#!/bin/sh\nexec {os.path.realpath(sys.executable)} -I -S "{inner}" {runc} {names} "$@"\n')
        script.chmod(0o755)

    return cache.folder("runtime", cache.content_key(source, runc, names, sys.executable), make) / "runc"


def stop() -> bool:
    """End the engine that this package started, and wait until it is gone. False if there is none.

    Raises:
        SetupError: it does not end.
    """
    pid = own_process()
    if pid is None:
        return False
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT
    while own_process() is not None:
        if time.monotonic() > deadline:
            raise SetupError(f"The Docker engine (process {pid}) does not end; `kill -9 {pid}` ends it.")
        time.sleep(0.2)
    return True
