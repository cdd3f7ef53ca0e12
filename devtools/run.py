"""`./dev run` and `./dev down`: the whole system on this machine."""

import os
import shutil
import time

from devtools import builds, console, folders, grpcurl, kafka, order_demo, processes, programs
from devtools.parallel import together
from devtools.processes import Failed
from devtools.standing import Standing

# In a minute: a program that cannot live is not started for ever; one that is killed by hand is.
_RESTARTS_AT_MOST = 10


def run(*, once: bool, detach: bool, port_base: int | None) -> int:
    """Answers the exit code: 0 if the order was approved."""
    standing = Standing(port_base, create=True)
    if standing.folder.parent != folders.ROOT:
        console.say(
            f"The user who runs Postgres cannot enter this checkout: state is in {standing.folder}"
        )
    lock = standing.lock()
    if not lock.take():
        raise Failed(
            f"Another ./dev run is at work here (process {lock.holder()})",
            fix="Place orders against it (./dev status), or stop it: ./dev down",
        )
    stood = standing.running()
    keep = False
    try:
        standing.refuse_taken_ports()
        _start(standing)
        try:
            approved = _demonstrate(standing, cold=not stood).status == "APPROVED"
        except Failed as stands_still:
            # What is in its way can be looked at, and put right, only while all runs.
            if once:
                raise
            console.report(stands_still)
            approved = False
        keep = detach
        if not once:
            _print_where(standing, detached=keep)
        if not once and not detach:
            _watch(standing)
        return 0 if approved else 1
    finally:
        if not keep:
            stop(standing)
        lock.release()


def down(*, clean: bool) -> int:
    """Stops everything, whoever started it."""
    standing = Standing()
    holder = standing.lock().holder()
    if holder:
        with console.step(f"Stopping the ./dev run of process {holder}"):
            processes.stop(holder, grace_seconds=60)
    if standing.running():
        stop(standing)
    elif not holder:
        console.say("Nothing runs.")
    if clean:
        shutil.rmtree(standing.folder, ignore_errors=True)
        if standing.folder.exists():
            raise Failed(
                f"{standing.folder} could not be removed", fix=f"sudo rm -r {standing.folder}"
            )
        console.say(f"Removed {standing.folder}")
    return 0


def stop(standing: Standing) -> None:
    """The programs drain, then Kafka and Postgres."""
    if not standing.running():
        return
    with console.step("Stopping the programs") as step:
        killed = standing.deployment.stop_all()
        if killed:
            step.note = f"{', '.join(killed)} did not end within 20 s and had to be killed"
    with console.step("Stopping Kafka and Postgres"):
        together(standing.broker.stop, standing.cluster.stop)


def _start(standing: Standing) -> None:
    deployment = standing.deployment
    setup_log = standing.logs / "setup.log"

    def start_kafka() -> None:
        if not kafka.jars().is_dir():
            with console.step(f"Fetching Kafka {kafka.VERSION} through Maven"):
                kafka.fetch_jars(setup_log)
        with console.step("Starting Kafka") as step:
            standing.broker.start()
            step.note = standing.broker.bootstrap_servers

    def start_postgres() -> None:
        with console.step("Starting Postgres, roles and databases") as step:
            standing.cluster.start()
            deployment.create_databases()
            step.note = f"port {standing.cluster.port}"

    def fetch_grpcurl() -> None:
        if not grpcurl.path().exists():
            with console.step(f"Building grpcurl {grpcurl.VERSION}"):
                grpcurl.fetch(setup_log)
        order_demo.link_grpcurl()

    together(
        lambda: builds.build([p.name for p in programs.ALL], log=standing.logs / "build.log"),
        start_postgres,
        start_kafka,
        fetch_grpcurl,
    )
    for program in programs.ALL:
        if _is_outdated(standing, program.name):
            console.say(f"  {program.name} was built anew: starting it again")
            deployment.stop(program.name)
    with console.step("Migrating the four databases"):
        deployment.migrate_all()
    with console.step("Starting the four services and the relay"):
        for program in programs.ALL:
            deployment.start(program.name)
        together(*(lambda p=p: deployment.wait_ready(p.name) for p in programs.ALL))
    with console.step("Products 123 and 124, customers 1234 and 1235"):
        order_demo.ensure_goods(deployment)


def _demonstrate(standing: Standing, *, cold: bool) -> order_demo.Outcome:
    outcome = order_demo.place_and_follow(standing.deployment)
    took = f" after {outcome.approved_ms:.1f} ms" if outcome.approved_ms is not None else ""
    console.say(f"\n  order {outcome.order_id}: {outcome.status} {outcome.reason}".rstrip() + took)
    if cold:
        console.say(
            "  (The first one after a start: connections and caches are new. The next are faster.)"
        )
    console.say("\nOutbox lag")
    console.say(
        console.table([lag.row() for lag in order_demo.settled_outbox_lag(standing.deployment)])
    )
    return outcome


def _print_where(standing: Standing, *, detached: bool) -> None:
    deployment = standing.deployment
    console.say("\nWhere everything listens")
    console.say(console.table(addresses(standing)))
    console.say("\nTry")
    for what, command in order_demo.commands_to_try(deployment):
        console.say(f"  # {what}\n  {command}")
    console.say(f"\nLogs: {standing.logs} (./dev logs order-service -f)")
    if detached:
        console.say("It goes on running. Stop it: ./dev down")


def addresses(standing: Standing) -> list[list[str]]:
    """Rows of name and addresses, as one types them."""
    deployment = standing.deployment
    rows = []
    for program in programs.ALL:
        listeners = deployment.listeners[program.name]
        cells = [f"gRPC {deployment.grpc_address(program.name)}" if listeners.grpc else ""]
        cells.append(f"http://{deployment.http_address(program.name)}/metrics")
        cells.append(f"saga admin {deployment.admin_address()}" if listeners.admin else "")
        rows.append([program.name, *cells])
    rows.append(
        [
            "postgres",
            f"127.0.0.1:{standing.cluster.port}",
            "passwords in",
            f"{standing.folder}/passwords.json",
        ]
    )
    rows.append(["kafka", standing.broker.bootstrap_servers, "", ""])
    return rows


def _watch(standing: Standing) -> None:
    """Until Ctrl-C. A program that dies is started again, and it is said."""
    console.say("Stop everything: Ctrl-C\n")
    restarts: list[float] = []
    try:
        while True:
            time.sleep(0.5)
            running = standing.running()
            for name, server in (("kafka", standing.broker), ("postgres", standing.cluster)):
                if name not in running:
                    console.say(f"{name} has ended: starting it again")
                    server.start()
            for program in programs.ALL:
                if program.name in running:
                    continue
                now = time.monotonic()
                restarts = [at for at in restarts if now - at < 60] + [now]
                if len(restarts) > _RESTARTS_AT_MOST:
                    raise Failed(
                        f"{program.name} has ended, and programs ended {_RESTARTS_AT_MOST} times"
                        " within a minute before",
                        log=standing.deployment.log(program.name),
                    )
                console.say(f"{program.name} has ended: starting it again")
                standing.deployment.start(program.name)
    except KeyboardInterrupt:
        console.say()


def _is_outdated(standing: Standing, name: str) -> bool:
    """True if it runs, and what it was started from has been built anew."""
    pid = standing.deployment.pid(name)
    if pid is None:
        return False
    try:
        return os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)") or (
            standing.deployment.pid_file(name).stat().st_mtime
            < (standing.deployment.binaries / name).stat().st_mtime
        )
    except OSError:
        return False
