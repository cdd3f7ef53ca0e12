"""A source that comes back as another: promoted, restored, rolled back, its slot invalidated.

Each is noticed with the choices, and healed from the outbox's rows: the table's ids and the topic's are
compared by a client of our own.
"""

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from devtools import metrics, ports, postgres, postgres_versions, processes
from devtools.postgres import Cluster
from devtools.servers import TestServers
from tests.support import kafka_log
from tests.support.deadline import wait_until
from tests.support.outbox_relay import RELAY_ROLE, Outbox, Relay


@pytest.fixture
def start_relay(
    servers: TestServers, outbox: Outbox, binaries: Path, tmp_path: Path
) -> Iterator[Callable[..., Relay]]:
    relays: list[Relay] = []

    def start(*flags: str) -> Relay:
        log = tmp_path / f"log{len(relays)}"
        brokers = servers.kafka.bootstrap_servers
        relays.append(Relay(binaries, log, outbox.relay_conninfo, brokers, *flags))
        return relays[-1]

    yield start
    for relay in relays:
        relay.kill()


@pytest.fixture
def other_folder(servers: TestServers) -> Iterator[Path]:
    """For another cluster at the address of `servers.postgres`, which is back when the test is over."""
    folder = Path(tempfile.mkdtemp(prefix="order-saga-test-other-"))
    folder.chmod(0o755)  # the user postgres passes through it
    yield folder / "postgres"
    Cluster(folder / "postgres", servers.postgres.port).kill()
    shutil.rmtree(folder, ignore_errors=True)
    servers.postgres.start()


def topic_ids(servers: TestServers, outbox: Outbox) -> list[str]:
    """The id of each record, to where the topic ends now."""
    records = kafka_log.read_to_end(servers.kafka.bootstrap_servers, outbox.topic)
    return [record.headers["id"] for record in records]


def table_ids(cluster: Cluster, outbox: Outbox) -> set[str]:
    return set(cluster.sql("SELECT id FROM outbox", outbox.name).split())


def insert(cluster: Cluster, outbox: Outbox, prefix: str, count: int) -> None:
    cluster.sql(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
        f"SELECT gen_random_uuid(), 'Test', 'key-' || i % 10, 'test.v1.Made', '{prefix}', "
        f"'{outbox.topic}' FROM generate_series(1, {count}) i",
        outbox.name,
    )


def wait_published(servers: TestServers, cluster: Cluster, outbox: Outbox) -> None:
    """Until every row is in the topic."""
    wait_until(
        lambda: table_ids(cluster, outbox) <= set(topic_ids(servers, outbox)),
        "all rows are at Kafka",
        seconds=60,
    )


def wait_recorded(cluster: Cluster, outbox: Outbox) -> None:
    """Until the record shows every row as published."""
    wait_until(
        lambda: cluster.sql(
            "SELECT count(*) FROM outbox, (SELECT coalesce(nullif((SELECT details FROM "
            "outbox_relay_state)::json ->> 'snapshot', ''), '1:1:')::pg_snapshot AS s) state "
            "WHERE NOT pg_visible_in_snapshot(tx, s)",
            outbox.name,
        )
        == "0",
        "the record shows all rows as published",
    )


def publish(servers: TestServers, outbox: Outbox, start_relay, count: int = 100) -> Relay:
    relay = start_relay()
    insert(servers.postgres, outbox, "published", count)
    wait_published(servers, servers.postgres, outbox)
    wait_recorded(servers.postgres, outbox)
    return relay


def run_postgres_program(cluster: Cluster, *command: str) -> None:
    words = [str(postgres.binaries() / command[0]), *command[1:]]
    code = processes.run(words, log=cluster.log, user=postgres.run_as(), cwd=cluster.folder)
    assert code == 0, f"{command[0]} failed:\n{cluster.log.read_text()[-2000:]}"


def copy_data(stopped: Cluster, folder: Path) -> None:
    folder.mkdir()
    shutil.copytree(stopped.data, folder / "data", symlinks=True)
    if user := postgres.run_as():
        subprocess.run(["chown", "-R", f"{user}:{user}", folder], check=True)


