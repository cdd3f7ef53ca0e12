"""The five programs: how they are configured, started, watched and stopped."""

import os
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

from devtools import folders, metrics, ports, processes
from devtools.parallel import together
from devtools.postgres import Cluster
from devtools.processes import Failed


@dataclass(frozen=True)
class Program:
    """What is fixed about a program. Its ports are the base plus these numbers."""

    name: str
    http_offset: int
    grpc_offset: int | None = None
    admin_offset: int | None = None

    @property
    def role(self) -> str:
        """The service's database role, which is also the usual name of its database."""
        return self.name.replace("-", "_")


SERVICES = (
    Program("order-service", http_offset=101, grpc_offset=1, admin_offset=11),
    Program("product-service", http_offset=102, grpc_offset=2),
    Program("customer-service", http_offset=103, grpc_offset=3),
    Program("kitchen-service", http_offset=104, grpc_offset=4),
)
RELAY = Program("outbox-relay", http_offset=105)
ALL = (*SERVICES, RELAY)
POSTGRES_OFFSET, KAFKA_OFFSET, KAFKA_CONTROLLER_OFFSET = 32, 92, 93

_CREATE_DATABASES = folders.ROOT / "deploy" / "postgres" / "create_databases.sql"


def find(name: str) -> Program:
    """By name; "order" and "relay" will do."""
    for program in ALL:
        if name in (program.name, *program.name.split("-")) and name not in ("service", "outbox"):
            return program
    raise KeyError(f"no program is called {name}: {', '.join(p.name for p in ALL)}")


@dataclass
class Listeners:
    """The ports of one program; None where it has no such listener."""

    http: int
    grpc: int | None = None
    admin: int | None = None

    def all(self) -> list[int]:
        return [port for port in (self.grpc, self.admin, self.http) if port is not None]


def fixed_listeners(base: int) -> dict[str, Listeners]:
    """What `./dev run` uses."""
    return {
        p.name: Listeners(
            base + p.http_offset,
            base + p.grpc_offset if p.grpc_offset else None,
            base + p.admin_offset if p.admin_offset else None,
        )
        for p in ALL
    }


def free_listeners() -> dict[str, Listeners]:
    """What tests use."""
    wanted = iter(
        ports.free_ports(sum(1 + bool(p.grpc_offset) + bool(p.admin_offset) for p in ALL))
    )
    return {
        p.name: Listeners(
            next(wanted),
            next(wanted) if p.grpc_offset else None,
            next(wanted) if p.admin_offset else None,
        )
        for p in ALL
    }


