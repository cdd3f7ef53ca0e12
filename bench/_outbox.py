"""A database with an outbox, a topic, and the relay's process: what the relay's benchmarks share."""

import os
import re
import signal
import subprocess
import tempfile
import time
import urllib.request
import uuid
from pathlib import Path

import psycopg
from confluent_kafka.admin import AdminClient, NewTopic
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from devtools import folders, postgres

SERVER = os.environ["ORDER_SAGA_TEST_POSTGRES"]
BROKERS = os.environ["ORDER_SAGA_TEST_KAFKA"]
PROGRAMS = Path(os.environ["ORDER_SAGA_BIN_DIR"])
MIGRATIONS = [
    *sorted((folders.ROOT / "libs/postgres/migrations").glob("*.sql")),
    *sorted((folders.ROOT / "libs/outbox/migrations").glob("*.sql")),
]
CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pid: int) -> float:
    """That a process has used so far, of a user's and the system's."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / CLOCK_TICKS


def pg_recvlogical() -> Path:
    return postgres.binaries() / "pg_recvlogical"


class Database:
    """Its outbox has the columns, the indexes and the publication of a service's."""

    def __init__(self, server: str = SERVER):
        self.name = f"bench_{uuid.uuid4().hex[:12]}"
        self._server_conninfo = server
        with self._server() as connection:
            connection.execute(f"CREATE DATABASE {self.name}")
        self.conninfo = make_conninfo(server, dbname=self.name)
        me = conninfo_to_dict(server).get("user", "postgres")
        with self.connect() as database:
            for file in MIGRATIONS:
                database.execute(re.sub(r"\$\{\w+\}", f'"{me}"', file.read_text()))

    def _server(self) -> psycopg.Connection:
        return psycopg.connect(self._server_conninfo, autocommit=True)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.conninfo, autocommit=True)

    def ask(self, sql: str):
        with self.connect() as database:
            return database.execute(sql).fetchone()[0]

    def make_slot(self, name: str) -> None:
        self.ask(f"SELECT pg_create_logical_replication_slot('{name}', 'pgoutput')")

    def copy_slot(self, source: str, name: str) -> None:
        self.ask(f"SELECT pg_copy_logical_replication_slot('{source}', '{name}')")

    def forget_position(self) -> None:
        """As if no relay had been here: what is recorded of an earlier run's would be resumed."""
        with self.connect() as database:
            database.execute("DELETE FROM outbox_relay_state")

    def drop_slot(self, name: str) -> None:
        """Waits for whoever still has it: a killed client's sender may live a moment longer."""
        with self.connect() as database:
            while database.execute(
                "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots "
                "WHERE slot_name = %s AND active",
                (name,),
            ).fetchone():
                time.sleep(0.02)
            database.execute(
                "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                "WHERE slot_name = %s",
                (name,),
            )

    def fill(self, topic: str, events: int, rows: int, payload_bytes: int = 200) -> None:
        """`events` events in transactions of `rows` rows, their keys spread over 10,000."""
        with self.connect() as database:
            # The log is written all the same; only nobody waits for each commit.
            database.execute("SET synchronous_commit = off")
            database.execute(
                f"""
                DO $$ BEGIN
                  FOR i IN 1..{events // rows} LOOP
                    INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic)
                      SELECT gen_random_uuid(), 'Bench', 'key-' || (i * {rows} + j) % 10000,
                             'bench.v1.Made', decode(repeat(md5((i * {rows} + j)::text),
                             {payload_bytes // 16}) || repeat('00', {payload_bytes % 16}), 'hex'),
                             '{topic}' FROM generate_series(1, {rows}) j;
                    COMMIT;
                  END LOOP;
                END $$
                """
            )
            database.execute("CHECKPOINT")

    def end_of_log(self) -> str:
        """A place behind everything that is committed by now."""
        return self.ask("SELECT pg_current_wal_insert_lsn()::text")

    def drop(self) -> None:
        with self.connect() as database:
            names = [r[0] for r in database.execute(
                "SELECT slot_name FROM pg_replication_slots WHERE database = current_database()"
            )]
        for name in names:
            self.drop_slot(name)
        with self._server() as server:
            server.execute(f"DROP DATABASE {self.name} WITH (FORCE)")


def make_topic(partitions: int = 12) -> str:
    name = f"bench-{uuid.uuid4().hex[:12]}"
    admin = AdminClient({"bootstrap.servers": BROKERS})
    for made in admin.create_topics([NewTopic(name, partitions, 1)]).values():
        made.result()
    return name


def drop_topic(name: str) -> None:
    admin = AdminClient({"bootstrap.servers": BROKERS})
    for dropped in admin.delete_topics([name]).values():
        dropped.result()


class Relay:
    """The release build of outbox-relay. `flags` come on top. The sources are bench, bench-1, bench-2, …"""

    def __init__(self, databases: Database | list[Database], *flags: str):
        if isinstance(databases, Database):
            databases = [databases]
        self.sources = ["bench", *(f"bench-{n}" for n in range(1, len(databases)))]
        self._log = tempfile.NamedTemporaryFile("r", prefix="outbox-relay-", suffix=".log")
        self.process = subprocess.Popen(
            [PROGRAMS / "outbox-relay",
             *(f"--source={n}={d.conninfo}" for n, d in zip(self.sources, databases)),
             f"--kafka_brokers={BROKERS}", "--http_address=127.0.0.1:0",
             f"--state_topic=bench-{uuid.uuid4().hex[:12]}", *flags],
            stdout=subprocess.DEVNULL,
            stderr=open(self._log.name, "w"),
        )

    def log(self) -> str:
        return Path(self._log.name).read_text()

    def metric(self, name: str) -> float:
        """0 as long as it does not answer."""
        where = re.search(r"listens_http=([0-9.:]+)", self.log())
        if not where:
            return 0.0
        with urllib.request.urlopen(f"http://{where[1]}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
        return float(found[1]) if found else 0.0

    def published(self) -> float:
        return sum(
            self.metric(f'outbox_published_events_total{{source="{name}"}}')
            for name in self.sources
        )

    def cpu_seconds(self) -> float:
        return cpu_seconds(self.process.pid)

    def peak_mb(self) -> float:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        if code != 0:
            raise SystemExit(f"outbox-relay ended with {code}:\n{self.log()}")
