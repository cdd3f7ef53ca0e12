"""A Postgres cluster of our own: its own folder, its own port, never the machine's."""

import os
import pwd
import shutil
import signal
import subprocess
import time
from pathlib import Path

from devtools import ports, postgres_versions, processes
from devtools.processes import Failed

SUPERUSER = "postgres"

# Durability is part of what is tested: fsync stays on.
SETTINGS = {
    "wal_level": "logical",
    "max_replication_slots": "200",
    "max_wal_senders": "200",
    "max_connections": "400",
    "shared_buffers": "256MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "log_line_prefix": "'%m [%p] %u@%d '",
    "timezone": "UTC",
}


def binaries() -> Path | None:
    """The newest Postgres of Debian's packages."""
    found = [p.parent for p in Path("/usr/lib/postgresql").glob("*/bin/postgres")]
    return max(found, key=lambda bin: int(bin.parent.name), default=None)


def run_as() -> str | None:
    """initdb and postgres refuse to run as root: then the packages' user `postgres` runs them."""
    return "postgres" if os.geteuid() == 0 else None


def can_reach(folder: Path) -> bool:
    """True if the user who runs Postgres may enter `folder`."""
    user = run_as()
    if user is None:
        return os.access(folder, os.X_OK)
    try:
        pwd.getpwnam(user)
    except KeyError:
        return True  # not installed yet
    check = subprocess.run(["test", "-x", str(folder)], **processes.identity(user))
    return check.returncode == 0


