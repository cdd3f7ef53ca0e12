"""The relay at a Kafka that asks who it is, and lets it do only what was allowed."""

import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import AclOperation

from devtools.postgres import Cluster
from tests.support import kafka_log
from tests.support.deadline import wait_until
from tests.support.guarded_broker import GuardedBroker
from tests.support.outbox_relay import Outbox, Relay, make_topic

STATE_TOPIC = "outbox-relay-state"


@pytest.fixture(scope="module")
def broker() -> Iterator[GuardedBroker]:
    with tempfile.TemporaryDirectory(prefix="order-saga-test-acl-") as folder:
        broker = GuardedBroker(Path(folder) / "kafka")
        broker.start()
        broker.allow(STATE_TOPIC, AclOperation.CREATE, AclOperation.READ, AclOperation.WRITE)
        yield broker
        broker.kill()


@pytest.fixture(params=["at_least_once", "exactly_once"])
def mode(request, broker: GuardedBroker) -> str:
    if request.param == "exactly_once":
        broker.allow_transactions(STATE_TOPIC)
    return request.param


@pytest.fixture
def outbox(postgres_server: Cluster, broker: GuardedBroker) -> Outbox:
    """Its topic is allowed."""
    outbox = Outbox(postgres_server, make_topic(broker.bootstrap_servers))
    broker.allow(outbox.topic, AclOperation.WRITE, AclOperation.DESCRIBE_CONFIGS)
    return outbox


@pytest.fixture
def start_relay(broker, outbox, binaries, log_folder, mode) -> Iterator[Callable[..., Relay]]:
    relays: list[Relay] = []

    def start(*flags: str) -> Relay:
        log = log_folder / f"{outbox.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        flags = [*broker.relay_flags, *flags]
        flags += ["--exactly_once"] if mode == "exactly_once" else []
        relays.append(
            Relay(binaries, log, outbox.relay_conninfo, broker.relay_address, *flags)
        )
        return relays[-1]

    yield start
    for relay in relays:
        relay.kill()


@pytest.fixture
def parked(binaries: Path, outbox: Outbox) -> Callable[..., str]:
    def run(verb: str, *flags: str) -> str:
        command = [binaries / "outbox-relay", "parked", verb]
        command += [f"--source=test={outbox.relay_conninfo}", *flags]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    return run


def insert(outbox: Outbox, topic: str, *payloads: str, key: str = "k") -> None:
    """Each in a transaction of its own."""
    with outbox.connect() as database:
        for payload in payloads:
            database.execute(
                "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
                "VALUES (gen_random_uuid(), 'Test', %s, 'test.v1.Made', %s, %s)",
                [key, payload.encode(), topic],
            )


def values(broker: GuardedBroker, topic: str) -> list[str]:
    records = kafka_log.read_to_end(broker.bootstrap_servers, topic)
    return list(dict.fromkeys(record.value.decode() for record in records))


def wait_values(broker: GuardedBroker, topic: str, *wanted: str) -> None:
    wait_until(
        lambda: values(broker, topic) == list(wanted),
        lambda: f"{wanted} in {topic}; there are {values(broker, topic)}",
    )


def wait_parked(outbox: Outbox, topic: str, events: int) -> None:
    count = f"SELECT count(*) FROM outbox_parked WHERE topic = '{topic}'"
    wait_until(
        lambda: outbox.cluster.sql(count, outbox.name) == str(events),
        lambda: f"{events} parked; there are {outbox.cluster.sql(count, outbox.name)}",
    )


def expect_refused_topic(parked: Callable[..., str], topic: str) -> None:
    listed = parked("list", f"--topic={topic}")
    assert "TOPIC_AUTHORIZATION_FAILED" in listed
    assert f"allow the relay's principal to WRITE and DESCRIBE the topic {topic}" in listed


