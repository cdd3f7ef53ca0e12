"""Relays, Postgres and the broker killed with -9 at random under load; then table and topics are compared.

    ORDER_SAGA_CHAOS_KILLS=50 ORDER_SAGA_CHAOS_SEED=7 ./dev test chaos
    ./dev chaos --minutes 30 --seed 7

A seed gives the same shapes of transactions, targets and pauses; when a kill meets what, it cannot say.
"""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random

import pytest

from devtools.servers import TestServers
from tests.support import kafka_log
from tests.support.nemesis import Nemesis, Target
from tests.support.outbox_audit import Audit, rows_of, wait_quiet
from tests.support.outbox_load import OutboxLoad
from tests.support.outbox_relay import Outbox, Relay, make_topic

KILLS = int(os.environ.get("ORDER_SAGA_CHAOS_KILLS", 10))
SEED = int(os.environ.get("ORDER_SAGA_CHAOS_SEED") or Random().randrange(1, 1_000_000))


@dataclass(frozen=True)
class Mode:
    name: str
    flags: tuple[str, ...] = ()
    # Whether a read_committed consumer sees each event once, instead of at least once.
    exactly_once: bool = False


MODES = [
    Mode("at_least_once"),
    Mode("exactly_once", ("--exactly_once",), exactly_once=True),
]


@pytest.fixture
def logs(log_folder: Path, mode: Mode) -> Path:
    folder = log_folder / f"relay-chaos-{mode.name}"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture
def servers(own_servers: TestServers, logs: Path) -> Iterator[TestServers]:
    yield own_servers
    shutil.copytree(own_servers.folder / "logs", logs, dirs_exist_ok=True)


@pytest.fixture
def relays(servers, outbox, binaries, logs, mode) -> Iterator[list[Relay]]:
    """One that is alone, or one that has a standby: the seed says."""
    brokers = servers.kafka.bootstrap_servers
    relays = [
        Relay(binaries, logs / f"relay{n}.log", outbox.relay_conninfo, brokers, *mode.flags)
        for n in range(1 + SEED % 2)
    ]
    yield relays
    for relay in relays:
        relay.kill()


@pytest.mark.timeout(180 + 15 * KILLS)
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.name)
def test_chaos_of_kills_under_load(servers, outbox: Outbox, relays, mode: Mode, record_property):
    brokers = servers.kafka.bootstrap_servers
    topics = [outbox.topic, make_topic(brokers)]
    load = OutboxLoad(outbox, topics, SEED)
    nemesis = Nemesis(SEED, _targets(servers, relays), lambda: _recorded(outbox))
    print(f"seed {SEED}, {KILLS} kills")  # in case the counts are never reached
    with load:
        nemesis.kill(KILLS)
    wait_quiet(outbox, seconds=120)

    audit = Audit(rows_of(outbox), kafka_log.read_to_end(brokers, *topics), load.told)
    counts = {
        "relays": len(relays),
        **{f"kills of {target}": n for target, n in sorted(nemesis.counts().items())},
        "transactions": load.told.transactions,
        "rows": len(audit.rows),
        "rolled back": len(load.told.undone),
        "in doubt": len(load.told.unknown),
        "records": len(audit.records),
        "repeats": audit.repeated(),
    }
    print(counts)
    for name, count in counts.items():
        record_property(name, count)
    audit.check_writers()
    audit.check_nothing_lost()
    audit.check_no_phantoms()
    audit.check_order()
    audit.check_repeats_are_identical()
    if mode.exactly_once:
        audit.check_no_repeats()
    else:
        audit.check_repeats(nemesis.kills, standby=len(relays) > 1)
    # Nothing was parked, and no crash was taken for another history.
    assert outbox.cluster.sql("SELECT * FROM outbox_parked_keys", outbox.name) == ""
    for relay in relays:
        assert "Choices:" not in relay.log()
        assert relay.stop() == 0


def _targets(servers: TestServers, relays: list[Relay]) -> list[Target]:
    weight = 12 // len(relays)
    return [
        *(Target(f"relay {n}", relay.kill, relay.start, weight) for n, relay in enumerate(relays)),
        Target("postgres", servers.postgres.kill, servers.postgres.start, 6),
        Target("broker", servers.kafka.kill, partial(servers.kafka.start, deadline_seconds=240), 4),
    ]


def _recorded(outbox: Outbox) -> float:
    """The position that the relays have recorded: everything before it is at Kafka."""
    with outbox.connect() as database:
        found = database.execute("SELECT confirmed - '0/0'::pg_lsn FROM outbox_relay_state")
        return float(found.fetchone()[0])
