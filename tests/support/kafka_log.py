"""What is in Kafka's topics, read with a client of our own; and producing what a stranger might."""

import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Producer,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, NewTopic

from tests.support.deadline import wait_until

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True)
class Record:
    topic: str
    partition: int
    offset: int
    key: str | None
    value: bytes | None
    headers: dict[str, str]


def read_to_end(brokers: str, *topics: str) -> list[Record]:
    """Every committed record that was there when the reading began; each partition's in order."""
    consumer = _consumer(brokers)
    try:
        ends = _ends(consumer, topics)
        left = {at: end for at, (low, end) in ends.items() if end > low}
        if not left:
            return []
        consumer.assign([TopicPartition(*at, OFFSET_BEGINNING) for at in left])
        records = []
        deadline = time.monotonic() + _TIMEOUT_SECONDS
        while left:
            assert time.monotonic() < deadline, f"Kafka does not hand out the rest of {left}"
            # It waits until it has that many or the time is over.
            for message in consumer.consume(1_000, timeout=0.02):
                at = (message.topic(), message.partition())
                if message.error() and message.error().code() == KafkaError._PARTITION_EOF:
                    left.pop(at, None)  # what ends a transaction has an offset too, and is no record
                    continue
                assert message.error() is None, message.error()
                deadline = time.monotonic() + _TIMEOUT_SECONDS
                if message.offset() < ends[at][1]:
                    records.append(_record(message))
                if message.offset() >= ends[at][1] - 1:
                    left.pop(at, None)
        return records
    finally:
        consumer.close()


def count(brokers: str, *topics: str) -> int:
    """How many records there are, by the partitions' offsets."""
    consumer = _consumer(brokers)
    try:
        return sum(end - low for low, end in _ends(consumer, topics).values())
    finally:
        consumer.close()


def partitions(brokers: str, topic: str) -> int:
    described = AdminClient({"bootstrap.servers": brokers}).list_topics(
        topic, timeout=_TIMEOUT_SECONDS
    )
    return len(described.topics[topic].partitions)


def create_topic(brokers: str, topic: str, *, partitions: int) -> None:
    admin = AdminClient({"bootstrap.servers": brokers})  # must outlive the answer
    created = admin.create_topics(
        [NewTopic(topic, num_partitions=partitions, replication_factor=1)]
    )
    created[topic].result(_TIMEOUT_SECONDS)

    def known() -> bool:  # to the broker that is asked next
        return admin.list_topics(topic, timeout=_TIMEOUT_SECONDS).topics[topic].error is None

    wait_until(known, f"topic {topic}")


def produce(
    brokers: str,
    topic: str,
    value: bytes | None,
    *,
    key: str | bytes | None = None,
    headers: dict[str, str | bytes] | None = None,
) -> tuple[int, int]:
    """Sends one record and waits until it is there; answers its partition and offset."""
    reports = []
    producer = Producer({"bootstrap.servers": brokers, "message.max.bytes": 2_000_000})
    producer.produce(
        topic,
        value,
        key=key,
        headers=list((headers or {}).items()),
        on_delivery=lambda error, message: reports.append((error, message)),
    )
    assert producer.flush(_TIMEOUT_SECONDS) == 0, f"{topic}: Kafka does not answer"
    ((error, message),) = reports
    assert error is None, error
    return message.partition(), message.offset()


def java_partition(key: str, partitions: int) -> int:
    """The partition that a Java producer chooses: murmur2 of the key, made positive, modulo."""
    return (_murmur2(key.encode()) & 0x7FFFFFFF) % partitions


def _murmur2(data: bytes) -> int:
    """As org.apache.kafka.common.utils.Utils.murmur2 has it."""
    mask, m = 0xFFFFFFFF, 0x5BD1E995
    hash_ = 0x9747B28C ^ len(data)
    whole = len(data) // 4 * 4
    for at in range(0, whole, 4):
        k = int.from_bytes(data[at : at + 4], "little") * m & mask
        k = (k ^ k >> 24) * m & mask
        hash_ = (hash_ * m & mask) ^ k
    if whole < len(data):
        hash_ = (hash_ ^ int.from_bytes(data[whole:], "little")) * m & mask
    hash_ = (hash_ ^ hash_ >> 13) * m & mask
    return hash_ ^ hash_ >> 15


def _consumer(brokers: str) -> Consumer:
    return Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": f"test-{uuid.uuid4()}",  # must be given; never joined, never committed to
            "enable.auto.commit": False,
            "fetch.wait.max.ms": 10,
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
        }
    )


def _ends(consumer: Consumer, topics: Iterable[str]) -> dict[tuple[str, int], tuple[int, int]]:
    """First offset, and the one after the last, of each partition."""
    found = {}
    for topic in topics:
        described = consumer.list_topics(topic, timeout=_TIMEOUT_SECONDS).topics[topic]
        assert described.error is None, described.error
        for number in described.partitions:
            found[topic, number] = _end(consumer, TopicPartition(topic, number))
    return found


def _end(consumer: Consumer, at: TopicPartition) -> tuple[int, int]:
    def offsets() -> tuple[int, int] | None:
        try:
            return consumer.get_watermark_offsets(at, timeout=_TIMEOUT_SECONDS)
        except KafkaException as error:
            # A topic that was made a moment ago, or a broker that has just started.
            passing = KafkaError.NOT_LEADER_FOR_PARTITION  # librdkafka takes it for final here
            if not error.args[0].retriable() and error.args[0].code() != passing:
                raise
            return None

    return wait_until(offsets, f"the offsets of {at}")


def _record(message) -> Record:
    key = message.key()
    return Record(
        message.topic(),
        message.partition(),
        message.offset(),
        None if key is None else key.decode(errors="replace"),
        message.value(),
        {
            name: "" if value is None else value.decode(errors="replace")
            for name, value in message.headers() or []
        },
    )