def test_a_topic_that_is_not_authorised_is_parked_and_all_else_flows(
    broker, outbox, start_relay, parked
):
    """Neither its metadata nor anything else of it is shown to the relay."""
    secret = make_topic(broker.bootstrap_servers)
    relay = start_relay()
    insert(outbox, outbox.topic, "a")
    insert(outbox, secret, "1", "2")
    insert(outbox, secret, "other key", key="other")
    insert(outbox, outbox.topic, "b")
    wait_values(broker, outbox.topic, "a", "b")
    wait_parked(outbox, secret, 3)
    expect_refused_topic(parked, secret)
    relay.wait_log(f"allow the relay's principal to WRITE and DESCRIBE the topic {secret}")
    assert values(broker, secret) == []

    # Released too early it is parked again, in its place.
    parked("release", f"--topic={secret}", "--key=k")
    insert(outbox, secret, "3")
    wait_parked(outbox, secret, 4)
    broker.allow(secret, AclOperation.WRITE)
    released = "SELECT count(*) FROM outbox_parked_keys WHERE released_at IS NOT NULL"
    wait_until(
        lambda: outbox.cluster.sql(released, outbox.name) == "0", "the first release has ended"
    )
    parked("release", "--all")
    wait_parked(outbox, secret, 0)
    insert(outbox, secret, "4")
    wait_until(
        lambda: [v for v in values(broker, secret) if v != "other key"] == ["1", "2", "3", "4"],
        lambda: f"in order; there are {values(broker, secret)}",
    )
    assert "other key" in values(broker, secret)
    assert relay.stop() == 0


def test_a_topic_that_may_be_seen_but_not_written(broker, outbox, start_relay, parked):
    """It is the broker that refuses, which costs the producer."""
    seen = make_topic(broker.bootstrap_servers)
    broker.allow(seen, AclOperation.DESCRIBE)
    relay = start_relay()
    insert(outbox, outbox.topic, "a")
    insert(outbox, seen, "1", "2")
    insert(outbox, outbox.topic, "b")
    wait_values(broker, outbox.topic, "a", "b")
    wait_parked(outbox, seen, 2)
    expect_refused_topic(parked, seen)
    broker.allow(seen, AclOperation.WRITE)
    parked("release", "--all")
    wait_values(broker, seen, "1", "2")
    assert relay.stop() == 0


def test_beyond_the_most_keys_the_topic_is_parked(broker, outbox, start_relay, parked):
    seen = make_topic(broker.bootstrap_servers)
    broker.allow(seen, AclOperation.DESCRIBE)
    relay = start_relay("--max_parked_keys=2")
    for key in ("k1", "k2", "k3", "k4"):
        insert(outbox, seen, key, key=key)
    insert(outbox, outbox.topic, "behind")
    wait_values(broker, outbox.topic, "behind")
    wait_parked(outbox, seen, 4)
    # Once for the topic in a batch, once alone (or once for each key that is parked by itself).
    tries = relay.log().count("Kafka refused an event; starting over")
    assert tries <= 3
    keys = "SELECT string_agg(name, ' ' ORDER BY name) FROM outbox_parked_keys WHERE released_at IS NULL"
    assert outbox.cluster.sql(keys, outbox.name) == "kk1 kk2 t"
    # Released too early: they find their places again.
    parked("release", "--all")
    wait_until(
        lambda: (
            relay.log().count("Kafka refused an event; starting over") > tries
            and outbox.cluster.sql(keys, outbox.name) == "kk1 kk2 t"
        ),
        "all are parked again",
    )
    broker.allow(seen, AclOperation.WRITE)

    def all_there() -> bool:
        # What was refused in the moment before the broker knew of it is parked.
        parked("release", "--all")
        return sorted(values(broker, seen)) == ["k1", "k2", "k3", "k4"]

    wait_until(all_there, lambda: f"all four; there are {values(broker, seen)}")
    assert relay.stop() == 0