def dump_with_pg_dump(cluster: Cluster, outbox: Outbox) -> Callable[[Cluster], None]:
    """Answers what restores it into another cluster."""
    run_postgres_program(
        cluster,
        *("pg_dump", "-Fc", "-f", str(cluster.folder / "dump")),
        *("-d", cluster.conninfo(outbox.name)),
    )

    def restore(other: Cluster) -> None:
        other.sql(f"CREATE ROLE {RELAY_ROLE} LOGIN REPLICATION")
        other.sql(f"CREATE DATABASE {outbox.name}")
        run_postgres_program(
            other, "pg_restore", "-d", other.conninfo(outbox.name), str(cluster.folder / "dump")
        )

    return restore


def dump_rows(cluster: Cluster, outbox: Outbox) -> Callable[[Cluster], None]:
    """The same by hand, for servers that the machine's pg_dump does not know."""
    tables = ["outbox", "outbox_relay_state", "outbox_cluster"]
    with psycopg.connect(cluster.conninfo(outbox.name)) as database:
        rows = {}
        for table in tables:
            with database.cursor().copy(f"COPY (SELECT * FROM {table}) TO STDOUT") as copy:
                rows[table] = b"".join(copy)

    def restore(other: Cluster) -> None:
        twin = Outbox(other, outbox.topic, slot=False)
        with twin.connect() as database:
            database.execute("DELETE FROM outbox_cluster")
            for table in tables:
                with database.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows[table])
            sequence = "pg_get_serial_sequence('outbox', 'seq')"
            database.execute(f"SELECT setval({sequence}, (SELECT max(seq) FROM outbox))")
        other.sql(f"ALTER DATABASE {twin.name} RENAME TO {outbox.name}")

    return restore


def finding_of(relay: Relay) -> str:
    return re.findall(r"--finding=([0-9a-f]{8})", relay.log())[-1]


def history_changed(relay: Relay) -> float:
    (address,) = re.findall(r"listens_http=(\S+)", relay.log())
    _, text = metrics.get(address, "/metrics")
    (value,) = [v for what, _, v in metrics.parse(text) if what == "outbox_relay_history_changed"]
    return value


def test_an_idle_database_is_not_written_to_over_and_over(servers, outbox, start_relay):
    """On a server without other databases that write: their log moves the position on."""
    start_relay()
    insert(servers.postgres, outbox, "event", 10)
    wait_published(servers, servers.postgres, outbox)
    wait_recorded(servers.postgres, outbox)
    at_rest = "SELECT recorded_at < now() - interval '3 s' FROM outbox_relay_state"
    wait_until(
        lambda: servers.postgres.sql(at_rest, outbox.name).strip() == "t",
        "nothing is recorded for three seconds",
    )


def test_a_promoted_standby(servers, outbox, start_relay, other_folder):
    relay = publish(servers, outbox, start_relay)
    servers.postgres.stop()
    copy_data(servers.postgres, other_folder)
    for slot in (other_folder / "data" / "pg_replslot").iterdir():
        shutil.rmtree(slot)  # a base backup has none
    (other_folder / "data" / "standby.signal").touch()
    servers.postgres.start()
    # Published, but the standby is behind: these are lost with the primary.
    insert(servers.postgres, outbox, "lost", 50)
    wait_published(servers, servers.postgres, outbox)
    lost = table_ids(servers.postgres, outbox)
    servers.postgres.kill()
    standby = Cluster(other_folder, servers.postgres.port)
    standby.start()
    standby.sql("SELECT pg_promote()")
    lost -= table_ids(standby, outbox)
    assert len(lost) == 50
    # The transactions' numbers are those of the lost ones.
    insert(standby, outbox, "new", 30)
    relay.wait_log(r"timeline 2, before on 1.*Choices:.*--heal=table", seconds=60)
    relay.kill()
    healer = start_relay("--heal=table")
    healer.wait_log(r"healed.*finding=other_timeline compared=\d+ found=\d+ published=30 ")
    insert(standby, outbox, "streamed", 20)
    wait_published(servers, standby, outbox)
    found = topic_ids(servers, outbox)
    assert set(found) == table_ids(standby, outbox) | lost
    assert len(found) == 100 + 50 + 30 + 20, "nothing was published twice"


