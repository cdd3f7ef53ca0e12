"""`./dev chaos`: the fault suite, round after round with the next seed, against real processes.

A round is every test of tests/ with `chaos` in its name. What a test counts (pytest's record_property) is
summed up.
"""

import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml
from collections import Counter
from pathlib import Path
from random import Random

from devtools import builds, console, folders, kafka, programs, tests
from devtools.processes import Failed

KILLS = "ORDER_SAGA_CHAOS_KILLS"
SEED = "ORDER_SAGA_CHAOS_SEED"


def run(*, minutes: float, seed: int | None, kills: int) -> int:
    """At least one round; none begins when the time is over. Answers 0 if all passed."""
    builds.build([programs.RELAY.name], log=tests.LOGS / "build.log")
    kafka.fetch_jars(tests.LOGS / "setup.log")
    seed = seed if seed is not None else Random().randrange(1, 1_000_000)
    console.say(f"seed {seed}")
    until = time.monotonic() + 60 * minutes
    total, counts, failed_seeds = tests.Counts(), Counter(), []
    while True:
        with tempfile.TemporaryDirectory(prefix="order-saga-chaos-") as folder:
            outcome, counted = _round(seed, kills, Path(folder))
        total += outcome
        counts.update(counted)
        words = ", ".join(f"{name} {count}" for name, count in counted.items())
        console.say(f"seed {seed}: {outcome.passed} passed, {outcome.failed} failed; {words}")
        if outcome.failed:
            failed_seeds.append(seed)
        if time.monotonic() >= until:
            break
        seed += 1
    console.say()
    for name, count in counts.items():
        console.say(f"{name} {count}")
    if failed_seeds:
        console.say(f"failed seeds: {' '.join(map(str, failed_seeds))}; logs: {_logs()}")
    console.say(f"{total.passed} passed, {total.failed} failed")
    return 1 if total.failed else 0


def read_counts(junit: str) -> Counter[str]:
    """The sums of the properties that are numbers."""
    counts: Counter[str] = Counter()
    for found in xml.fromstring(junit).iter("property"):
        counts[found.get("name", "")] += int(found.get("value", "0"))
    return counts


def _round(seed: int, kills: int, folder: Path) -> tuple[tests.Counts, Counter[str]]:
    report = folder / "pytest.xml"
    environment = {
        **os.environ,
        "ORDER_SAGA_BIN_DIR": str(builds.binaries()),
        "ORDER_SAGA_TEST_LOGS": str(_logs() / f"seed-{seed}"),
        SEED: str(seed),
        KILLS: str(kills),
    }
    command = [sys.executable, "-m", "pytest", "tests", "-k", "chaos", "-q", "--no-header"]
    command += [f"--junitxml={report}", f"--basetemp={folder / 'pytest'}"]
    done = subprocess.run(
        command, cwd=folders.ROOT, env=environment, stdout=subprocess.PIPE, text=True
    )
    if done.returncode:
        console.say(done.stdout)
    if done.returncode not in (0, 1):  # 1: tests failed
        raise Failed("pytest broke before a test could", fix="Mend what it names above.")
    return tests.count_junit(report.read_text()), read_counts(report.read_text())


def _logs() -> Path:
    return tests.LOGS.parent / "chaos"