def test_healing_parks_the_topic_beyond_the_most_keys(broker, outbox, start_relay, parked):
    seen = make_topic(broker.bootstrap_servers)
    for topic in (outbox.topic, seen):
        broker.allow(topic, AclOperation.DESCRIBE, AclOperation.READ)
    relay = start_relay()
    insert(outbox, outbox.topic, "a")
    wait_values(broker, outbox.topic, "a")
    record = "SELECT count(*) FROM outbox_relay_state"
    wait_until(lambda: outbox.cluster.sql(record, outbox.name) == "1", "it is on record")
    assert relay.stop() == 0
    outbox.cluster.sql(f"SELECT pg_drop_replication_slot('{outbox.slot}')", outbox.name)
    for key in ("k1", "k2", "k3", "k4"):
        insert(outbox, seen, key, key=key)
    healer = start_relay("--heal=table", "--max_parked_keys=2")
    healer.wait_log("healed from the outbox's rows", seconds=60)
    keys = "SELECT string_agg(name, ' ' ORDER BY name) FROM outbox_parked_keys"
    assert outbox.cluster.sql(keys, outbox.name) == "kk1 kk2 t"
    broker.allow(seen, AclOperation.WRITE)
    parked("release", "--all")
    wait_until(
        lambda: sorted(values(broker, seen)) == ["k1", "k2", "k3", "k4"],
        lambda: f"all four; there are {values(broker, seen)}",
    )
    assert healer.stop() == 0


def test_a_right_that_is_taken_away_while_events_flow(broker, outbox, start_relay, parked):
    relay = start_relay()
    other = make_topic(broker.bootstrap_servers)
    broker.allow(other, AclOperation.WRITE)
    insert(outbox, outbox.topic, "1")
    insert(outbox, other, "a")
    wait_values(broker, outbox.topic, "1")
    wait_values(broker, other, "a")
    broker.forbid(outbox.topic)
    insert(outbox, outbox.topic, "2", "3")
    insert(outbox, other, "b")
    wait_values(broker, other, "a", "b")
    wait_parked(outbox, outbox.topic, 2)
    expect_refused_topic(parked, outbox.topic)
    broker.allow(outbox.topic, AclOperation.WRITE)
    parked("release", "--all")
    insert(outbox, outbox.topic, "4")
    wait_values(broker, outbox.topic, "1", "2", "3", "4")
    assert relay.stop() == 0


def test_a_state_topic_that_is_not_authorised_is_named_with_the_fix(
    broker, outbox, start_relay, mode
):
    """The relay does not go on without knowing what it may have lost."""
    state = f"another-{mode}"
    broker.allow_transactions(state)
    relay = start_relay(f"--state_topic={state}")
    insert(outbox, outbox.topic, "1")
    relay.wait_log(f"topic {state}, where the relay's position is kept.*Fix: allow this relay's")
    assert values(broker, outbox.topic) == []
    operations = [AclOperation.CREATE, AclOperation.READ, AclOperation.WRITE]
    broker.allow(state, *operations)
    wait_values(broker, outbox.topic, "1")
    assert relay.stop() == 0


def test_a_transactional_id_that_is_not_authorised_is_named_with_the_fix(
    broker, outbox, binaries, tmp_path
):
    broker.allow("other-state", AclOperation.CREATE, AclOperation.READ, AclOperation.WRITE)
    flags = [*broker.relay_flags, "--exactly_once", "--state_topic=other-state"]
    relay = Relay(binaries, tmp_path / "log", outbox.relay_conninfo, broker.relay_address, *flags)
    try:
        insert(outbox, outbox.topic, "1")
        relay.wait_log("Fix: allow the relay.s principal to WRITE and DESCRIBE the transactional id other-state/shop-")
        assert values(broker, outbox.topic) == []
        broker.allow_transactions("other-state")
        wait_values(broker, outbox.topic, "1")
    finally:
        relay.kill()


def test_a_wrong_password_at_kafka_is_named_and_no_secret_printed(
    broker, outbox, binaries, tmp_path
):
    flags = [flag.replace("relays-own", "not-right") for flag in broker.relay_flags]
    relay = Relay(binaries, tmp_path / "log", outbox.relay_conninfo, broker.relay_address, *flags)
    try:
        insert(outbox, outbox.topic, "1")
        relay.wait_log("[Aa]uthentication failed")
        assert values(broker, outbox.topic) == []
        assert "not-right" not in relay.log()
    finally:
        relay.kill()
