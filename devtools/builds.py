"""Configuring and compiling with CMake's presets."""

import fcntl
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from devtools import console, folders, processes
from devtools.processes import Failed


def build(targets: list[str], *, log: Path, preset: str = "dev") -> None:
    """Compiles `targets` (none: everything). Configures first where that is needed."""
    with _alone_in(folders.build(preset)):
        _build(targets, log, preset)


def _build(targets: list[str], log: Path, preset: str) -> None:
    configure(preset, log)
    what = f"{len(targets)} targets" if targets else "everything"
    title = f"Building {targets[0] if len(targets) == 1 else what} ({preset})"
    begin = log.stat().st_size if log.exists() else 0
    with console.step(title, detail=lambda: _progress(log, begin)) as step:
        command = ["ninja", "-C", str(folders.build(preset)), f"-j{_jobs()}", *targets]
        if processes.run(command, log=log, env=_ninja_environment()) != 0:
            raise Failed(
                "The build failed",
                fix="Mend what the compiler names above, or update the checkout.",
                log=_failed_part(log, begin),
            )
        done = _progress(log, begin).partition("/")[2]
        step.note = f"{done} steps" if done else "nothing to do"


def binaries(preset: str = "dev") -> Path:
    return folders.build(preset) / "bin"


@contextmanager
def _alone_in(folder: Path) -> Iterator[None]:
    """Two builds in one folder would spoil it: the second waits."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w", encoding="utf-8") as file:
        if not _try_lock(file):
            with console.step(f"Waiting for another ./dev that builds in {folder}"):
                while not _try_lock(file):
                    processes.pause(0.2)
        yield


def _try_lock(file: IO) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    except BlockingIOError:
        return False


def _ninja_environment() -> dict[str, str]:
    """ccache then recognizes the same file in another clone. Debug information may name that one."""
    return {
        "NINJA_STATUS": "[%f/%t] ",
        "CCACHE_BASEDIR": str(folders.ROOT),
        "CCACHE_NOHASHDIR": "1",
        # Without these it takes no file that has a precompiled header (cmake/precompiled.cmake).
        "CCACHE_SLOPPINESS": "pch_defines,time_macros",
    }


def configure(preset: str, log: Path) -> None:
    """Runs CMake where that is needed."""
    folder = folders.build(preset)
    stamp = folder / "cmake_lists.txt"
    # A folder that appears is added by the top level, which ninja does not notice.
    wanted = "\n".join([str(folders.ROOT), *_cmake_lists()])
    if (folder / "build.ninja").exists() and stamp.exists():
        if stamp.read_text() == wanted:
            return
        if stamp.read_text().partition("\n")[0] != str(folders.ROOT):
            shutil.rmtree(folder)  # the checkout was moved
    with console.step(f"Configuring ({preset})"):
        if processes.run(["cmake", "--preset", preset], log=log, cwd=folders.ROOT) != 0:
            raise Failed(
                "CMake could not configure the build",
                fix=f"If a package is named above, install it; if that does not help, remove {folder}.",
                log=log,
            )
        stamp.write_text(wanted)


def refresh(preset: str, log: Path) -> None:
    """Configures, and has CMake look again at its files where they have changed: what is asked of
    the folder before it is built, as which tests there are, is true."""
    with _alone_in(folders.build(preset)):
        configure(preset, log)
        command = ["ninja", "-C", str(folders.build(preset)), "build.ninja"]
        if processes.run(command, log=log) != 0:
            raise Failed(
                "CMake could not configure the build",
                fix="Mend what it says of a CMakeLists.txt, or update the checkout.",
                log=log,
            )


def _cmake_lists() -> list[str]:
    found = []
    for folder, inner, files in os.walk(folders.ROOT):
        inner[:] = sorted(
            i for i in inner if not i.startswith(".") and i not in ("build", "node_modules")
        )
        if "CMakeLists.txt" in files:
            found.append(os.path.relpath(folder, folders.ROOT))
    return found


def _jobs() -> int:
    """One more than there are cores, but no more than the memory carries (1.2 GB a compiler)."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return max(1, min(len(os.sched_getaffinity(0)) + 1, memory // 1_200_000_000))


def _progress(log: Path, begin: int) -> str:
    """ninja's last "12/345" after byte `begin` of the log."""
    try:
        with open(log, "rb") as file:
            file.seek(0, 2)
            file.seek(max(begin, file.tell() - 8192))
            found = re.findall(rb"^\[(\d+/\d+)\]", file.read(), re.MULTILINE)
    except OSError:
        return ""
    return found[-1].decode() if found else ""


def _failed_part(log: Path, begin: int) -> Path:
    """The compiler's first complaint, in a file of its own: other jobs go on behind it."""
    with open(log, "rb") as file:
        file.seek(begin)
        text = file.read().decode(errors="replace")
    at = text.find("\nFAILED: ")
    if at < 0:
        return log
    lines = text[at + 1 :].split("\n")
    end = next(
        (i for i, line in enumerate(lines[1:], 1) if re.match(r"\[\d+/\d+\]|FAILED: ", line)), None
    )
    short = log.with_name("build-error.log")
    # Not the compiler's command line, which is long and says nothing.
    complaint = [line for line in lines[:end] if not line.startswith("/usr/bin/ccache ")]
    short.write_text("\n".join(complaint[:20]) + "\n")
    return short
