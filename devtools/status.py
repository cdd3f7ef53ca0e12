"""`./dev status` and `./dev logs`: what runs, where, and what it says."""

import os

from devtools import console, order_demo, programs, run
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
    if holder:
        console.say(f"\nProcess {holder} (./dev run) watches over it.")
    elif not running:
        console.say("\nStart it: ./dev run")
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


def _is_ready(standing: Standing, name: str) -> bool:
    if name == "postgres":
        return standing.cluster.is_ready()
    if name == "kafka":
        return standing.broker.is_ready()
    return standing.deployment.is_ready(name)