@dataclass
class Deployment:
    """The five programs against one Postgres server and one Kafka.

    `database_suffix` and `topic_prefix` keep several deployments on the same servers apart.
    `flags` are added to a program's command line: {"kitchen-service": ["--acceptance=manual"]}.
    `children` are the programs that this process has started itself, for their exit codes.
    """

    binaries: Path
    folder: Path
    cluster: Cluster
    kafka: str
    listeners: dict[str, Listeners]
    passwords: dict[str, str] = field(default_factory=dict)
    database_suffix: str = ""
    topic_prefix: str = ""
    flags: dict[str, list[str]] = field(default_factory=dict)
    log_format: str = "text"
    children: dict[str, subprocess.Popen] = field(default_factory=dict)

    def log(self, name: str) -> Path:
        return self.folder / "logs" / f"{name}.log"

    def database(self, service: Program) -> str:
        return service.role + self.database_suffix

    def grpc_address(self, name: str) -> str:
        return f"{ports.HOST}:{self.listeners[name].grpc}"

    def admin_address(self) -> str:
        return f"{ports.HOST}:{self.listeners['order-service'].admin}"

    def http_address(self, name: str) -> str:
        return f"{ports.HOST}:{self.listeners[name].http}"

    def prepare(self) -> None:
        """Roles and databases, then every service's migrations."""
        self.create_databases()
        self.migrate_all()

    def migrate_all(self) -> None:
        """A slot that is gone is the relay's to make, where it is asked to heal: it begins first."""
        heals = os.environ.get("ORDER_SAGA_HEAL") == "table"
        if heals:
            self.start(RELAY.name)
        for service in SERVICES:  # what is shown of them is about this run
            self.log(f"{service.name}-migrate").unlink(missing_ok=True)
        patience = 60 if heals else 0
        together(*(lambda s=s: self.migrate(s, patience_seconds=patience) for s in SERVICES))

    def create_databases(self) -> None:
        for service in SERVICES:
            self.cluster.psql(
                ["-v", f"service={service.role}", "-v", f"database={self.database(service)}"]
                + ["-f", str(_CREATE_DATABASES)],
                env={
                    "ORDER_SAGA_OWNER_PASSWORD": self.passwords.get(f"{service.role}_owner", ""),
                    "ORDER_SAGA_SERVICE_PASSWORD": self.passwords.get(service.role, ""),
                    "ORDER_SAGA_RELAY_PASSWORD": self.passwords.get(f"{service.role}_relay", ""),
                },
            )

    def migrate(self, service: Program, *, patience_seconds: float = 0) -> None:
        environment = self.migrate_environment(service)
        command = [str(self.binaries / service.name), "migrate", f"--service_role={service.role}"]
        log = self.log(f"{service.name}-migrate")
        deadline = time.monotonic() + patience_seconds
        while processes.run(command, log=log, env=environment) != 0:
            if time.monotonic() > deadline:
                raise Failed(
                    f"{service.name} migrate failed",
                    fix="See the lines above. A slot that is missing: ORDER_SAGA_HEAL=table ./dev "
                    "run. If the databases are not worth keeping: ./dev down --clean",
                    log=log,
                )
            time.sleep(1)

    def migrate_environment(self, service: Program) -> dict[str, str]:
        return {
            "ORDER_SAGA_OWNER_DATABASE": self._conninfo(service, "_owner"),
            "ORDER_SAGA_RELAY_DATABASE": self._conninfo(service, "_relay"),
        }

    def start(self, name: str) -> None:
        """Starts a program unless it runs. Does not wait until it is ready."""
        program = find(name)
        if self.pid(program.name) is None:
            self.children[program.name] = processes.start(
                self.command(program),
                env=self.environment(program),
                log=self.log(program.name),
                pid_file=self.pid_file(program.name),
            )

    def stop(self, name: str, *, grace_seconds: float = 20) -> bool:
        """SIGTERM, and wait for the drain. True if it ended by itself."""
        pid = self.pid(find(name).name)
        return pid is None or processes.stop(pid, grace_seconds=grace_seconds)

    def kill9(self, name: str) -> None:
        pid = self.pid(find(name).name)
        if pid is not None:
            processes.stop(pid, sign=signal.SIGKILL)

    def stop_all(self) -> list[str]:
        """Stops all five at once; answers those that had to be killed."""
        stubborn: list[str] = []

        def end(name: str) -> None:
            if not self.stop(name):
                stubborn.append(name)

        together(*(lambda p=p: end(p.name) for p in ALL))
        return stubborn

    def pid(self, name: str) -> int | None:
        return processes.running_pid(self.pid_file(name))

    def is_ready(self, name: str) -> bool:
        return metrics.get(self.http_address(find(name).name), "/readyz")[0] == 200

    def wait_ready(self, name: str, *, deadline_seconds: float = 60) -> None:
        """Waits for /readyz to answer 200."""
        program = find(name)
        deadline = time.monotonic() + deadline_seconds
        while not self.is_ready(program.name):
            if self.pid(program.name) is None:
                raise Failed(f"{program.name} ended while starting", log=self.log(program.name))
            if time.monotonic() > deadline:
                answer = metrics.get(self.http_address(program.name), "/readyz")[1].strip()
                raise Failed(
                    f"{program.name} was not ready within {deadline_seconds:.0f} s: {answer[:500]}",
                    log=self.log(program.name),
                )
            processes.pause(0.02)

    def command(self, program: Program) -> list[str]:
        """The command line, without secrets."""
        listeners = self.listeners[program.name]
        command = [str(self.binaries / program.name), "run", f"--kafka_brokers={self.kafka}"]
        command += [
            f"--http_address={ports.HOST}:{listeners.http}",
            f"--log_format={self.log_format}",
        ]
        if listeners.grpc:
            command += [f"--grpc_address={ports.HOST}:{listeners.grpc}"]
        if listeners.admin:
            command += [f"--admin_address={ports.HOST}:{listeners.admin}"]
        if self.topic_prefix and program is not RELAY:
            command += [f"--topic_prefix={self.topic_prefix}"]
            command += [f"--consumer_group={self.topic_prefix}{program.name}"]
        if self.topic_prefix and program is RELAY:
            command += [f"--state_topic={self.topic_prefix}outbox-relay-state"]
        return command + self.flags.get(program.name, [])

    def environment(self, program: Program) -> dict[str, str]:
        """What holds passwords."""
        if program is RELAY:
            sources = (f"{s.name}={self._conninfo(s, '_relay')}" for s in SERVICES)
            return {"ORDER_SAGA_SOURCE": ";".join(sources)}
        return {"ORDER_SAGA_DATABASE": self._conninfo(program, "")}

    def _conninfo(self, service: Program, kind: str) -> str:
        role = service.role + kind
        return self.cluster.conninfo(self.database(service), role, self.passwords.get(role, ""))

    def pid_file(self, name: str) -> Path:
        return self.folder / "pids" / name
