"""What can go wrong with an outbox, made for real: the dashboard names it, and an alarm comes.

A real Prometheus evaluates the project's rules; only their times are shorter here.
"""

import re
from contextlib import contextmanager
from uuid import uuid4

import pytest

from devtools import processes, programs
from tests.support.deadline import wait_until
from tests.support.monitoring import Watch
from tests.support.uuid7 import uuid7

SOURCE, DATABASE = "order-service", "order_service"
BUDGET_MB = 64
SHORTER = {
    r"for: \d+\w+": "for: 1s",
    r"interval: 15s": "interval: 1s",
    r"> 15\b": "> 2",
    r"failures_total\[5m\]": "failures_total[30s]",
    r"(outbox_oldest_unpublished_age_seconds\)) > 60\b": r"\1 > 4",
    r"(outbox_canary_age_seconds\)) > 30\b": r"\1 > 4",
}


OWN_SERVERS = True
SYSTEM_FLAGS = {"outbox-relay": [f"--wal_budget_mb={BUDGET_MB}", "--missing_topic_wait_s=12"]}


@pytest.fixture(scope="module")
def started_watch(system, tmp_path_factory):
    watch = Watch(
        system,
        tmp_path_factory.mktemp("watch"),
        exporter_flags=(f"--wal_budget_mb={BUDGET_MB}",),
        changes=SHORTER,
    )
    watch.start()
    yield watch
    watch.stop()


@pytest.fixture
def watch(started_watch):
    """Each test finds all well; it mends what it breaks."""
    _wait_healthy(started_watch)
    return started_watch


def test_a_dead_relay_is_an_alarm_and_its_lag_rises(system, watch):
    ask_age = f'max by (source) (outbox_oldest_unpublished_age_seconds{{source="{SOURCE}"}})'
    system.kill9("relay")
    _wait_problem(watch, {"relay down"})
    _wait_alarms(watch, "OutboxRelayDown", "OutboxLagAge", "OutboxCanaryLate")
    ((_, age),) = watch.prometheus.query(ask_age)
    wait_until(lambda: watch.prometheus.query(ask_age)[0][1] > age, "the age goes on rising")
    system.start("relay")
    _wait_quiet(watch)


def test_a_pause_is_no_alarm_of_lag(system, watch):
    with _paused(system):
        _wait_problem(watch, {"paused"})
        _wait_alarms(watch, "OutboxPausedLong")
        assert "OutboxLagAge" not in watch.prometheus.alerts()


