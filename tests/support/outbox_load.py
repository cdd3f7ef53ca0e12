"""Writers of an outbox as services are: events under the lock of their aggregate's row, in transactions of
every shape. They remember what they were told, for an audit."""

import math
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from random import Random

import psycopg

from tests.support.outbox_relay import Outbox
from tests.support.uuid7 import uuid7

MOST_ROWS = 30
# Now and then one that does not fit into a batch.
LARGE_ROWS = 400


@dataclass
class Told:
    """What the writers know of their events, by id."""

    # A place in the log behind the event's commit, as the server said afterwards.
    committed: dict[str, int] = field(default_factory=dict)
    # Rolled back, as a whole or to a savepoint, or cut off before the COMMIT.
    undone: set[str] = field(default_factory=set)
    # The answer to the COMMIT was lost: the table knows.
    unknown: set[str] = field(default_factory=set)
    transactions: int = 0

    def add(self, other: "Told") -> None:
        self.committed |= other.committed
        self.undone |= other.undone
        self.unknown |= other.unknown
        self.transactions += other.transactions

    def behind(self, identity: str) -> float:
        return self.committed.get(identity, math.inf)


class Transaction:
    """One that is open. The keys' rows are locked from its begin on, so `seq` has the order of the commits
    within a key."""

    def __init__(self, connection: psycopg.Connection, topics: list[str], told: Told):
        self._connection = connection
        self._topics = topics
        self._told = told
        self._kept: list[str] = []
        self._versions: dict[str, int] = {}

    def begin(self, keys: list[str], *, wait: bool = True) -> None:
        self._connection.execute("BEGIN")
        locked = self._connection.execute(
            "SELECT key, version FROM aggregates WHERE key = ANY(%s) ORDER BY key FOR UPDATE"
            + ("" if wait else " NOWAIT"),
            [keys],
        )
        self._versions = dict(locked.fetchall())

    def insert(self, random: Random, rows: int) -> None:
        """In one statement; each event's payload is its aggregate's next version."""
        made = []
        for key in random.choices(list(self._versions), k=rows):
            self._versions[key] += 1
            made.append((uuid7(), key, str(self._versions[key]), random.choice(self._topics)))
        self._kept += [identity for identity, *_ in made]
        self._connection.execute(
            "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
            "SELECT id, 'Test', key, 'test.v1.Counted', convert_to(version, 'UTF8'), topic FROM "
            "unnest(%s::uuid[], %s::text[], %s::text[], %s::text[]) made (id, key, version, topic)",
            [list(column) for column in zip(*made, strict=True)],
        )

    @contextmanager
    def savepoint(self, name: str, *, keep: bool) -> Iterator[None]:
        self._connection.execute(f"SAVEPOINT {name}")
        kept, versions = len(self._kept), dict(self._versions)
        yield
        if keep:
            self._connection.execute(f"RELEASE {name}")
            return
        self._connection.execute(f"ROLLBACK TO {name}")
        self._told.undone.update(self._kept[kept:])
        del self._kept[kept:]
        self._versions = versions

    def commit(self) -> None:
        self._connection.execute(
            "UPDATE aggregates SET version = new.version FROM unnest(%s::text[], %s::bigint[]) "
            "new (key, version) WHERE aggregates.key = new.key",
            [list(self._versions), list(self._versions.values())],
        )
        kept, self._kept = self._kept, []
        self._told.unknown.update(kept)
        self._connection.execute("COMMIT")
        (behind,) = self._connection.execute(
            "SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn"
        ).fetchone()
        self._told.unknown.difference_update(kept)
        self._told.committed.update(dict.fromkeys(kept, int(behind)))
        self._told.transactions += 1

    def roll_back(self) -> None:
        """Also for one whose connection is gone: what was not to be committed never is."""
        self._told.undone.update(self._kept)
        self._kept = []
        if not self._connection.broken:
            self._connection.execute("ROLLBACK")


class OutboxLoad:
    """Writes as long as its `with` lasts, through crashes of the server. `told` counts from its end on."""

    def __init__(self, outbox: Outbox, topics: list[str], seed: int, *, writers: int = 4):
        self._outbox = outbox
        self._topics = topics
        self._keys = [f"key-{n}" for n in range(24)]
        self._stop = threading.Event()
        self.told = Told()
        self._lock = threading.Lock()
        self._errors: list[BaseException] = []
        self._threads = [
            threading.Thread(target=self._run, args=[Random(f"{seed}-{n}"), n == 0], daemon=True)
            for n in range(writers)
        ]
        with outbox.connect() as database:
            database.execute("CREATE TABLE aggregates (key text PRIMARY KEY, version bigint)")
            database.execute("INSERT INTO aggregates SELECT unnest(%s::text[]), 0", [self._keys])

    def __enter__(self) -> "OutboxLoad":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        assert not self._errors, self._errors

    def _run(self, random: Random, interleaves: bool) -> None:
        told = Told()
        try:
            while not self._stop.is_set():
                try:
                    self._write(random, told, interleaves)
                except psycopg.OperationalError:
                    self._stop.wait(0.05)  # the server is down, or has just come back
        except BaseException as error:  # raised again in the test's own thread
            self._errors.append(error)
        with self._lock:
            self.told.add(told)

    def _write(self, random: Random, told: Told, interleaves: bool) -> None:
        """On one connection, or two that take turns, until it fails or the load ends."""
        with self._outbox.connect() as first, self._outbox.connect() as second:
            while not self._stop.is_set():
                if interleaves:
                    self._interleaved(random, told, first, second)
                else:
                    self._alone(random, told, first)
                self._stop.wait(random.uniform(0, 0.03))

    def _alone(self, random: Random, told: Told, connection: psycopg.Connection) -> None:
        with self._open(connection, told) as transaction:
            transaction.begin(random.sample(self._keys, random.randint(1, 4)))
            most = LARGE_ROWS if random.random() < 0.02 else MOST_ROWS
            transaction.insert(random, random.randint(1, most))
            for number in range(random.choice([0, 0, 1, 3])):
                with transaction.savepoint(f"outer_{number}", keep=random.random() < 0.5):
                    transaction.insert(random, random.randint(1, 5))
                    with transaction.savepoint("nested", keep=random.random() < 0.5):
                        transaction.insert(random, random.randint(1, 5))
                    transaction.insert(random, 1)
            if random.random() < 0.8:
                transaction.commit()
            else:
                transaction.roll_back()

    def _interleaved(
        self,
        random: Random,
        told: Told,
        first: psycopg.Connection,
        second: psycopg.Connection,
    ) -> None:
        """Two transactions whose rows alternate in the log; either commits first."""
        with self._open(first, told) as early, self._open(second, told) as late:
            keys = random.sample(self._keys, 6)
            early.begin(keys[:3])
            try:
                # Whoever has these keys may wait for ours, and we for them, on one thread.
                late.begin(keys[3:], wait=False)
            except psycopg.errors.LockNotAvailable:
                return
            for _ in range(random.randint(1, 4)):
                early.insert(random, random.randint(1, 5))
                late.insert(random, random.randint(1, 5))
            for transaction in random.sample([early, late], 2):
                transaction.commit() if random.random() < 0.85 else transaction.roll_back()

    @contextmanager
    def _open(self, connection: psycopg.Connection, told: Told) -> Iterator[Transaction]:
        transaction = Transaction(connection, self._topics, told)
        try:
            yield transaction
        finally:
            transaction.roll_back()
