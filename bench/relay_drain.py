"""How fast the relay drains a backlog, against pg_recvlogical reading the same log to /dev/null.

Method: a backlog of events of 200 bytes is written once; a slot made before it is copied for each run,
so that every run reads the same log from the same place. Floor and relay alternate, each measured
from the start of its process to its end of the log (for the relay: until the slot has confirmed it,
so everything is acknowledged by Kafka with acks=all); medians. Postgres has fsync on.

Then the same in exactly-once mode, 10 rows a transaction.

    ./dev bench relay-drain             200,000 events; ORDER_SAGA_BENCH_EVENTS=2000000 for more
    python -m bench.relay_drain --rows 10 --runs 5 --flag=--kafka_property=compression.type=none
"""

import argparse
import os
import resource
import statistics
import subprocess
import time

from bench._outbox import Database, Relay, drop_topic, make_topic, pg_recvlogical


def run_floor(database: Database, end: str, events: int) -> dict:
    database.copy_slot("base", "floor")
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    begin = time.monotonic()
    subprocess.run(
        [pg_recvlogical(), "--dbname", database.conninfo, "--slot", "floor", "--start",
         "--file", "/dev/null", "--endpos", end, "--no-loop", "--option", "proto_version=1",
         "--option", "binary=true", "--option", "publication_names=outbox"],
        check=True,
    )
    seconds = time.monotonic() - begin
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    database.drop_slot("floor")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return {"rate": events / seconds, "cpu_us": cpu / events * 1e6}


def run_relay(database: Database, end: str, events: int, flags: list[str]) -> dict:
    slot = f"outbox_{database.name}"
    database.copy_slot("base", slot)
    database.forget_position()
    with database.connect() as watcher:
        begin = time.monotonic()
        relay = Relay(database, *flags)
        while not watcher.execute(
            "SELECT confirmed_flush_lsn >= %s FROM pg_replication_slots WHERE slot_name = %s",
            (end, slot),
        ).fetchone()[0]:
            if relay.process.poll() is not None:
                raise SystemExit(f"outbox-relay ended:\n{relay.log()}")
            time.sleep(0.01)
        seconds = time.monotonic() - begin
    result = {
        "rate": events / seconds,
        "cpu_us": relay.cpu_seconds() / events * 1e6,
        "peak_mb": relay.peak_mb(),
        "published": relay.published(),
    }
    relay.stop()
    database.drop_slot(slot)
    return result


def measure(rows: int, events: int, runs: int, flags: list[str]) -> tuple[dict, dict]:
    """Medians of the floor's and of the relay's runs."""
    floors, relays = [], []
    database, topic = Database(), make_topic()
    try:
        database.make_slot("base")
        database.fill(topic, events, rows)
        end = database.end_of_log()
        for _ in range(runs):
            floors.append(run_floor(database, end, events))
            relays.append(run_relay(database, end, events, flags))
            if relays[-1]["published"] != events:
                raise SystemExit(f"{relays[-1]['published']:.0f} of {events} events came out")
            print(
                f"{rows} rows a transaction {' '.join(flags)}: pg_recvlogical {floors[-1]['rate']:,.0f}/s "
                f"{floors[-1]['cpu_us']:.1f} µs, relay {relays[-1]['rate']:,.0f}/s "
                f"{relays[-1]['cpu_us']:.1f} µs {relays[-1]['peak_mb']:.0f} MB"
            )
    finally:
        database.drop()
        drop_topic(topic)

    def medians(all: list[dict]) -> dict:
        return {key: statistics.median(one[key] for one in all) for key in all[0]}

    return medians(floors), medians(relays)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, nargs="*", default=[10, 1], help="rows a transaction")
    default = int(os.environ.get("ORDER_SAGA_BENCH_EVENTS", 200_000))
    parser.add_argument("--events", type=int, default=default)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--flag", action="append", default=[], help="further flags of outbox-relay")
    options = parser.parse_args()
    cases = [("" if rows == 10 else f"_{rows}row", rows, options.flag) for rows in options.rows]
    if 10 in options.rows:
        cases.append(("_exactly_once", 10, [*options.flag, "--exactly_once"]))
    for suffix, rows, flags in cases:
        floor, relay = measure(rows, options.events, options.runs, flags)
        print(f"figure pg_recvlogical{suffix}_events_per_second {floor['rate']:.0f} events/s")
        print(f"figure relay_drain{suffix}_events_per_second {relay['rate']:.0f} events/s")
        print(f"figure relay{suffix}_cpu_us_per_event {relay['cpu_us']:.2f} us")
        print(f"figure relay{suffix}_peak_rss_mb {relay['peak_mb']:.1f} MB")
        print(f"ratio relay_drain{suffix}_vs_pg_recvlogical {relay['rate'] / floor['rate']:.3f}")


if __name__ == "__main__":
    main()