@pytest.fixture
def primary(servers) -> Iterator[Cluster]:
    """Sends nobody what the standby of the slot `standby` has not got."""
    cluster = servers.postgres
    if cluster.version() < 17:
        pytest.skip("slots are synchronized from Postgres 17 on")
    cluster.sql("SELECT pg_create_physical_replication_slot('standby')")
    cluster.sql("ALTER SYSTEM SET synchronized_standby_slots = 'standby'")  # from the next start on
    yield cluster
    cluster.sql("ALTER SYSTEM RESET synchronized_standby_slots")
    cluster.sql("SELECT pg_reload_conf()")
    cluster.sql("SELECT pg_drop_replication_slot('standby')")


def test_a_promoted_standby_that_has_the_slot(servers, primary, outbox, start_relay, other_folder):
    """Nobody has to do anything, and nothing is missed."""
    relay = publish(servers, outbox, start_relay)
    primary.stop()
    copy_data(primary, other_folder)
    data = other_folder / "data"
    for slot in (data / "pg_replslot").iterdir():
        shutil.rmtree(slot)
    with open(data / "postgresql.auto.conf", "a", encoding="utf-8") as settings:
        settings.write(
            f"primary_conninfo = '{primary.conninfo()}'\nprimary_slot_name = 'standby'\n"
            "hot_standby_feedback = on\nsync_replication_slots = on\n"
            "synchronized_standby_slots = ''\n"
        )
    (data / "standby.signal").touch()
    primary.start()
    standby = Cluster(other_folder, ports.free_ports(1)[0])
    standby.start()
    insert(primary, outbox, "both", 50)
    wait_published(servers, primary, outbox)
    synchronized = f"""
        SELECT count(*) FROM pg_replication_slots, outbox_relay_state
         WHERE slot_name = '{outbox.slot}' AND synced AND NOT temporary
           AND confirmed_flush_lsn <= confirmed"""
    wait_until(
        lambda: standby.sql(synchronized, outbox.name) == "1", "the standby has the slot", seconds=60
    )
    # Some of these may be on their way when the primary dies.
    insert(primary, outbox, "late", 50)
    end = primary.sql("SELECT pg_current_wal_flush_lsn()")
    wait_until(
        lambda: standby.sql(f"SELECT pg_last_wal_replay_lsn() >= '{end}'") == "t",
        "the standby has all rows",
    )
    primary.kill()
    standby.stop()
    promoted = Cluster(other_folder, primary.port)
    promoted.start()
    promoted.sql("SELECT pg_promote()")
    insert(promoted, outbox, "new", 30)
    relay.wait_log("a standby was promoted; its slot goes on", seconds=60)
    wait_published(servers, promoted, outbox)
    found = topic_ids(servers, outbox)
    assert set(found) == table_ids(promoted, outbox)
    assert len(set(found)) == 100 + 50 + 50 + 30
    assert "Choices:" not in relay.log()
    assert relay.stop() == 0


