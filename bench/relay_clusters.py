"""What it costs one relay to drain four databases of one Postgres cluster, against four clusters of one database.

Each slot reads all of its cluster's log and keeps what is of its database: in one cluster four senders
read the same log. Method: a backlog of events of 200 bytes is written into four outboxes at once, in
transactions of 10 rows; slots made before it are copied for each run. Both set-ups alternate, each
measured from the start of one outbox-relay with four sources until every slot has confirmed its end of
the log; medians. The CPU of the senders is that of the server processes which the relay talks to. The
clusters that a run does not use stand still.

    ./dev bench relay-clusters         200,000 events in all; ORDER_SAGA_BENCH_EVENTS=2000000 for more
"""

import argparse
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from bench._outbox import SERVER, Database, Relay, cpu_seconds, drop_topic, make_topic
from devtools import ports, postgres
from devtools.parallel import together

DATABASES, ROWS = 4, 10


@contextmanager
def four_clusters() -> Iterator[list[str]]:
    """Their superusers' connection strings."""
    folder = Path(tempfile.mkdtemp(prefix="order-saga-bench-"))
    folder.chmod(0o755)  # the user postgres passes through it
    clusters = [
        postgres.Cluster(folder / str(number) / "postgres", port)
        for number, port in enumerate(ports.free_ports(DATABASES))
    ]
    try:
        for cluster in clusters:
            cluster.folder.parent.mkdir()
        together(*(cluster.start for cluster in clusters))
        yield [cluster.conninfo() for cluster in clusters]
    finally:
        for cluster in clusters:
            cluster.kill()
        shutil.rmtree(folder, ignore_errors=True)


class SetUp:
    """Four databases with a backlog each."""

    def __init__(self, servers: list[str], topic: str, events: int):
        self._databases = [Database(server) for server in servers]
        self._events = events // DATABASES // ROWS * ROWS * DATABASES
        for database in self._databases:
            database.make_slot("base_" + database.name)
        with ThreadPoolExecutor(DATABASES) as fillers:
            share = self._events // DATABASES
            list(fillers.map(lambda one: one.fill(topic, share, ROWS), self._databases))
        self._watchers = [database.connect() for database in self._databases]
        self._ends = [database.end_of_log() for database in self._databases]

    def drain(self, flags: list[str]) -> dict:
        for database in self._databases:
            database.copy_slot("base_" + database.name, f"outbox_{database.name}")
            database.forget_position()
        senders: dict[int, float] = {}  # CPU seconds by pid
        begin = time.monotonic()
        relay = Relay(self._databases, *flags)
        while not self._has_confirmed_all(senders):
            if relay.process.poll() is not None:
                raise SystemExit(f"outbox-relay ended:\n{relay.log()}")
            time.sleep(0.02)
        seconds = time.monotonic() - begin
        result = {
            "rate": self._events / seconds,
            "relay_cpu_us": relay.cpu_seconds() / self._events * 1e6,
            "senders_cpu_us": sum(senders.values()) / self._events * 1e6,
            "peak_mb": relay.peak_mb(),
        }
        if relay.published() != self._events:
            raise SystemExit(f"{relay.published():.0f} of {self._events} events came out")
        relay.stop()
        for database in self._databases:
            database.drop_slot(f"outbox_{database.name}")
        return result

    def _has_confirmed_all(self, senders: dict[int, float]) -> bool:
        done = 0
        for watcher, database, end in zip(self._watchers, self._databases, self._ends):
            pid, confirmed = watcher.execute(
                "SELECT coalesce(active_pid, 0), confirmed_flush_lsn >= %s "
                "FROM pg_replication_slots WHERE slot_name = %s",
                (end, f"outbox_{database.name}"),
            ).fetchone()
            if pid:
                senders[pid] = cpu_seconds(pid)
            done += confirmed
        return done == DATABASES

    def drop(self) -> None:
        for watcher in self._watchers:
            watcher.close()
        for database in self._databases:
            database.drop()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = int(os.environ.get("ORDER_SAGA_BENCH_EVENTS", 200_000))
    parser.add_argument("--events", type=int, default=default, help="in all four databases")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--flag", action="append", default=[], help="further flags of outbox-relay")
    options = parser.parse_args()
    topic = make_topic()
    results: dict[str, list[dict]] = {"one_cluster": [], "four_clusters": []}
    with four_clusters() as servers:
        set_ups = {
            "one_cluster": SetUp([SERVER] * DATABASES, topic, options.events),
            "four_clusters": SetUp(servers, topic, options.events),
        }
        try:
            for _ in range(options.runs):
                for name, set_up in set_ups.items():
                    run = set_up.drain(options.flag)
                    results[name].append(run)
                    print(
                        f"{name}: {run['rate']:,.0f}/s, relay {run['relay_cpu_us']:.1f} µs "
                        f"{run['peak_mb']:.0f} MB, senders {run['senders_cpu_us']:.1f} µs"
                    )
        finally:
            set_ups["one_cluster"].drop()
            drop_topic(topic)
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in results.items()
    }
    for name, median in medians.items():
        print(f"figure relay_{name}_events_per_second {median['rate']:.0f} events/s")
        print(f"figure relay_{name}_cpu_us_per_event {median['relay_cpu_us']:.2f} us")
        print(f"figure relay_{name}_senders_cpu_us_per_event {median['senders_cpu_us']:.2f} us")
        print(f"figure relay_{name}_peak_rss_mb {median['peak_mb']:.1f} MB")
    one, four = medians["one_cluster"], medians["four_clusters"]
    print(f"ratio relay_one_cluster_vs_four_clusters {one['rate'] / four['rate']:.3f}")


if __name__ == "__main__":
    main()
