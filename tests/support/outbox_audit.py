"""An outbox's table and its topics side by side, read with clients of our own, once all is quiet."""

from collections import Counter, defaultdict
from dataclasses import dataclass

from tests.support import kafka_log
from tests.support.deadline import wait_until
from tests.support.kafka_log import Record
from tests.support.nemesis import Kill
from tests.support.outbox_load import Told
from tests.support.outbox_relay import Outbox


@dataclass(frozen=True)
class Row:
    id: str
    tx: int
    key: str
    version: int
    topic: str
    inserted_at: float  # as time.time()


def rows_of(outbox: Outbox) -> list[Row]:
    """By seq: within a key that is the order of the commits."""
    with outbox.connect() as database:
        found = database.execute(
            "SELECT id::text, tx::text::bigint, aggregateid, convert_from(payload, 'UTF8')::int, "
            "topic, extract(epoch FROM created_at)::float8 FROM outbox ORDER BY seq"
        )
        return [Row(*row) for row in found]


def wait_quiet(outbox: Outbox, *, seconds: float) -> None:
    """Until the slot has confirmed all that is in the log by now: then nothing is on its way to Kafka."""
    end = outbox.cluster.sql("SELECT pg_current_wal_insert_lsn()")

    def slot() -> str:
        return outbox.cluster.sql(
            f"SELECT confirmed_flush_lsn >= '{end}', confirmed_flush_lsn, active "
            f"FROM pg_replication_slots WHERE slot_name = '{outbox.slot}'"
        )

    wait_until(
        lambda: slot().startswith("t"),
        lambda: f"the slot confirms {end}; it is {slot()}",
        seconds=seconds,
    )


class Audit:
    """Each check fails with examples of what is wrong."""

    def __init__(self, rows: list[Row], records: list[Record], told: Told):
        self.rows, self.records, self.told = rows, records, told
        self._by_id: dict[str, list[Record]] = defaultdict(list)
        for record in records:
            self._by_id[record.headers["id"]].append(record)

    def check_writers(self) -> None:
        """The table is what the writers were told, and its order is that of the keys' versions."""
        in_table = {row.id for row in self.rows}
        _none(self.told.committed.keys() - in_table, "Postgres lost committed rows")
        _none(in_table & self.told.undone, "rows are in the table that were rolled back")
        _none(in_table - self.told.committed.keys() - self.told.unknown, "rows of nobody")
        versions = defaultdict(list)
        for row in self.rows:
            versions[row.key].append(row.version)
        for key, found in versions.items():
            assert found == list(range(1, len(found) + 1)), f"{key}: seq is not the commits' order"

    def check_nothing_lost(self) -> None:
        _none([row for row in self.rows if row.id not in self._by_id], "rows are not at Kafka")

    def check_no_phantoms(self) -> None:
        _none(self.told.undone & self._by_id.keys(), "events at Kafka were rolled back")
        _none(self._by_id.keys() - {row.id for row in self.rows}, "events at Kafka have no row")

    def check_order(self) -> None:
        """First occurrences of a topic's key, in the order of the partition that it has."""
        wanted, found, seen = defaultdict(list), defaultdict(list), set()
        for row in self.rows:
            wanted[row.topic, row.key].append((row.version, row.id))
        partitions = defaultdict(set)
        for record in self.records:
            identity = record.headers["id"]
            partitions[record.topic, record.key].add(record.partition)
            if identity not in seen:
                seen.add(identity)
                found[record.topic, record.key].append((int(record.value), identity))
        _none([key for key, numbers in partitions.items() if len(numbers) > 1], "keys have moved")
        for key, order in wanted.items():
            at = next((i for i, (a, b) in enumerate(zip(order, found[key])) if a != b), None)
            assert order == found[key], (
                f"{key} at event {at}: committed {order[at or 0 :][:8]}, "
                f"at Kafka {found[key][at or 0 :][:8]}"
            )

    def check_repeats_are_identical(self) -> None:
        _none(
            [
                records
                for records in self._by_id.values()
                for again in records[1:]
                if (again.topic, again.partition, again.key, again.value, again.headers)
                != (records[0].topic, records[0].partition, records[0].key)
                + (records[0].value, records[0].headers)
            ],
            "an event came again as another",
        )

    def check_no_repeats(self) -> None:
        _none([r for r in self._by_id.values() if len(r) > 1], "events came more than once")

    def check_repeats(self, kills: list[Kill], *, standby: bool) -> None:
        """Within the promise: an event comes once more for each kill of a relay at which its position was
        not recorded yet; a kill of Postgres repeats one transaction, in which the stream broke off, unless
        another relay takes over. Nothing comes again for a kill of the broker.
        """
        beyond = Counter()  # transactions, by how often they came for another reason than a relay's kill
        rows = {row.id: row for row in self.rows}
        of_postgres = [kill for kill in kills if kill.target == "postgres"]
        of_relays = [kill for kill in kills if kill.target.startswith("relay")]
        if standby:
            of_relays += of_postgres
        for identity, records in self._by_id.items():
            row, behind = rows[identity], self.told.behind(identity)
            allowed = sum(k.at > row.inserted_at and k.noted < behind for k in of_relays)
            beyond[row.tx] = max(beyond[row.tx], len(records) - 1 - allowed)
        total = sum(beyond.values())
        limit = 0 if standby else len(of_postgres)
        assert total <= limit, (
            f"{total} transactions came again beyond what the relays' kills explain, at most {limit} "
            f"may: {(+beyond).most_common(8)}"
        )

    def repeated(self) -> int:
        return len(self.records) - len(self._by_id)


def _none(wrong, what: str) -> None:
    wrong = list(wrong)
    assert not wrong, f"{len(wrong)} {what}: {wrong[:5]}"
