"""Each program killed with -9, and stopped with SIGTERM, in the middle of its work."""

import itertools
import threading
import uuid
from collections import defaultdict

import grpc
import pytest

from tests.support import kafka_log
from tests.support.deadline import wait_until
from tests.support.load import Load
from tests.support.shop import Shop
from tests.support.uuid7 import uuid7

SERVICES = ["order-service", "product-service", "customer-service", "kitchen-service"]
PROGRAMS = [*SERVICES, "outbox-relay"]
ORDERS = 200

EVENTS, KEYS, WRITERS, ROWS = 10_000, 40, 4, 10


class Writers:
    """Write into the outbox until the end of the block, and EVENTS events of KEYS keys at least.

    Each key's come from one writer, numbered.
    """

    def __init__(self, system, topic: str):
        self._system = system
        self._topic = topic
        self._threads = [
            threading.Thread(target=self._write, args=[n], daemon=True) for n in range(WRITERS)
        ]
        self._enough = threading.Event()
        self._errors: list[BaseException] = []

    def __enter__(self) -> "Writers":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._enough.set()
        for thread in self._threads:
            thread.join()
        assert not self._errors, self._errors

    def _write(self, writer: int) -> None:
        try:
            keys = [f"key-{n}" for n in range(KEYS) if n % WRITERS == writer]
            with self._system.connect("order_service") as connection:
                for number in itertools.count():
                    if number >= EVENTS // KEYS and self._enough.is_set():
                        return
                    events = [
                        (uuid7(), "Test", key, "test.v1.Counted", str(number).encode(), self._topic)
                        for key in keys
                    ]
                    for at in range(0, len(events), ROWS):
                        with connection.transaction(), connection.cursor() as cursor:
                            cursor.executemany(
                                "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload,"
                                " topic) VALUES (%s, %s, %s, %s, %s, %s)",
                                events[at : at + ROWS],
                            )
        except BaseException as error:  # raised again in the test's own thread
            self._errors.append(error)


def first_occurrences(records: list) -> dict[str, list]:
    """By key, in their order; what comes again must be byte for byte the same."""
    seen: dict[str, object] = {}
    by_key = defaultdict(list)
    for record in records:
        before = seen.setdefault(record.headers["id"], record)
        if before is record:
            by_key[record.key].append(record)
        else:
            assert (before.key, before.value, before.headers, before.partition) == (
                record.key,
                record.value,
                record.headers,
                record.partition,
            )
    return by_key


def test_the_relay_is_killed_in_the_middle_of_ten_thousand_events(system):
    topic = system.topic(f"events-{uuid.uuid4().hex[:6]}")
    kafka_log.create_topic(system.kafka, topic, partitions=3)

    def published() -> int:
        return kafka_log.count(system.kafka, topic)

    def committed() -> int:
        counted = "SELECT count(*) AS events FROM outbox WHERE topic = %s"
        return system.sql("order_service", counted, (topic,))[0]["events"]

    # However quick the relay is, there is more to come at each kill.
    with Writers(system, topic):
        for share in (0.15, 0.4, 0.65):
            wait_until(
                lambda share=share: published() > EVENTS * share,
                f"{share:.0%} of the events",
                seconds=60,
                pause_seconds=0.005,
            )
            system.kill9("relay")
            at_kafka = published()
            wait_until(lambda least=at_kafka: committed() > least, "events behind the kill")
            system.start("relay", wait=False)
    events = committed()
    assert events >= EVENTS

    def all_published() -> bool:
        return published() >= events and (
            sum(map(len, first_occurrences(kafka_log.read_to_end(system.kafka, topic)).values()))
            == events
        )

    wait_until(all_published, lambda: f"{published()} records of {events} events", seconds=60)
    rows = defaultdict(list)
    for row in system.sql(
        "order_service",
        "SELECT id::text, aggregateid FROM outbox WHERE topic = %s ORDER BY seq",
        (topic,),
    ):
        rows[row["aggregateid"]].append(row["id"])
    by_key = first_occurrences(kafka_log.read_to_end(system.kafka, topic))
    assert {k: [r.headers["id"] for r in records] for k, records in by_key.items()} == rows
    assert len(by_key) == KEYS
    for records in by_key.values():
        numbers = [int(record.value) for record in records]
        assert len(numbers) >= EVENTS // KEYS
        assert numbers == list(range(len(numbers)))
        assert len({record.partition for record in records}) == 1


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_killed_in_the_middle_of_two_hundred_orders(system, program):
    shop = Shop(system)
    requests = shop.mixed_requests(ORDERS)
    with Load(system, requests) as load:
        for answered in (40, 120):
            load.wait_answered(answered)
            system.kill9(program)
            shop.check_snapshot()
            system.start(program, wait=False)
    assert set(load.failed_attempts) <= {grpc.StatusCode.UNAVAILABLE}
    if program != "order-service":
        assert not load.failed_attempts, "orders are taken, whoever else is dead"
    shop.wait_sagas_end(load.orders)
    ends = shop.check_books(load.orders, requests)
    assert ends["APPROVED"] >= ORDERS * 0.4
    assert ends["UNKNOWN_PRODUCT"] == ends["KITCHEN_REJECTED"] == ORDERS / 10


def test_all_programs_are_killed_at_once(system):
    shop = Shop(system)
    requests = shop.mixed_requests(ORDERS)
    with Load(system, requests) as load:
        load.wait_answered(60)
        for program in PROGRAMS:
            system.kill9(program)
        for program in PROGRAMS:
            system.start(program, wait=False)
    shop.wait_sagas_end(load.orders)
    shop.check_books(load.orders, requests)


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_is_stopped_in_the_middle_of_two_hundred_orders(system, program):
    shop = Shop(system)
    requests = shop.mixed_requests(ORDERS)
    with Load(system, requests) as load:
        load.wait_answered(60)
        assert system.stop(program) == 0, f"{program} says that it did not end well"
        system.start(program, wait=False)
    expected = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED}
    assert set(load.failed_attempts) <= (expected if program == "order-service" else set())
    shop.wait_sagas_end(load.orders)
    shop.check_books(load.orders, requests)
