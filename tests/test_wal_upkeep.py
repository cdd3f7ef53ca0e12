"""The write-ahead log does not grow without bound, and the relay says so in time when it does."""

from pathlib import Path

import psycopg
import pytest

from devtools.servers import TestServers
from tests.support.deadline import wait_until
from tests.support.outbox_relay import Outbox, Relay, first_occurrences

LIMIT_MB = 64


@pytest.fixture
def servers(own_servers: TestServers) -> TestServers:
    """Postgres gives a slot up that needs more than 64 MB of its log."""
    own_servers.postgres.sql(f"ALTER SYSTEM SET max_slot_wal_keep_size = '{LIMIT_MB}MB'")
    own_servers.postgres.sql("SELECT pg_reload_conf()")
    return own_servers


@pytest.fixture
def start_relay(servers, outbox, binaries, tmp_path):
    started: list[Relay] = []

    def start(*flags: str) -> Relay:
        brokers = servers.kafka.bootstrap_servers
        relay = Relay(binaries, tmp_path / "log", outbox.relay_conninfo, brokers, *flags)
        started.append(relay)
        relay.wait_log("streaming")
        return relay

    yield start
    for relay in started:
        relay.kill()


class Elsewhere:
    """A busy database beside the outbox's."""

    def __init__(self, servers: TestServers, name: str):
        self.cluster, self.name = servers.postgres, name
        if name not in self.cluster.sql("SELECT datname FROM pg_database").splitlines():
            self.cluster.sql(f"CREATE DATABASE {name}")
        self.cluster.sql("CREATE TABLE busy (text text)", name)

    def write(self, megabytes: int) -> None:
        self.cluster.sql(
            "INSERT INTO busy SELECT repeat('x', 1000) "
            f"FROM generate_series(1, {megabytes * 950})",
            self.name,
        )


def slot(outbox: Outbox, column: str) -> str:
    return outbox.cluster.sql(
        f"SELECT {column} FROM pg_replication_slots WHERE slot_name = '{outbox.slot}'"
    )


def retained(outbox: Outbox) -> int:
    return int(slot(outbox, "pg_wal_lsn_diff(pg_current_wal_lsn(), restart_lsn)::bigint"))


def test_an_idle_outbox_keeps_no_log_however_busy_others_are(servers, outbox, start_relay):
    """Five times the limit is written beside it: the slot would be lost long before the end."""
    relay = start_relay()
    others = [Elsewhere(servers, "elsewhere"), Elsewhere(servers, outbox.name)]
    for _ in range(20):
        for other in others:
            other.write(8)
        outbox.cluster.sql("CHECKPOINT")
        wait_until(
            lambda: retained(outbox) < 8 << 20,
            lambda: f"the slot lets go of the log; it keeps {retained(outbox)} bytes",
        )
    assert slot(outbox, "wal_status") == "reserved"
    outbox.insert("event-", 10)
    assert first_occurrences(servers.kafka.bootstrap_servers, outbox.topic, 10) == outbox.rows()
    assert "keeps much of its log" not in relay.log()


def test_a_long_transaction_elsewhere_is_named_before_the_slot_is_lost(
    servers, outbox, start_relay
):
    relay = start_relay()
    other = Elsewhere(servers, "elsewhere")
    with psycopg.connect(outbox.cluster.conninfo("elsewhere")) as writer:
        writer.execute("INSERT INTO busy VALUES ('open')")
        outbox.cluster.sql("CHECKPOINT")
        # So that what the relay has not read yet is not the larger part when the threshold is crossed.
        other.write(24)
        behind = "pg_wal_lsn_diff(pg_current_wal_lsn(), confirmed_flush_lsn)::bigint"
        wait_until(lambda: int(slot(outbox, behind)) < 1 << 20, "the relay has read it")
        other.write(14)
        relay.wait_log(r"keeps much of its log.*threshold_percent=50.*pg_stat_activity")
        assert slot(outbox, "wal_status") != "lost"
    outbox.cluster.sql("CHECKPOINT")
    wait_until(lambda: retained(outbox) < 16 << 20, "the slot lets go of the log")


def test_the_hook_runs_once_a_threshold_and_holds_nobody_up(
    servers, outbox, start_relay, tmp_path: Path
):
    """Kafka is down, so the log is kept; it comes back in time, and everything arrives."""
    calls = tmp_path / "calls"
    hook = (
        f'echo "$OUTBOX_WAL_THRESHOLD_PERCENT" >> {calls}; '
        'echo "budget $OUTBOX_WAL_BUDGET_BYTES"; sleep 1000'
    )
    relay = start_relay(f"--wal_budget_hook={hook}", "--wal_budget_hook_timeout_s=1")
    outbox.insert("before-", 10)
    first_occurrences(servers.kafka.bootstrap_servers, outbox.topic, 10)
    servers.kafka.stop()
    outbox.insert("while-down-", 10)
    busy = Elsewhere(servers, "elsewhere")
    for threshold, megabytes in ((50, 38), (80, 16)):
        busy.write(megabytes)
        relay.wait_log(f"keeps much of its log.*threshold_percent={threshold}.*look at Kafka")
    assert slot(outbox, "wal_status") != "lost"
    relay.wait_log(f"the hook took too long and was killed.*budget {LIMIT_MB << 20}")
    wait_until(
        lambda: calls.read_text().splitlines() == ["50", "80"],
        lambda: f"the hook ran for 50 and 80: {calls.read_text()}",
    )
    servers.kafka.start()
    outbox.insert("after-", 10)
    assert first_occurrences(servers.kafka.bootstrap_servers, outbox.topic, 30) == outbox.rows()
    assert slot(outbox, "wal_status") != "lost"
    assert relay.stop() == 0


def test_a_budget_of_ones_own_where_the_server_has_no_limit(servers, outbox, start_relay):
    outbox.cluster.sql("ALTER SYSTEM RESET max_slot_wal_keep_size")
    outbox.cluster.sql("SELECT pg_reload_conf()")
    other = Elsewhere(servers, "elsewhere")
    other.write(20)  # before the relay comes, the slot keeps it
    relay = start_relay("--wal_budget_mb=16")
    relay.wait_log(r"keeps much of its log.*threshold_percent=95.*safe_bytes=\"\"")
