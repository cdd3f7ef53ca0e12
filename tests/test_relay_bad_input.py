"""What a table, a server or an operator may hand to the relay, besides what they should."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource

from devtools.postgres import Cluster
from tests.support import kafka_log
from tests.support.deadline import wait_until
from tests.support.kafka_log import Record
from tests.support.outbox_relay import Outbox, Relay, make_topic

MEGABYTE = 1 << 20


@pytest.fixture
def outbox(postgres_server: Cluster, kafka_broker: str) -> Outbox:
    return Outbox(postgres_server, make_topic(kafka_broker))


@pytest.fixture
def start_relay(kafka_broker, binaries, tmp_path) -> Iterator[Callable[..., Relay]]:
    relays: list[Relay] = []

    def start(source: str, *flags: str) -> Relay:
        log = tmp_path / f"relay{len(relays)}.log"
        relays.append(Relay(binaries, log, source, kafka_broker, *flags))
        return relays[-1]

    yield start
    for relay in relays:
        relay.kill()


def insert(outbox: Outbox, key: str | None, payload: bytes, **columns: object) -> None:
    columns = {"aggregateid": key, "payload": payload, "topic": outbox.topic} | columns
    columns = {"aggregatetype": "Test", "type": "test.v1.Made"} | columns
    with outbox.connect() as database:
        database.execute(
            f"INSERT INTO outbox (id, {', '.join(columns)}) "
            f"VALUES (gen_random_uuid(), {', '.join(['%s'] * len(columns))})",
            list(columns.values()),
        )


def wait_records(brokers: str, outbox: Outbox, count: int) -> list[Record]:
    wait_until(
        lambda: kafka_log.count(brokers, outbox.topic) >= count,
        lambda: f"{count} records; there are {kafka_log.count(brokers, outbox.topic)}",
    )
    return kafka_log.read_to_end(brokers, outbox.topic)


def limit_messages(brokers: str, topic: str, most_bytes: int) -> None:
    entry = ConfigEntry(
        "max.message.bytes", str(most_bytes), incremental_operation=AlterConfigOpType.SET
    )
    admin = AdminClient({"bootstrap.servers": brokers})
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic, incremental_configs=[entry])
    for done in admin.incremental_alter_configs([resource]).values():
        done.result()


def test_null_keys(kafka_broker, outbox, start_relay):
    outbox.cluster.sql("ALTER TABLE outbox ALTER aggregateid DROP NOT NULL", outbox.name)
    start_relay(outbox.relay_conninfo)
    for number in range(20):
        insert(outbox, None, str(number).encode())
    insert(outbox, "", b"empty key")
    records = wait_records(kafka_broker, outbox, 21)
    assert sorted(int(r.value) for r in records if r.key is None) == list(range(20))
    assert all("ce_subject" not in r.headers for r in records if r.key is None)
    assert [r.value for r in records if r.key == ""] == [b"empty key"]


def test_twenty_megabytes(kafka_broker, outbox, start_relay):
    """More than may be in flight, and more than Kafka takes unless it is told to."""
    small, payload = make_topic(kafka_broker), bytes(range(256)) * 4096 * 20
    limit_messages(kafka_broker, outbox.topic, 25 * MEGABYTE)
    relay = start_relay(
        outbox.relay_conninfo, "--max_in_flight_mb=8", "--kafka_property=compression.type=none"
    )
    insert(outbox, "large", payload)
    insert(outbox, "large", b"behind it")
    insert(outbox, "large", payload, topic=small)
    insert(outbox, "large", b"behind it", topic=small)
    insert(outbox, "other", b"flows", topic=small)
    records = wait_records(kafka_broker, outbox, 2)
    assert [r.value == payload for r in records] == [True, False]
    wait_until(
        lambda: [r.key for r in kafka_log.read_to_end(kafka_broker, small)] == ["other"],
        "the other key flows",
    )
    parked = (
        "SELECT count(*), min(fix) FROM outbox_parked JOIN outbox_parked_keys USING (scope, topic) "
        f"WHERE topic = '{small}'"
    )
    wait_until(
        lambda: re.match(r"2\|.*max\.message\.bytes", outbox.cluster.sql(parked, outbox.name)),
        lambda: f"both are parked, with the fix: {outbox.cluster.sql(parked, outbox.name)}",
    )
    assert relay.stop() == 0


def test_text_that_is_not_utf8(postgres_server, kafka_broker, start_relay):
    """A database of encoding SQL_ASCII takes any bytes; they come out as they are."""
    outbox = Outbox(postgres_server, make_topic(kafka_broker), encoding="SQL_ASCII")
    start_relay(outbox.relay_conninfo)
    outbox.cluster.sql(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic, traceparent, "
        "headers) VALUES (gen_random_uuid(), 'T', E'key-\\xff', E'type-\\xc3', 'bytes', "
        f"'{outbox.topic}', E'trace-\\xe2\\x82', E'{{\"name\": \"\\xfe\"}}')",
        outbox.name,
    )
    insert(outbox, "behind", b"it")
    records = wait_records(kafka_broker, outbox, 2)
    (odd,) = [record for record in records if record.value == b"bytes"]
    assert (odd.key, odd.headers["eventType"]) == ("key-\ufffd", "type-\ufffd")
    assert (odd.headers["traceparent"], odd.headers["name"]) == ("trace-\ufffd", "\ufffd")


def test_a_latin1_database_comes_out_as_utf8(postgres_server, kafka_broker, start_relay):
    outbox = Outbox(postgres_server, make_topic(kafka_broker), encoding="LATIN1")
    start_relay(outbox.relay_conninfo)
    insert(outbox, "b\u00e4r", b"x", headers='{"name": "\u00fc"}')
    (record,) = wait_records(kafka_broker, outbox, 1)
    assert (record.key, record.headers["name"]) == ("b\u00e4r", "\u00fc")
    # What is said of a parked event has to fit into the database, too.
    insert(outbox, "gro\u00df", os.urandom(2 * MEGABYTE))
    insert(outbox, "gro\u00df", b"y")
    parked = "SELECT count(*) FROM outbox_parked"
    wait_until(
        lambda: postgres_server.sql(parked, outbox.name) == "2", "both events of the key are parked"
    )


def test_a_slot_of_another_database(postgres_server, outbox, start_relay):
    twin = Outbox(postgres_server, outbox.topic, slot=False)
    postgres_server.sql(
        f"SELECT pg_create_logical_replication_slot('{twin.slot}', 'pgoutput')", outbox.name
    )
    relay = start_relay(twin.relay_conninfo)
    relay.wait_log(f"database {outbox.name}; the relay needs .*Fix: drop that slot, if nobody uses it")


@pytest.mark.parametrize(
    "postgres_answers, said",
    [
        (False, "cannot connect to Postgres.*Fix: check host and port"),
        (True, "Kafka does not answer.*fix=.*--kafka_brokers"),
    ],
    ids=["no Postgres", "no Kafka"],
)
def test_hosts_that_do_not_answer(postgres_answers, said, outbox, binaries, tmp_path):
    nobody = "postgresql://nobody@127.0.0.1:1/nowhere"
    source = outbox.relay_conninfo if postgres_answers else nobody
    relay = Relay(binaries, tmp_path / "log", source, "127.0.0.1:1")
    try:
        relay.wait_log(said)
    finally:
        relay.kill()


@pytest.mark.timeout(600)
def test_a_transaction_of_a_million_rows_and_an_aborted_one(kafka_broker, outbox, start_relay):
    relay = start_relay(outbox.relay_conninfo)
    rows = (
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
        "SELECT gen_random_uuid(), 'Test', 'key-' || i % 1000, 'test.v1.Made', 'x', "
        f"'{outbox.topic}' FROM generate_series(1, {{}}) i;"
    )
    outbox.cluster.sql(f"BEGIN; {rows.format(100_000)} ROLLBACK", outbox.name)
    outbox.cluster.sql(rows.format(1_000_000), outbox.name)
    insert(outbox, "behind", b"it")

    def arrived() -> int:
        return kafka_log.count(kafka_broker, outbox.topic)

    wait_until(
        lambda: arrived() > 1_000_000,
        lambda: f"there are {arrived()}",
        seconds=300,
        pause_seconds=0.5,
    )
    peak = int(re.search(r"VmHWM:\s+(\d+)", _status(relay))[1])
    assert peak < 64 << 10, f"{peak} KiB"
    assert relay.stop() == 0
    assert arrived() == 1_000_001


def _status(relay: Relay) -> str:
    return Path(f"/proc/{relay.process.pid}/status").read_text()
