"""outbox-relay alone, on a database with an outbox: for tests that stop and kill its servers."""

import re
import signal
import subprocess
import uuid
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from confluent_kafka import Consumer, TopicPartition

from devtools import folders
from devtools.postgres import Cluster
from tests.support import kafka_log
from tests.support.deadline import wait_until

MIGRATIONS = [
    *sorted((folders.ROOT / "libs/postgres/migrations").glob("*.sql")),
    *sorted((folders.ROOT / "libs/outbox/migrations").glob("*.sql")),
]
RELAY_ROLE = "shop_relay"


class Outbox:
    """A database of its own with the outbox, its publication, and (unless told otherwise) its slot."""

    def __init__(
        self, cluster: Cluster, topic: str, *, slot: bool = True, encoding: str = "UTF8"
    ):
        self.cluster = cluster
        self.topic = topic
        self.name = f"shop_{uuid.uuid4().hex[:8]}"
        cluster.sql(
            f"CREATE DATABASE {self.name} TEMPLATE template0 ENCODING '{encoding}' LOCALE 'C'"
        )
        cluster.sql(
            f"DO $$ BEGIN CREATE ROLE {RELAY_ROLE} LOGIN REPLICATION; "
            "EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        for file in MIGRATIONS:
            sql = file.read_text().replace("${service_role}", "postgres")
            cluster.sql(sql.replace("${relay_role}", RELAY_ROLE), self.name)
        if slot:
            # As `migrate` makes it.
            failover = ", failover => true" if cluster.version() >= 17 else ""
            cluster.sql(
                f"SELECT pg_create_logical_replication_slot('{self.slot}', 'pgoutput'{failover})",
                self.name,
            )

    @property
    def slot(self) -> str:
        return f"outbox_{self.name}"

    @property
    def relay_conninfo(self) -> str:
        return self.cluster.conninfo(self.name, RELAY_ROLE)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.cluster.conninfo(self.name), autocommit=True)

    def insert(self, prefix: str, count: int, *, keys: int = 10) -> None:
        """One transaction of events `<prefix>1` …; raises if it is not known to be committed."""
        with self.connect() as database:
            database.execute(
                "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
                "SELECT gen_random_uuid(), 'Test', 'key-' || i %% %s, 'test.v1.Made', "
                "convert_to(%s || i, 'UTF8'), %s FROM generate_series(1, %s) i",
                (keys, prefix, self.topic, count),
            )

    def rows(self) -> dict[str, list[str]]:
        """The payloads of every committed row, for each key in the order of their commits.

        The keys' writers take turns here, so the order of `seq` is that of the commits.
        """
        with self.connect() as database:
            found: dict[str, list[str]] = {}
            for key, payload in database.execute(
                "SELECT aggregateid, convert_from(payload, 'UTF8') FROM outbox ORDER BY seq"
            ):
                found.setdefault(key, []).append(payload)
            return found


class Relay:
    """The real program. Its log is readable while it runs.

    The source has its database's name: a broker of several tests keeps one position for each.
    """

    def __init__(self, binaries: Path, log: Path, source: str, brokers: str, *flags: str):
        self.log_file = log
        self._command = [
            binaries / "outbox-relay",
            f"--source={urlsplit(source).path[1:].replace('_', '-')}={source}",
            f"--kafka_brokers={brokers}",
            "--http_address=127.0.0.1:0",
            *flags,
        ]
        self.process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        with open(self.log_file, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=30)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    def log(self) -> str:
        return self.log_file.read_text(encoding="utf-8")

    def wait_log(self, pattern: str, *, seconds: float = 30) -> None:
        wait_until(
            lambda: re.search(pattern, self.log()),
            lambda: f"outbox-relay logs {pattern!r}; it has logged\n{self.log()[-3000:]}",
            seconds=seconds,
        )


def make_topic(brokers: str, partitions: int = 4) -> str:
    name = f"relay-{uuid.uuid4().hex[:12]}"
    kafka_log.create_topic(brokers, name, partitions=partitions)
    return name


def first_occurrences(brokers: str, topic: str, enough: int) -> dict[str, list[str]]:
    """For each key the payloads in the order in which each was first seen in the topic.

    Reads until `enough` different events were there; fails after a minute.
    """
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "test"})
    partitions = consumer.list_topics(topic).topics[topic].partitions
    consumer.assign([TopicPartition(topic, p, 0) for p in partitions])
    seen: set[bytes] = set()
    found: dict[str, list[str]] = {}

    def read() -> bool:
        for message in consumer.consume(1000, timeout=0.2):
            if message.error():
                continue
            identity = dict(message.headers())["id"]
            if identity not in seen:
                seen.add(identity)
                found.setdefault(message.key().decode(), []).append(message.value().decode())
        return len(seen) >= enough

    wait_until(read, lambda: f"{len(seen)} of {enough} events in {topic}", seconds=60)
    consumer.close()
    return found
