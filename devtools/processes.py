"""Background processes: started in a session of their own, found again by a pid file."""

import os
import signal
import subprocess
import threading
import time
from pathlib import Path

_foreground: set[subprocess.Popen] = set()
_foreground_lock = threading.Lock()
_stopping = threading.Event()


class Interrupted(Exception):
    """This piece of work was given up because another one failed, or by Ctrl-C."""


class Failed(Exception):
    """A step that did not work. The text says why and what to do; `log` holds the details."""

    def __init__(self, reason: str, *, fix: str = "", log: Path | None = None):
        super().__init__(reason)
        self.fix = fix
        self.log = log


def identity(user: str | None) -> dict:
    """Popen's arguments to run as `user`, which needs root; None stays who we are."""
    return {"user": user, "group": user, "extra_groups": []} if user else {}


def run(
    command: list[str],
    *,
    log: Path,
    env: dict[str, str] | None = None,
    user: str | None = None,
    cwd: Path | None = None,
) -> int:
    """Runs `command` to its end, its output appended to the log; answers the exit code.

    Ctrl-C does not reach it by itself: see give_up().
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
            **identity(user),
        )
    with _foreground_lock:
        _foreground.add(process)
    if _stopping.is_set():
        _end(process)  # give_up() came before it was listed
    try:
        process.wait()
    except BaseException:
        _end(process)
        raise
    finally:
        with _foreground_lock:
            _foreground.discard(process)
    if _stopping.is_set():
        raise Interrupted
    return process.returncode


def pause(seconds: float) -> None:
    """For loops that wait: sleeps, and raises Interrupted once give_up() was called."""
    if _stopping.wait(seconds):
        raise Interrupted


def give_up() -> None:
    """Ends what run() is running in any thread, and the loops that pause(). See resume()."""
    _stopping.set()
    with _foreground_lock:
        running = list(_foreground)
    for process in running:
        _end(process)


def resume() -> None:
    """After give_up(), once everybody has: there is work again, if only tidying up."""
    _stopping.clear()


def _end(process: subprocess.Popen) -> None:
    try:
        os.killpg(process.pid, signal.SIGTERM)
    except OSError:
        pass  # it has just ended


def start(
    command: list[str],
    *,
    log: Path,
    pid_file: Path,
    env: dict[str, str] | None = None,
    user: str | None = None,
    append: bool = True,
    cwd: Path | None = None,
) -> subprocess.Popen:
    """Starts `command` so that it outlives this process and Ctrl-C does not reach it.

    `user` needs root; None stays who we are. `env` is added to our environment.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with open(log, "ab" if append else "wb") as out:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            env={**os.environ, **(env or {})},
            cwd=cwd,
            start_new_session=True,
            **identity(user),
        )
    pid_file.parent.mkdir(parents=True, exist_ok=True)
    pid_file.write_text(f"{process.pid} {_start_time(process.pid)}\n")
    return process


def running_pid(pid_file: Path) -> int | None:
    """The pid in the file, if that very process still runs (pids are used again)."""
    try:
        pid, started = pid_file.read_text().split()
    except (OSError, ValueError):
        return None
    return int(pid) if is_running(int(pid)) and _start_time(int(pid)) == started else None


def is_running(pid: int) -> bool:
    """True if the process exists and has not ended (a zombie has, once all its threads have)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        # Until the last of a killed process's threads ends, its ports are taken.
        threads = len(os.listdir(f"/proc/{pid}/task"))
    except OSError:
        return False
    if state == "Z" and threads <= 1:
        _reap(pid)
        return False
    return True


def stop(pid: int, *, sign: int = signal.SIGTERM, grace_seconds: float = 15) -> bool:
    """Sends `sign` and waits; SIGKILL after `grace_seconds`. True if it ended by itself."""
    for current, patience in ((sign, grace_seconds), (signal.SIGKILL, 10.0)):
        try:
            os.kill(pid, current)
        except ProcessLookupError:
            return current == sign
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            if not is_running(pid):
                return current == sign
            time.sleep(0.02)
    return False


def _start_time(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return "0"


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # not a child of this process: its parent collects it
