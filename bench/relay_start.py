"""How soon after its start the relay has its first event at a consumer.

Method: an event waits in the outbox, as after a crash; outbox-relay is started, and a consumer that
has been there before notes when the event comes. Each run stops the relay and begins anew, and makes the
relay's own topic. Postgres has fsync on, Kafka acks=all.

    ./dev bench relay-start
"""

import argparse
import statistics
import time

from confluent_kafka import Consumer, TopicPartition

from bench._outbox import BROKERS, Database, Relay, drop_topic, make_topic


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=10)
    parser.add_argument("--flag", action="append", default=[], help="further flags of outbox-relay")
    options = parser.parse_args()
    database, topic = Database(), make_topic()
    consumer = Consumer({"bootstrap.servers": BROKERS, "group.id": "bench", "fetch.wait.max.ms": 5})
    try:
        database.make_slot(f"outbox_{database.name}")
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, partition, 0) for partition in partitions])
        runs = [_run(database, topic, consumer, options.flag) for _ in range(options.runs)]
    finally:
        consumer.close()
        database.drop()
        drop_topic(topic)
    print(f"figure relay_start_to_first_event_p50_ms {statistics.median(runs) * 1e3:.0f} ms")
    print(f"figure relay_start_to_first_event_max_ms {max(runs) * 1e3:.0f} ms")


def _run(database: Database, topic: str, consumer: Consumer, flags: list[str]) -> float:
    database.fill(topic, events=1, rows=1)
    begin = time.monotonic()
    relay = Relay(database, *flags)
    while (message := consumer.poll(30)) is None or message.error():
        if relay.process.poll() is not None or time.monotonic() - begin > 30:
            raise SystemExit(f"no event came:\n{relay.log()}")
    seconds = time.monotonic() - begin
    relay.stop()
    return seconds


if __name__ == "__main__":
    main()
