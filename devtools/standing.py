"""The system of `./dev run`: its state folder, ports, passwords and servers, running or not."""

import fcntl
import json
import os
import secrets
from pathlib import Path

from devtools import builds, folders, kafka, ports, postgres, processes, programs
from devtools.processes import Failed

DEFAULT_PORT_BASE = 21000


class Standing:
    """What stands, or will, in this checkout."""

    def __init__(self, port_base: int | None = None, *, create: bool = False):
        self.folder = folders.state()
        self._refuse_foreign_folder()
        if create:
            self._make_folder()
        remembered = self._remembered_base()
        self.port_base = port_base or remembered or DEFAULT_PORT_BASE
        passwords = self._passwords()
        self.cluster = postgres.Cluster(
            self.folder / "postgres",
            self.port_base + programs.POSTGRES_OFFSET,
            superuser_password=passwords.get(postgres.SUPERUSER),
        )
        self.broker = kafka.Broker(
            self.folder / "kafka",
            self.port_base + programs.KAFKA_OFFSET,
            self.port_base + programs.KAFKA_CONTROLLER_OFFSET,
        )
        self.deployment = programs.Deployment(
            binaries=builds.binaries(),
            folder=self.folder,
            cluster=self.cluster,
            kafka=self.broker.bootstrap_servers,
            listeners=programs.fixed_listeners(self.port_base),
            passwords=passwords,
        )
        if remembered not in (None, self.port_base) and self.running():
            raise Failed(
                f"A system stands already, on port base {remembered}",
                fix="./dev down, then again; or leave --port-base out.",
            )
        if create:
            self._settings_file.write_text(json.dumps({"port_base": self.port_base}) + "\n")

    @property
    def _settings_file(self) -> Path:
        return self.folder / "run.json"

    @property
    def _passwords_file(self) -> Path:
        return self.folder / "passwords.json"

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    def running(self) -> dict[str, int]:
        """Name → pid of what runs: postgres, kafka and the programs."""
        found = {"postgres": self.cluster.pid(), "kafka": self.broker.pid()}
        found |= {p.name: self.deployment.pid(p.name) for p in programs.ALL}
        return {name: pid for name, pid in found.items() if pid is not None}

    def listeners(self) -> dict[str, list[int]]:
        """Name → its ports."""
        found = {"postgres": [self.cluster.port]}
        found["kafka"] = [self.broker.port, self.broker.controller_port]
        return found | {name: has.all() for name, has in self.deployment.listeners.items()}

    def refuse_taken_ports(self) -> None:
        """Fails if somebody else holds a port that something of ours is about to need."""
        running = self.running()
        taken = [
            f"Port {port} (for {name}) is taken by {ports.holder(port)}."
            for name, wanted in self.listeners().items()
            if name not in running
            for port in wanted
            if not ports.is_free(port)
        ]
        if taken:
            raise Failed(
                "\n  ".join(taken),
                fix="Stop that process, or move everything: ./dev run --port-base "
                f"{_other_base(self.port_base)}",
            )

    def lock(self) -> "RunLock":
        return RunLock(self.folder / "run.lock")

    def _remembered_base(self) -> int | None:
        try:
            return int(json.loads(self._settings_file.read_text())["port_base"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _passwords(self) -> dict[str, str]:
        try:
            return json.loads(self._passwords_file.read_text())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise Failed(
                f"{self._passwords_file} cannot be read: {error}", fix="./dev down --clean"
            ) from error

    def _make_folder(self) -> None:
        """The folder, and in it the passwords: made once, in a file that only we can read."""
        try:
            for folder in (self.folder, self.logs, self.folder / "pids"):
                folder.mkdir(mode=0o755, parents=True, exist_ok=True)
            if self._passwords_file.exists():
                return
            if (self.folder / "postgres" / "data").exists():
                raise Failed(
                    f"{self._passwords_file} is gone, so its databases cannot be opened",
                    fix="Start with empty ones: ./dev down --clean",
                )
            roles = [postgres.SUPERUSER]
            roles += [s.role + kind for s in programs.SERVICES for kind in ("", "_owner", "_relay")]
            descriptor = os.open(self._passwords_file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
            with open(descriptor, "w", encoding="utf-8") as out:
                json.dump({role: secrets.token_urlsafe(18) for role in roles}, out, indent=1)
        except OSError as error:
            raise Failed(
                f"The state folder {self.folder} cannot be written: {error.strerror}",
                fix=f"Change its owner, or remove it: sudo rm -r {self.folder}",
            ) from error

    def _refuse_foreign_folder(self) -> None:
        if self.folder.exists() and self.folder.stat().st_uid != os.geteuid():
            raise Failed(
                f"The state folder {self.folder} belongs to another user",
                fix=f"Run ./dev as that user, or remove the folder: sudo rm -r {self.folder}",
            )


class RunLock:
    """Held by the ./dev run that starts or watches the system; knows who holds it."""

    def __init__(self, file: Path):
        self._path = file
        self._file = None

    def take(self) -> bool:
        """True if it is ours now."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        file = open(self._path, "a+", encoding="utf-8")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            return False
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        self._file = file
        return True

    def holder(self) -> int | None:
        """The pid of the process that holds it; None if nobody does."""
        try:
            with open(self._path, encoding="utf-8") as file:
                try:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
                    return None
                except BlockingIOError:
                    pid = int(file.read() or 0)
                    return pid if pid and processes.is_running(pid) else None
        except OSError:
            return None

    def release(self) -> None:
        if self._file:
            self._file.close()
            self._file = None


def _other_base(base: int) -> int:
    """A base near by on which every port is free."""
    offsets = [port - base for has in programs.fixed_listeners(base).values() for port in has.all()]
    offsets += [programs.POSTGRES_OFFSET, programs.KAFKA_OFFSET, programs.KAFKA_CONTROLLER_OFFSET]
    for candidate in range(base + 1000, 32000, 1000):
        if all(ports.is_free(candidate + offset) for offset in offsets):
            return candidate
    return base + 1000