class Cluster:
    """One Postgres server with its data in `folder`/data.

    With a `superuser_password`, everyone needs a password (SCRAM); without one, everyone on this
    machine is trusted, which is for tests.
    """

    def __init__(self, folder: Path, port: int, *, superuser_password: str | None = None):
        self.folder = folder
        self.port = port
        self.data = folder / "data"
        self.log = folder.parent / "logs" / "postgres.log"
        self._password = superuser_password

    def conninfo(
        self, database: str = "postgres", user: str = SUPERUSER, password: str = ""
    ) -> str:
        """A connection URI. The superuser's password is added where there is one."""
        password = password or (self._password or "" if user == SUPERUSER else "")
        login = f"{user}:{password}" if password else user
        return f"postgresql://{login}@{ports.HOST}:{self.port}/{database}"

    def pid(self) -> int | None:
        """The postmaster's pid, if it runs."""
        try:
            pid = int((self.data / "postmaster.pid").read_text().split()[0])
            name = Path(f"/proc/{pid}/comm").read_text().strip()
        except (OSError, ValueError, IndexError):
            return None
        return pid if name == "postgres" and processes.is_running(pid) else None

    def start(self, *, deadline_seconds: float = 60) -> None:
        """Makes the cluster if it does not exist, starts the server, waits until it answers."""
        if self.pid() is None:
            if not (self.data / "PG_VERSION").exists():
                self._initdb()
            self._configure()
            self._spawn()
        deadline = time.monotonic() + deadline_seconds
        while not self.is_ready():
            if self.pid() is None and self._process.poll() is not None:
                raise Failed("Postgres ended while starting", log=self.log)
            if time.monotonic() > deadline:
                raise Failed(
                    f"Postgres did not answer within {deadline_seconds:.0f} s", log=self.log
                )
            processes.pause(0.05)

    def stop(self) -> None:
        """A fast shutdown: sessions are cut off, everything is flushed; after 20 s it is killed."""
        self._signal(signal.SIGINT, grace_seconds=20)

    def kill(self) -> None:
        """As a crash: the next start recovers from the log."""
        self._signal(signal.SIGKILL, grace_seconds=5)
        # Orphaned backends notice the postmaster's death by themselves; until then the data
        # folder's shared memory is in use and a start would be refused.
        deadline = time.monotonic() + 30
        while _any_process_in(self.data.resolve()) and time.monotonic() < deadline:
            time.sleep(0.02)

    def version(self) -> int:
        """The major, of the server that runs."""
        return int(self.sql("SHOW server_version_num")) // 10_000

    def sql(self, statement: str, database: str = "postgres") -> str:
        """Runs SQL as superuser through psql; answers the unaligned output, without headers."""
        return self.psql(["-c", statement], database)

    def psql(
        self,
        arguments: list[str],
        database: str = "postgres",
        env: dict[str, str] | None = None,
    ) -> str:
        """Runs psql as superuser with these arguments."""
        command = [
            str(_binary("psql")),
            "-XAtq",
            "-v",
            "ON_ERROR_STOP=1",
            "-d",
            self._uri(database),
        ]
        done = subprocess.run(
            command + arguments,
            capture_output=True,
            text=True,
            env={**os.environ, **self._secret(), **(env or {})},
        )
        if done.returncode != 0:
            raise Failed(f"psql: {done.stderr.strip()}", log=self.log)
        return done.stdout.strip()

    def _uri(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}@{ports.HOST}:{self.port}/{database}"

    def _secret(self) -> dict[str, str]:
        return {"PGPASSWORD": self._password} if self._password else {}

    def _initdb(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        user = run_as()
        if user:
            shutil.chown(self.folder, user, user)
        shutil.rmtree(self.data, ignore_errors=True)  # what an interrupted initdb left
        command = [str(_server_binary("initdb")), "-D", str(self.data), "-U", SUPERUSER]
        command += ["-E", "UTF8", "--locale=C.UTF-8", "--no-instructions"]
        password_file = self.folder / "superuser_password"
        if self._password:
            with open(
                os.open(password_file, os.O_CREAT | os.O_WRONLY | os.O_TRUNC, 0o600), "w"
            ) as file:
                file.write(self._password + "\n")
            if user:
                shutil.chown(password_file, user, user)
            command += ["--auth=scram-sha-256", f"--pwfile={password_file}"]
        else:
            command += ["--auth=trust"]
        code = processes.run(command, log=self.log, user=user, cwd=self.folder)
        password_file.unlink(missing_ok=True)
        if code != 0:
            raise Failed(f"initdb failed in {self.data}", log=self.log)

    def _configure(self) -> None:
        lines = [f"{name} = {value}" for name, value in SETTINGS.items()]
        lines += [
            f"port = {self.port}",
            f"listen_addresses = '{ports.HOST}'",
            # A socket's path may have 107 bytes: beside the data, or nowhere if that is too long.
            f"unix_socket_directories = '{self.folder if len(str(self.folder)) < 80 else ''}'",
        ]
        (self.data / "order_saga.conf").write_text("\n".join(lines) + "\n")
        os.chmod(self.data / "order_saga.conf", 0o644)
        main = self.data / "postgresql.conf"
        if "order_saga.conf" not in main.read_text():
            with open(main, "a", encoding="utf-8") as file:
                file.write("include 'order_saga.conf'\n")

    def _spawn(self) -> None:
        self._process = processes.start(
            [str(_server_binary("postgres")), "-D", str(self.data)],
            log=self.log,
            pid_file=self.folder.parent / "pids" / "postgres",
            user=run_as(),
            cwd=self.folder,
        )

    def is_ready(self) -> bool:
        check = [str(_binary("pg_isready")), "-q", "-d", self._uri("postgres")]
        return subprocess.run(check, stdout=subprocess.DEVNULL).returncode == 0

    def _signal(self, sign: int, *, grace_seconds: float) -> None:
        pid = self.pid()
        if pid is not None:
            processes.stop(pid, sign=sign, grace_seconds=grace_seconds)


def _any_process_in(data: Path) -> bool:
    """Every process of a server works in its data folder; each has a session of its own."""
    for process in Path("/proc").glob("[0-9]*/cwd"):
        try:
            if process.readlink() == data:
                return True
        except OSError:  # it has ended, or is not ours
            continue
    return False


def _server_binary(name: str) -> Path:
    """The machine's own, or that of the major the tests are to run on."""
    major = postgres_versions.wanted()
    return _binary(name) if major is None else postgres_versions.binaries(major) / name


def _binary(name: str) -> Path:
    folder = binaries()
    if folder is None:
        raise Failed(
            "No Postgres below /usr/lib/postgresql", fix="Install it: apt-get install postgresql"
        )
    return folder / name
