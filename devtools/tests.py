"""`./dev test`: builds everything, then ctest and pytest against servers of their own."""

import os
import re
import shutil
import subprocess
import sys
import time
import xml.etree.ElementTree as xml
from dataclasses import dataclass
from pathlib import Path

from devtools import builds, console, folders, grpcurl, kafka, programs
from devtools.parallel import together
from devtools.processes import Failed
from devtools.servers import TestServers

LOGS = folders.ROOT / ".state" / "logs"


@dataclass
class Counts:
    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def __add__(self, other: "Counts") -> "Counts":
        return Counts(
            self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped
        )


def run(selection: list[str], *, preset: str = "dev") -> int:
    """Runs the tests whose names contain one of the words; all of them without words."""
    begin = time.monotonic()
    seconds: dict[str, float] = {}
    pattern = "|".join(re.escape(word) for word in selection)
    servers = TestServers()
    failed = True
    try:
        with _timed(seconds, "build and servers"):
            together(
                lambda: _build(pattern, preset),
                lambda: _start(servers),
            )
        results = servers.folder / "results"
        environment = {
            **os.environ,
            **servers.environment(),
            "ORDER_SAGA_BIN_DIR": str(builds.binaries(preset)),
            "ORDER_SAGA_GRPCURL": str(grpcurl.path()),
            "ORDER_SAGA_TEST_LOGS": str(servers.folder / "systems"),
        }
        with _timed(seconds, "ctest"):
            cpp = _ctest(pattern, preset, results, environment)
        with _timed(seconds, "pytest"):
            python = _pytest(selection, results, environment)
        total = cpp + python
        failed = total.failed > 0
        if selection and not total.passed + total.failed:
            raise Failed(
                f"No test is called {' or '.join(selection)}",
                fix="ctest --test-dir build/dev -N lists the C++ tests, tests/ holds the Python ones.",
            )
    finally:
        keep = failed and (servers.folder / "results").exists()
        servers.stop(keep=keep)
        if keep:
            _keep_logs(servers.folder)
    console.say("\nTime: " + ", ".join(f"{what} {took:.0f} s" for what, took in seconds.items()))
    console.say(f"C++:    {cpp.passed} passed, {cpp.failed} failed, {cpp.skipped} skipped")
    console.say(f"Python: {python.passed} passed, {python.failed} failed, {python.skipped} skipped")
    console.say(f"In {time.monotonic() - begin:.0f} s:")
    console.say(f"{total.passed} passed, {total.failed} failed")
    return 1 if failed else 0


