"""outbox-relay's verbs on servers that are set up wrongly, or do not answer."""

import os
import signal
import subprocess

import psycopg
import pytest

from tests.support.deadline import wait_until
from tests.support.outbox_relay import Outbox, Relay, make_topic


@pytest.fixture
def verb(binaries):
    def run(name: str, outbox: Outbox, *flags: str) -> subprocess.CompletedProcess:
        """A verb on that database, to its end."""
        command = [binaries / "outbox-relay", name, f"--source=test={outbox.relay_conninfo}", *flags]
        return subprocess.run(command, capture_output=True, text=True, timeout=60)

    return run


def restart_with(cluster, setting: str) -> None:
    cluster.sql(f"ALTER SYSTEM SET {setting}")
    cluster.stop()
    cluster.start()


def test_wal_level_replica(own_servers, verb, binaries, tmp_path):
    outbox = Outbox(own_servers.postgres, "none", slot=False)
    restart_with(own_servers.postgres, "wal_level = replica")
    brokers = own_servers.kafka.bootstrap_servers

    doctor = verb("doctor", outbox, f"--kafka_brokers={brokers}")
    assert doctor.returncode == 1
    assert "wal_level: replica. Fix: ALTER SYSTEM SET wal_level = logical" in doctor.stdout
    setup = verb("setup", outbox)
    assert setup.returncode == 1
    assert "ALTER SYSTEM SET wal_level = logical" in setup.stderr
    relay = Relay(binaries, tmp_path / "relay.log", outbox.relay_conninfo, brokers)
    try:
        relay.wait_log("ALTER SYSTEM SET wal_level = logical")
    finally:
        relay.kill()


def test_no_slot_and_no_walsender_left(own_servers, verb, binaries, tmp_path):
    outbox = Outbox(own_servers.postgres, "none", slot=False)
    cluster, brokers = own_servers.postgres, own_servers.kafka.bootstrap_servers
    cluster.sql("ALTER SYSTEM SET max_wal_senders = 1")
    restart_with(cluster, "max_replication_slots = 1")
    cluster.sql("SELECT pg_create_physical_replication_slot('of_somebody_else')")

    setup = verb("setup", outbox)
    assert setup.returncode == 1
    assert "raise max_replication_slots" in setup.stderr
    doctor = verb("doctor", outbox, f"--kafka_brokers={brokers}")
    assert doctor.returncode == 1
    assert "FAIL test  max_replication_slots: 1 of 1 in use. Fix: raise" in doctor.stdout

    cluster.sql("SELECT pg_drop_replication_slot('of_somebody_else')")
    assert verb("setup", outbox).returncode == 0
    senders = "SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'walsender'"
    wait_until(lambda: cluster.sql(senders) == "0", "the server has noticed that setup is over")
    with psycopg.connect(f"{outbox.relay_conninfo}?replication=database", autocommit=True):
        doctor = verb("doctor", outbox, f"--kafka_brokers={brokers}")
        assert "WARN test  max_replication_slots: 1 of 1 in use: ours among them" in doctor.stdout
        assert "FAIL test  max_wal_senders: 1 of 1 in use. Fix: raise" in doctor.stdout
        assert "FAIL test  replication: " in doctor.stdout
        relay = Relay(binaries, tmp_path / "relay.log", outbox.relay_conninfo, brokers)
        try:
            relay.wait_log("max_wal_senders must have room")
        finally:
            relay.kill()


def test_a_server_that_hangs_is_reported_and_not_waited_for(own_servers, verb):
    outbox = Outbox(own_servers.postgres, "none")
    postmaster = own_servers.postgres.pid()
    os.kill(postmaster, signal.SIGSTOP)
    try:
        for name in ("doctor", "status"):
            run = verb(name, outbox, "--timeout_s=2", *_kafka(name, own_servers))
            assert run.returncode == 1
            assert "no answer within 2 s" in run.stdout
    finally:
        os.kill(postmaster, signal.SIGCONT)


def test_the_lag_exporter_outlives_its_database(own_servers, binaries, tmp_path):
    outbox = Outbox(own_servers.postgres, make_topic(own_servers.kafka.bootstrap_servers))
    log = tmp_path / "exporter.log"
    command = [binaries / "outbox-relay", "lag-exporter", "--http_address=127.0.0.1:0"]
    with open(log, "w", encoding="utf-8") as out:
        exporter = subprocess.Popen(
            [*command, f"--source=test={outbox.relay_conninfo}"], stdout=out, stderr=out
        )
    try:
        relay_like = Relay.__new__(Relay)
        relay_like.log_file = log
        relay_like.wait_log("reading the lag")
        own_servers.postgres.kill()
        relay_like.wait_log("cannot read the lag")
        own_servers.postgres.start()
        relay_like.wait_log("(?s)cannot read the lag.*reading the lag source=test")
    finally:
        exporter.terminate()
        assert exporter.wait(timeout=20) == 0


def _kafka(verb: str, servers) -> list[str]:
    return [f"--kafka_brokers={servers.kafka.bootstrap_servers}"] if verb == "doctor" else []
