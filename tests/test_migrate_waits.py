"""`SERVICE migrate --wait_s`: a database that starts at the same time is waited for."""

import subprocess

import pytest

from devtools import processes
from devtools.processes import Failed
from devtools.programs import RELAY, SERVICES
from tests.support.deadline import wait_until
from tests.support.system import make_deployment, remove

SERVICE = SERVICES[0]


@pytest.fixture
def deployment(postgres_server, kafka_broker, binaries, log_folder):
    """No databases yet."""
    made = make_deployment(postgres_server, kafka_broker, binaries, log_folder)
    yield made
    remove(made)


def test_a_database_that_comes_is_waited_for(deployment):
    log = deployment.log("waiting-migrate")
    process = processes.start(
        [str(deployment.binaries / SERVICE.name), "migrate", "--wait_s=240"],
        env=deployment.migrate_environment(SERVICE),
        log=log,
        pid_file=log.with_suffix(".pid"),
    )
    wait_until(lambda: "waiting: " in log.read_text(), "it says what it waits for")
    deployment.create_databases()
    assert process.wait(timeout=120) == 0, log.read_text()
    assert log.read_text().rstrip().endswith("done")


def test_not_for_ever(binaries):
    nowhere = "postgresql://x@127.0.0.1:1/x"
    flags = [f"--owner_database={nowhere}", f"--relay_database={nowhere}", "--wait_s=1"]
    done = subprocess.run(
        [binaries / SERVICE.name, "migrate", *flags], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 1
    assert done.stderr.startswith("migrate: ")


def test_a_slot_that_is_gone_is_healed_on_the_way(deployment, monkeypatch):
    """`ORDER_SAGA_HEAL=table ./dev run`: the relay makes the slot that `migrate` will not make."""
    deployment.prepare()
    deployment.start(RELAY.name)
    database = deployment.database(SERVICE)
    recorded = "SELECT count(*) FROM outbox_relay_state WHERE details::json ->> 'snapshot' <> ''"
    wait_until(lambda: deployment.cluster.sql(recorded, database) == "1", "it is on record")
    deployment.kill9(RELAY.name)
    slot = f"SELECT count(*) FROM pg_replication_slots WHERE slot_name = 'outbox_{database}'"
    wait_until(
        lambda: deployment.cluster.sql(f"{slot} AND active") == "0", "the killed relay's slot is free"
    )
    deployment.cluster.sql(f"SELECT pg_drop_replication_slot('outbox_{database}')")
    # Nobody makes topics here: an event that no topic can take is parked, and not waited for.
    deployment.cluster.sql(
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, topic) "
        "VALUES (gen_random_uuid(), 'T', 'k', 'T', 'no topic!')",
        database,
    )
    with pytest.raises(Failed) as refused:
        deployment.migrate_all()
    assert "ORDER_SAGA_HEAL=table" in refused.value.fix
    monkeypatch.setenv("ORDER_SAGA_HEAL", "table")
    deployment.migrate_all()
    assert deployment.cluster.sql(slot) == "1"