def run_with_servers(command: list[str]) -> int:
    """`./dev test-env CMD…`: one command with servers of its own and the tests' environment."""
    servers = TestServers()
    try:
        with console.step("Starting Postgres and Kafka for the tests"):
            _start(servers, quiet=True)
        environment = {
            **os.environ,
            **servers.environment(),
            "ORDER_SAGA_BIN_DIR": os.environ.get("ORDER_SAGA_BIN_DIR", str(builds.binaries())),
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        try:
            return subprocess.run(command, env=environment).returncode
        except OSError as error:
            raise Failed(f"{command[0]} cannot be run: {error.strerror}") from error
    finally:
        servers.stop()


def count_junit(text: str) -> Counts:
    """The counts in a JUnit file of GoogleTest or pytest."""
    counts = Counts()
    for case in xml.fromstring(text).iter("testcase"):
        if case.find("failure") is not None or case.find("error") is not None:
            counts.failed += 1
        elif case.find("skipped") is not None or case.get("status") == "notrun":
            counts.skipped += 1
        else:
            counts.passed += 1
    return counts


def count_program(program: xml.Element, cases: Path) -> Counts:
    """The counts of one program of ctest's JUnit file, whose own is `cases`. One that crashed, or
    could not be run, is a failure."""
    counts = count_junit(cases.read_text()) if cases.exists() else Counts()
    if program.get("status") != "run" and not counts.failed:
        counts.failed += 1
    return counts


def _build(pattern: str, preset: str) -> None:
    """Everything; for a selection the C++ tests that it names and the five programs."""
    log = LOGS / "build.log"
    targets = []
    if pattern:
        builds.refresh(preset, log)
        command = ["ctest", "--test-dir", str(folders.build(preset)), "-N", "-R", pattern]
        listed = subprocess.run(command, capture_output=True, text=True).stdout
        targets = re.findall(r"Test +#\d+: (\S+)", listed) + [p.name for p in programs.ALL]
    builds.build(targets, log=log, preset=preset)


def _start(servers: TestServers, *, quiet: bool = False) -> None:
    kafka.fetch_jars(LOGS / "setup.log")
    if quiet:
        servers.start()
        return
    with console.step("Starting Postgres and Kafka for the tests"):
        servers.start()
    if not grpcurl.path().exists():
        with console.step(f"Building grpcurl {grpcurl.VERSION}"):
            grpcurl.fetch(LOGS / "setup.log")


def _ctest(pattern: str, preset: str, results: Path, environment: dict[str, str]) -> Counts:
    """Counts single cases; a program that crashes leaves no file and counts as one failure."""
    results.mkdir(parents=True, exist_ok=True)
    command = ["ctest", "--test-dir", str(folders.build(preset)), "--output-on-failure"]
    command += [f"-j{2 * len(os.sched_getaffinity(0))}", "--no-tests=ignore"]
    command += ["--output-junit", str(results / "ctest.xml")]
    if pattern:
        command += ["-R", pattern]
    console.say(f"\nC++ tests: {' '.join(command[:3])} …")
    subprocess.run(command, env={**environment, "GTEST_OUTPUT": f"xml:{results}/gtest/"})
    counts = Counts()
    outer = results / "ctest.xml"
    if not outer.exists():
        return counts
    tests = list(xml.fromstring(outer.read_text()).iter("testcase"))
    for program in tests:
        counts += count_program(program, results / "gtest" / f"{program.get('name')}.xml")
    slowest = sorted(tests, key=lambda p: -float(p.get("time") or 0))[:5]
    if slowest:
        console.say(
            "Slowest: "
            + ", ".join(f"{p.get('name')} {float(p.get('time') or 0):.1f} s" for p in slowest)
        )
    return counts


def _pytest(selection: list[str], results: Path, environment: dict[str, str]) -> Counts:
    report = results / "pytest.xml"
    command = [sys.executable, "-m", "pytest", "tests", f"-n{len(os.sched_getaffinity(0))}"]
    command += ["--dist=loadfile", "--durations=5", f"--junitxml={report}", "-q"]
    if selection:
        command += ["-k", " or ".join(re.sub(r"\W", "_", word) for word in selection)]
    console.say("\nPython tests: pytest tests")
    code = subprocess.run(command, cwd=folders.ROOT, env=environment).returncode
    counts = count_junit(report.read_text()) if report.exists() else Counts()
    if code not in (0, 5) and not counts.failed:
        counts.failed += 1  # it broke before a test could: a wrong import, a bad fixture
    return counts


def _keep_logs(folder: Path) -> None:
    """What failed is looked into later: the logs stay, the servers' data does not."""
    kept = LOGS.parent / "test-failure"
    shutil.rmtree(kept, ignore_errors=True)
    for log in folder.rglob("*.log"):
        target = kept / log.relative_to(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(log, target)
    shutil.rmtree(folder, ignore_errors=True)
    console.say(f"\nThe logs of the servers and programs are in {kept}")


class _timed:
    def __init__(self, seconds: dict[str, float], what: str):
        self._seconds, self._what = seconds, what

    def __enter__(self) -> None:
        self._begin = time.monotonic()

    def __exit__(self, *_: object) -> None:
        self._seconds[self._what] = time.monotonic() - self._begin
