"""What a person sees: steps with their times, one moving line while something runs, failures."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from devtools.processes import Failed, Interrupted

_lock = threading.Lock()
_running: dict["Step", None] = {}
_ticker: threading.Thread | None = None
_QUIET_SECONDS = 20  # without a terminal: how often a step that still runs says so


class Step:
    """A piece of work under way. `detail` may answer a few words on how far it is."""

    def __init__(self, title: str, detail: Callable[[], str] | None):
        self.title = title
        self.note = ""
        self._detail = detail
        self._begin = time.monotonic()
        self._last_line = self._begin

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._begin

    def __str__(self) -> str:
        detail = self._detail() if self._detail else ""
        return f"{self.title} {self.seconds:.0f} s{' ' + detail if detail else ''}"


@contextmanager
def step(title: str, detail: Callable[[], str] | None = None) -> Iterator[Step]:
    """Shows that `title` is being done, and how long it took when it is done.

    Steps of several threads may overlap. A step shorter than a tenth of a second leaves a line too;
    set `note` to say more on that line.
    """
    current = Step(title, detail)
    with _lock:
        _running[current] = None
        _start_ticker()
    try:
        yield current
    except BaseException as error:
        _forget(current)
        if not isinstance(error, (KeyboardInterrupt, Interrupted)):
            say(f"✗ {title} ({current.seconds:.1f} s)")
        raise
    _forget(current)
    say(f"✓ {title}{': ' + current.note if current.note else ''} ({current.seconds:.1f} s)")


def say(text: str = "") -> None:
    """Prints a line above the moving one."""
    with _lock:
        _erase()
        print(text, flush=True)


def report(failure: Failed) -> None:
    """The reason, the last lines of the log, and what to do."""
    with _lock:
        _erase()
        print(f"\n✗ {failure}", file=sys.stderr)
        if failure.log:
            lines = last_lines(failure.log, 20)
            if lines:
                print(f"  The last lines of {failure.log}:", file=sys.stderr)
            for line in lines:
                print(f"    {line}", file=sys.stderr)
        if failure.fix:
            print(f"  What to do: {failure.fix}", file=sys.stderr)
        sys.stderr.flush()


def last_lines(path: Path, count: int) -> list[str]:
    """The end of a log file; nothing if it cannot be read."""
    try:
        with open(path, "rb") as file:
            file.seek(0, 2)
            file.seek(max(0, file.tell() - 64 * 1024))
            text = file.read().decode(errors="replace")
    except OSError:
        return []
    return [line.rpartition("\r")[2][:400] for line in text.rstrip("\n").split("\n")][-count:]


def table(rows: list[list[str]], indent: str = "  ") -> str:
    """Columns, as wide as their widest cell."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return "\n".join(
        (indent + "  ".join(cell.ljust(width) for cell, width in zip(row, widths))).rstrip()
        for row in rows
    )


def _forget(step: Step) -> None:
    with _lock:
        _running.pop(step, None)


def _erase() -> None:
    if sys.stdout.isatty():
        print("\r\033[K", end="")


def _start_ticker() -> None:
    global _ticker
    if _ticker is None:
        _ticker = threading.Thread(target=_tick, daemon=True)
        _ticker.start()


def _tick() -> None:
    while True:
        time.sleep(0.5)
        with _lock:
            if sys.stdout.isatty():
                if _running:
                    line = " · ".join(str(step) for step in _running)
                    print(f"\r\033[K  {line[:118]}", end="", flush=True)
                continue
            for step in _running:
                if time.monotonic() - step._last_line >= _QUIET_SECONDS:
                    step._last_line = time.monotonic()
                    print(f"  still: {step}", flush=True)
