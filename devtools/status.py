"""`./dev status` and `./dev logs`: what runs, where, and what it says."""

import os
import time
from pathlib import Path

from devtools import console, metrics, order_demo, programs, run
from devtools.processes import Failed
from devtools.standing import Standing


def status() -> int:
    """Answers 0 if everything runs and is ready, else 1."""
    standing = Standing()
    running = standing.running()
    rows = []
    healthy = True
    for name, *addresses in run.addresses(standing):
        pid = running.get(name)
        ready = pid is not None and _is_ready(standing, name)
        healthy = healthy and ready
        state = "ready" if ready else "NOT READY" if pid else "stopped"
        rows.append([name, state, f"pid {pid}" if pid else "", *addresses])
    console.say(console.table(rows, indent=""))
    if running:
        console.say("\nOutbox lag")
        console.say(
            console.table([lag.row() for lag in order_demo.outbox_lag(standing.deployment)])
        )
    holder = standing.lock().holder()
    if running:
        for name in (row[0] for row in rows if row[1] != "ready"):
            console.say(f"\n{_trouble(standing, name, running)}")
    missing = len(running) < len(rows)
    if holder:
        again = ", and starts again what is missing" if running and missing else ""
        console.say(f"\nProcess {holder} (./dev run) watches over it{again}.")
    elif not running:
        console.say("\nStart it: ./dev run")
    elif missing:
        console.say("\nStart what is missing: ./dev run (or ./dev run --detach). Nothing is lost.")
    return 0 if healthy else 1


def logs(name: str | None, *, follow: bool) -> int:
    """One log's end; without a name, which logs there are."""
    standing = Standing()
    found = sorted(standing.logs.glob("*.log"))
    if not found:
        raise Failed(f"There are no logs in {standing.logs} yet", fix="./dev run makes some.")
    if name is None:
        for path in found:
            console.say(f"{path.stem.ljust(24)} {''.join(console.last_lines(path, 1))[:90]}")
        console.say("\nOne of them: ./dev logs order-service [-f]")
        return 0
    try:
        name = programs.find(name).name
    except KeyError:
        pass  # not a program's: postgres, kafka, build
    path = standing.logs / f"{name}.log"
    if path not in found:
        raise Failed(
            f"There is no log {name}", fix=f"There are: {', '.join(p.stem for p in found)}"
        )
    if follow:
        os.execvp("tail", ["tail", "-n", "100", "-F", str(path)])
    console.say("\n".join(console.last_lines(path, 100)))
    return 0


def _trouble(standing: Standing, name: str, running: dict[str, int]) -> str:
    """What is known about a program or server that does not run, or is not ready."""
    if name not in running:
        pid_file, log = standing.deployment.pid_file(name), standing.deployment.log(name)
        return "\n".join(obituary(name, pid_file, log, time.time()))
    if name in (p.name for p in programs.ALL):
        answer = metrics.get(standing.deployment.http_address(name), "/readyz")[1].strip()
        return f"{name} runs, but is not ready: {answer or 'no answer'}\n  More: ./dev logs {name}"
    return f"{name} runs, but does not answer\n  More: ./dev logs {name}"


def obituary(name: str, pid_file: Path, log: Path, now: float) -> list[str]:
    """Lines about what was started once and does not run. A kill leaves no time of death."""
    started, wrote = _seconds_since(pid_file, now), _seconds_since(log, now)
    if started is None:
        return [f"{name} does not run, and was not started here yet"]
    lines = [f"{name} has ended. It was started {_ago(started)}."]
    last = [line for line in console.last_lines(log, 5) if line.strip()]
    if wrote is not None and last:
        lines += [f"  Its last line, {_ago(wrote)}:", f"    {last[-1]}"]
    return [*lines, f"  More: ./dev logs {name}"]


def _seconds_since(changed: Path, now: float) -> float | None:
    try:
        return max(0.0, now - changed.stat().st_mtime)
    except OSError:
        return None


def _ago(seconds: float) -> str:
    for size, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit} ago"
    return f"{seconds:.0f} seconds ago"


def _is_ready(standing: Standing, name: str) -> bool:
    if name == "postgres":
        return standing.cluster.is_ready()
    if name == "kafka":
        return standing.broker.is_ready()
    return standing.deployment.is_ready(name)