def test_a_relay_that_may_not_connect(system, watch):
    role = f"{DATABASE}_relay"
    # The exporter uses the same role, and keeps its connection.
    system.sql(DATABASE, f'ALTER ROLE "{role}" NOREPLICATION')
    system.sql(DATABASE, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots")
    try:
        _wait_problem(watch, {"slot inactive"})
        _wait_alarms(watch, "OutboxSlotInactive")
        _wait_log(system, "relay", "not streaming", "REPLICATION")
    finally:
        system.sql(DATABASE, f'ALTER ROLE "{role}" REPLICATION')


def test_kafka_is_away(system, watch, servers):
    servers.kafka.stop()
    try:
        _wait_problem(watch, {"Kafka does not acknowledge"})
        _wait_alarms(watch, "OutboxKafkaSilent", "OutboxLagAge")
        _wait_log(system, "relay", "no Kafka broker can be reached")
    finally:
        servers.kafka.start()


def test_a_topic_is_missing_and_then_its_key_is_parked(system, watch):
    topic = f"nobody-{uuid4().hex}"
    system.sql(
        DATABASE,
        "INSERT INTO outbox (id, aggregatetype, aggregateid, type, payload, topic) "
        "VALUES (%s, 'TEST', 'key', 'test', '', %s)",
        (uuid7(), topic),
    )
    _wait_problem(watch, {"topic missing"})
    _wait_log(system, "relay", "an event waits for its topic", topic)
    _wait_problem(watch, {"topic missing", "keys parked", "Kafka refuses events"})
    _wait_alarms(watch, "OutboxTopicMissing", "OutboxParkedKeys", "OutboxKafkaRefuses")
    _wait_log(system, "relay", "it is parked", topic)
    for verb in (["drop", "--reason=a test", "--all"], ["release", "--all"]):
        assert _relay_verb(system, "parked", *verb) == 0


def test_the_log_that_a_slot_keeps_nears_its_budget(system, watch):
    with _paused(system):
        for _ in range(BUDGET_MB // 16):
            system.sql(DATABASE, "SELECT txid_current(), pg_switch_wal()")
        _wait_problem(watch, {"paused", "WAL budget nearly used"})
        _wait_alarms(watch, "OutboxWalBudgetNearlyUsed", "OutboxWalBudgetHalf")
        _wait_log(system, "relay", "Postgres keeps much of its log", "no relay streams")


def test_the_database_is_down(system, watch, servers):
    servers.postgres.kill()
    try:
        _wait_problem(watch, {"database down"})
        _wait_alarms(watch, "OutboxDatabaseDown")
    finally:
        servers.postgres.start()


def test_a_database_is_read_only(system, watch):
    """As after a failover, where the address leads to what is a standby now."""
    service, database = "kitchen-service", "kitchen_service"
    name = system.deployment.database(programs.find(service))
    late = 'min by (service) (outbox_canary_age_seconds{service="kitchen-service"}) > 4'
    # Sessions that were there before stay as they were.
    system.sql(database, f'ALTER DATABASE "{name}" SET default_transaction_read_only = on')
    _end_sessions(system, database)
    try:
        wait_until(lambda: watch.prometheus.query(late), "its canaries are late", seconds=60)
        _wait_alarms(watch, "OutboxCanaryLate")
        _wait_log(system, service, "waiting for the database", "read-only", "RESET")
    finally:
        with system.connect(database) as connection:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only')
        _end_sessions(system, database)
    wait_until(lambda: not watch.prometheus.query(late), "canaries come again", seconds=60)


def test_a_schema_ahead_of_the_program_is_that_of_a_rollout(system):
    service, database = "kitchen-service", "kitchen_service"
    system.stop(service)
    system.sql(database, "INSERT INTO schema_migrations VALUES ('inbox', 99, '0099_later', '')")
    try:
        system.start(service)
        _wait_log(system, service, "the database is ahead of this program", "inbox/0099_later")
    finally:
        system.sql(database, "DELETE FROM schema_migrations WHERE version = 99")


def test_a_schema_behind_the_program(system, watch):
    """A migration that was killed in the middle looks the same: it is one transaction."""
    service, database = "kitchen-service", "kitchen_service"
    ready = f'order_saga_ready{{job="{service}", check="postgres"}}'
    change = "UPDATE schema_migrations SET component = '{}' WHERE component = '{}'"
    system.stop(service)
    system.sql(database, change.format("gone", "inbox"))
    try:
        system.start(service, wait=False)
        wait_until(
            lambda: [value for _, value in watch.prometheus.query(ready)] == [0],
            lambda: f"it is not ready: {watch.prometheus.query(ready)}",
            seconds=60,
        )
        _wait_alarms(watch, "ServiceNotReady")
        _wait_log(system, service, "waiting for the database", "run this program's `migrate` verb")
    finally:
        system.sql(database, change.format("inbox", "gone"))
    wait_until(
        lambda: [value for _, value in watch.prometheus.query(ready)] == [1],
        "it is ready again",
        seconds=60,
    )


def test_a_slot_is_missing(system, watch):
    """The last: what it breaks is mended by a person's choice."""
    system.stop("relay")
    system.sql(DATABASE, f"SELECT pg_drop_replication_slot('{_slot(system)}')")
    _wait_problem(watch, {"relay down", "slot missing or lost"})
    system.start("relay", wait=False)
    _wait_problem(watch, {"slot missing or lost", "history changed"})
    _wait_alarms(watch, "OutboxSlotLost", "OutboxHistoryChanged")
    _wait_log(system, "relay", "not streaming", "--heal=table")


@contextmanager
def _paused(system):
    assert _relay_verb(system, "pause", "--reason=a test") == 0
    try:
        yield
    finally:
        assert _relay_verb(system, "resume") == 0


def _relay_verb(system, *verb: str) -> int:
    """For the one source."""
    environment = system.deployment.environment(programs.RELAY)
    (conninfo,) = re.findall(rf"{SOURCE}=[^;]*", environment["ORDER_SAGA_SOURCE"])
    command = [str(system.deployment.binaries / "outbox-relay"), *verb, f"--source={conninfo}"]
    return processes.run(command, log=system.deployment.log("verbs"))


def _end_sessions(system, database: str) -> None:
    system.sql(
        database,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()",
    )


def _slot(system) -> str:
    return "outbox_" + system.deployment.database(programs.find(SOURCE))


def _wait_problem(watch: Watch, problems: set[str]) -> None:
    """Just these: so one tells them apart."""
    wait_until(
        lambda: watch.problems(SOURCE) - {"slow"} == problems,
        lambda: f"the problem {problems}; it is {watch.problems(SOURCE)}",
        seconds=60,
    )


def _wait_alarms(watch: Watch, *names: str) -> None:
    def firing() -> set[str]:
        return {name for name, state in watch.prometheus.alerts().items() if state == "firing"}

    wait_until(
        lambda: set(names) <= firing(),
        lambda: f"the alarms {names}; there are {watch.prometheus.alerts()}",
        seconds=60,
    )


def _wait_healthy(watch: Watch) -> None:
    wait_until(
        lambda: watch.is_healthy(SOURCE),
        lambda: f"{SOURCE} is healthy; it has {watch.problems(SOURCE)}",
        seconds=90,
    )


def _wait_quiet(watch: Watch) -> None:
    wait_until(
        lambda: watch.prometheus.alerts() == {},
        lambda: f"no alarm; there are {watch.prometheus.alerts()}",
        seconds=60,
    )


def _wait_log(system, program: str, *words: str) -> None:
    path = system.deployment.log(programs.find(program).name)
    wait_until(
        lambda: any(all(word in line for word in words) for line in path.read_text().splitlines()),
        f"a line of {program} with {words}",
    )