def test_a_restored_dump(servers, outbox, start_relay, other_folder, binaries, tmp_path):
    relay = publish(servers, outbox, start_relay)
    seq = servers.postgres.sql("SELECT max(seq) FROM outbox", outbox.name)
    dump = dump_rows if postgres_versions.wanted() else dump_with_pg_dump
    restore = dump(servers.postgres, outbox)
    servers.postgres.stop()
    other = Cluster(other_folder, servers.postgres.port)
    other.start()
    restore(other)
    insert(other, outbox, "before the slot", 10)
    make = f"SELECT pg_create_logical_replication_slot('{outbox.slot}', 'pgoutput')"
    other.sql(make, outbox.name)
    insert(other, outbox, "behind the slot", 10)
    relay.wait_log(r"another cluster than before.*Choices:.*--published_up_to_seq=N", seconds=60)
    relay.kill()
    # Nothing can be proven, so nothing is healed on its own.
    healer = start_relay("--heal=table")
    healer.wait_log("no row can be proven published")
    accept = [
        *(binaries / "outbox-relay", "accept-history"),
        f"--source={outbox.name.replace('_', '-')}={outbox.relay_conninfo}",
        f"--kafka_brokers={servers.kafka.bootstrap_servers}",
        f"--finding={finding_of(healer)}",
        f"--published_up_to_seq={seq}",
    ]
    done = subprocess.run(accept, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Accepted (other_system)" in done.stdout
    healer.wait_log(r"healed.*compared=20 found=0 published=20 ")
    insert(other, outbox, "streamed", 10)
    wait_published(servers, other, outbox)
    found = topic_ids(servers, outbox)
    assert set(found) == table_ids(other, outbox)
    assert len(found) == 130, "nothing was published twice"


def test_an_older_copy_of_the_data_folder(servers, outbox, start_relay, other_folder):
    relay = publish(servers, outbox, start_relay)
    relay.stop()
    servers.postgres.stop()
    copy_data(servers.postgres, other_folder)
    servers.postgres.start()
    relay.start()
    insert(servers.postgres, outbox, "lost", 500)
    wait_published(servers, servers.postgres, outbox)
    wait_recorded(servers.postgres, outbox)
    lost = table_ids(servers.postgres, outbox)
    relay.stop()
    servers.postgres.stop()
    older = Cluster(other_folder, servers.postgres.port)
    older.start()
    lost -= table_ids(older, outbox)
    insert(older, outbox, "new", 30)
    refused = start_relay()
    refused.wait_log(r"(has lost writes|has gone back in time).*Choices:")
    refused.kill()
    healer = start_relay("--heal=table")
    healer.wait_log("healed from the outbox's rows")
    wait_published(servers, older, outbox)
    found = topic_ids(servers, outbox)
    assert set(found) == table_ids(older, outbox) | lost
    assert len(found) == 100 + 500 + 30, "nothing was published twice"


def test_a_slot_that_postgres_has_invalidated(servers, outbox, start_relay):
    relay = publish(servers, outbox, start_relay)
    relay.kill()
    cluster = servers.postgres
    insert(cluster, outbox, "in removed log", 50)
    cluster.sql("ALTER SYSTEM SET max_slot_wal_keep_size = '1MB'")
    cluster.sql("SELECT pg_reload_conf()")
    status = f"SELECT wal_status FROM pg_replication_slots WHERE slot_name = '{outbox.slot}'"

    def is_lost() -> bool:
        cluster.sql("SELECT pg_logical_emit_message(false, 'x', 'x')")
        cluster.sql("SELECT pg_switch_wal()")
        cluster.sql("CHECKPOINT")
        return cluster.sql(status) == "lost"

    wait_until(is_lost, "the slot is lost", seconds=60)
    cluster.sql("ALTER SYSTEM RESET max_slot_wal_keep_size")
    cluster.sql("SELECT pg_reload_conf()")
    refused = start_relay()
    refused.wait_log(r"is lost: Postgres has removed log.*Choices:.*--heal=table")
    assert history_changed(refused) == 1
    healer = start_relay("--heal=table")
    healer.wait_log(r"healed.*finding=slot_lost compared=50 found=0 published=50 ")
    # One of them streams, the other one waits for the slot, and neither raises an alarm any more.
    wait_until(
        lambda: "waiting as standby" in refused.log() + healer.log(), "one waits as standby"
    )
    wait_until(
        lambda: history_changed(refused) == history_changed(healer) == 0, "no alarm is raised"
    )
    insert(cluster, outbox, "streamed", 10)
    wait_published(servers, cluster, outbox)
    found = topic_ids(servers, outbox)
    assert set(found) == table_ids(cluster, outbox)
    assert len(found) == 160


def test_crashes_of_postgres_are_no_change(servers, outbox, start_relay):
    """Its slot falls back to where it was saved; the record does not."""
    for round in range(3):
        relay = start_relay()
        relay.wait_log("streaming")
        insert(servers.postgres, outbox, f"round {round}", 100)
        wait_published(servers, servers.postgres, outbox)
        if round % 2:
            servers.postgres.kill()
            relay.kill()
        else:
            relay.kill()
            servers.postgres.kill()
        servers.postgres.start()
        assert "Choices" not in relay.log()
    relay = start_relay()
    relay.wait_log("streaming")
    assert set(topic_ids(servers, outbox)) == table_ids(servers.postgres, outbox)
