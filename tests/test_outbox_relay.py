"""The relay while its servers stop, crash, and turn out to be others than before."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from devtools.postgres import Cluster
from devtools.servers import TestServers
from tests.support.deadline import wait_until
from tests.support.outbox_relay import Outbox, Relay, first_occurrences


@pytest.fixture
def relay(servers: TestServers, outbox: Outbox, binaries: Path, tmp_path: Path) -> Iterator[Relay]:
    relay = Relay(
        binaries, tmp_path / "log", outbox.relay_conninfo, servers.kafka.bootstrap_servers
    )
    relay.wait_log("streaming")
    yield relay
    relay.kill()


class Writer:
    """Commits batches as long as its `with` lasts; what was in doubt at a crash is in the table or not."""

    def __init__(self, outbox: Outbox):
        self._outbox = outbox
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        batch = 0
        while not self._stop.is_set():
            try:
                self._outbox.insert(f"{batch}-", 20)
                time.sleep(0.005)
            except psycopg.OperationalError:
                time.sleep(0.05)
            batch += 1


def expect_all(servers: TestServers, outbox: Outbox) -> None:
    rows = outbox.rows()
    count = sum(len(payloads) for payloads in rows.values())
    brokers = servers.kafka.bootstrap_servers
    assert first_occurrences(brokers, outbox.topic, count) == rows


def test_postgres_killed_under_load(servers, outbox, relay):
    with Writer(outbox):
        for _ in range(2):
            time.sleep(0.5)
            servers.postgres.kill()
            servers.postgres.start()
        time.sleep(0.5)
    expect_all(servers, outbox)
    assert relay.stop() == 0


def test_relay_postgres_and_broker_killed_in_turn(servers, outbox, relay):
    with Writer(outbox):
        time.sleep(0.3)
        servers.kafka.kill()
        relay.kill()
        relay.start()
        servers.postgres.kill()
        servers.postgres.start()
        time.sleep(0.3)
        servers.kafka.start()
        relay.kill()
        relay.start()
    expect_all(servers, outbox)


@pytest.mark.parametrize("events", [10, 60_000], ids=["a few events", "more than fits in flight"])
def test_postgres_can_stop_while_kafka_is_down(servers, outbox, relay, events):
    """A stopping Postgres waits for its replication clients; ours may not hold it up."""
    outbox.insert("before-", 10)
    expect_all(servers, outbox)  # the topic is known to the relay
    servers.kafka.stop()
    outbox.insert("while down-", events)
    time.sleep(1.5)
    begin = time.monotonic()
    servers.postgres.stop()
    took = time.monotonic() - begin
    log = servers.postgres.log.read_text()
    print(f"the fast shutdown took {took:.1f} s")
    assert took < 30, f"the fast shutdown took {took:.1f} s"
    assert "shutting down" in log
    servers.postgres.start()
    servers.kafka.start()
    expect_all(servers, outbox)
    # Nothing of it needed a second producer, and the stop was clean.
    assert "refused an event" not in relay.log()
    assert relay.stop() == 0


@pytest.fixture
def make_cluster(servers: TestServers, tmp_path_factory) -> Iterator[Callable[..., Cluster]]:
    """Other clusters at the address of `servers.postgres`, which stands still meanwhile."""
    made: list[Cluster] = []

    def make(**options) -> Cluster:
        servers.postgres.stop()
        folder = Path(tempfile.mkdtemp(prefix="order-saga-test-other-"))
        folder.chmod(0o755)  # the user postgres passes through it
        made.append(Cluster(folder / "postgres", servers.postgres.port, **options))
        made[-1].start()
        return made[-1]

    yield make
    for cluster in made:
        cluster.kill()
        shutil.rmtree(cluster.folder.parent, ignore_errors=True)
    servers.postgres.start()


def test_another_cluster_at_the_same_address_is_refused(servers, outbox, relay, make_cluster):
    """The same database name, table and slot, but another history of writes."""
    outbox.insert("old-", 10)
    expect_all(servers, outbox)
    other = make_cluster()
    twin = Outbox(other, outbox.topic, slot=False)
    other.sql(f"ALTER DATABASE {twin.name} RENAME TO {outbox.name}")
    make = f"SELECT pg_create_logical_replication_slot('{outbox.slot}', 'pgoutput')"
    other.sql(make, outbox.name)
    relay.wait_log(r"another cluster than before.*Choices:", seconds=40)
    assert other.sql("SELECT bool_or(active) FROM pg_replication_slots") == "f"
    other.kill()
    servers.postgres.start()
    # The right one is back: it goes on by itself.
    outbox.insert("new-", 10)
    expect_all(servers, outbox)


def test_wal_level_replica_is_named_with_the_fix(servers, make_cluster, binaries, tmp_path):
    cluster = make_cluster()
    cluster.sql("ALTER SYSTEM SET wal_level = replica")
    cluster.stop()
    cluster.start()
    outbox = Outbox(cluster, "nowhere", slot=False)
    brokers = servers.kafka.bootstrap_servers
    relay = Relay(binaries, tmp_path / "log", outbox.relay_conninfo, brokers)
    relay.wait_log("wal_level=replica. Fix: ALTER SYSTEM SET wal_level = logical")
    assert relay.stop() == 0


def test_a_wrong_password_is_named_and_a_right_one_is_taken_up(
    servers, make_cluster, binaries, tmp_path
):
    cluster = make_cluster(superuser_password="secret")
    outbox = Outbox(cluster, "nowhere")
    cluster.sql("ALTER ROLE shop_relay PASSWORD 'another'")
    source = cluster.conninfo(outbox.name, "shop_relay", "not-right")
    relay = Relay(binaries, tmp_path / "log", source, servers.kafka.bootstrap_servers)
    relay.wait_log("ERROR.*password authentication failed.*needs LOGIN, REPLICATION")
    cluster.sql("ALTER ROLE shop_relay PASSWORD 'not-right'")
    relay.wait_log("streaming")
    assert "not-right" not in relay.log(), "secrets are never printed"
    assert relay.stop() == 0


def test_both_servers_may_come_after_the_relay(servers, outbox, binaries, tmp_path):
    outbox.insert("event-", 100)
    servers.postgres.stop()
    servers.kafka.stop()
    relay = Relay(
        binaries, tmp_path / "log", outbox.relay_conninfo, servers.kafka.bootstrap_servers
    )
    relay.wait_log("cannot connect to Postgres")
    servers.postgres.start()
    relay.wait_log("streaming")
    servers.kafka.start()
    expect_all(servers, outbox)
    written = outbox.cluster.sql("SELECT pg_current_wal_lsn()")
    wait_until(
        lambda: outbox.cluster.sql(
            f"SELECT confirmed_flush_lsn >= '{written}' FROM pg_replication_slots "
            f"WHERE slot_name = '{outbox.slot}'"
        )
        == "t",
        "the slot has confirmed everything",
    )
    assert relay.stop() == 0
