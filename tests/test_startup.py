"""How the programs are started: flags, migrations, rights, and what they say when it goes wrong."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
from pathlib import Path

import psycopg
import pytest

from devtools import metrics, ports, postgres, postgres_versions, programs
from devtools.programs import RELAY, SERVICES
from tests.support.deadline import wait_until
from tests.support.system import make_deployment, remove

PROGRAMS = [program.name for program in programs.ALL]
SECRET = "geheim-4711"


def run(binaries: Path, program: str, *arguments: str, **environment: str):
    """Runs a program that is expected to end by itself."""
    return subprocess.run(
        [str(binaries / program), *arguments],
        env={"PATH": os.environ["PATH"], **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


def required_flags(program: str) -> list[str]:
    """What a program cannot do without; nothing answers there."""
    if program == RELAY.name:
        return ["--source=x=postgresql://x@127.0.0.1:1/x", "--kafka_brokers=127.0.0.1:1"]
    return ["--database=postgresql://x@127.0.0.1:1/x", "--kafka_brokers=127.0.0.1:1"]


# Flags --------------------------------------------------------------------------------------


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_and_version(binaries, program):
    help_ = run(binaries, program, "--help", ORDER_SAGA_DATABASE=f"postgresql://x:{SECRET}@h/x")
    assert help_.returncode == 0
    for flag in ("kafka_brokers", "http_address", "log_level", "drain_timeout_s"):
        assert f"--{flag}" in help_.stdout
        assert f"ORDER_SAGA_{flag.upper()}" in help_.stdout
    assert SECRET not in help_.stdout
    version = run(binaries, program, "--version")
    assert version.returncode == 0
    assert re.fullmatch(rf"{program} \d+\.\d+\.\d+\n", version.stdout)


@pytest.mark.parametrize("program", PROGRAMS)
def test_all_errors_of_the_flags_come_at_once(binaries, program):
    done = run(
        binaries,
        program,
        "--http_address=nowhere",
        "--log_level=loud",
        "--kafka_broker=x:1",
        ORDER_SAGA_DRAIN_TIMEOUT_S="soon",
    )
    assert done.returncode == 2
    assert done.stdout == ""
    needed = "--source is required" if program == RELAY.name else "--database is required"
    for complaint in (
        "--http_address=",
        "--log_level=",
        "--kafka_broker: unknown flag; did you mean --kafka_brokers",
        "ORDER_SAGA_DRAIN_TIMEOUT_S=",
        needed,
        "--help",
    ):
        assert complaint in done.stderr, done.stderr


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_secret_in_a_wrong_value_is_not_repeated(binaries, program):
    flag = "source" if program == RELAY.name else "database"
    value = f"postgresql://x:{SECRET}@h:notaport/x"
    value = f"{program}={value}" if program == RELAY.name else value
    done = run(
        binaries, program, f"--{flag}={value}", "--kafka_property=sasl.password", "--log_level=loud"
    )
    assert done.returncode == 2
    assert SECRET not in done.stdout + done.stderr


def test_an_unknown_verb(binaries):
    done = run(binaries, "order-service", "migrat")
    assert done.returncode == 2
    assert "did you mean migrate?" in done.stderr


def test_the_promises_cannot_be_turned_off_by_properties(binaries):
    done = run(
        binaries,
        RELAY.name,
        *required_flags(RELAY.name),
        "--kafka_property=acks=1",
    )
    assert done.returncode == 2
    assert "acks" in done.stderr


LISTENERS = [
    *((program, "http_address") for program in PROGRAMS),
    *((service.name, "grpc_address") for service in SERVICES),
    ("order-service", "admin_address"),
]


@pytest.mark.parametrize(("program", "flag"), LISTENERS)
def test_a_taken_port_is_named(binaries, program, flag):
    addresses = {"http_address": "127.0.0.1:0"}
    more = [] if program == RELAY.name else ["--create_topics=false"]
    if program != RELAY.name:
        addresses["grpc_address"] = "127.0.0.1:0"
    if program == "order-service":
        addresses["admin_address"] = "127.0.0.1:0"
    with socket.socket() as holder:
        holder.bind((ports.HOST, 0))
        holder.listen()
        port = holder.getsockname()[1]
        addresses[flag] = f"{ports.HOST}:{port}"
        done = run(
            binaries,
            program,
            *required_flags(program),
            *more,
            *(f"--{name}={address}" for name, address in addresses.items()),
        )
    assert done.returncode == 1
    assert f"port {port} on {ports.HOST} is taken" in done.stderr


# The database -------------------------------------------------------------------------------


@pytest.fixture
def deployment(postgres_server, kafka_broker, binaries, log_folder):
    """Databases without anything in them, and nothing started."""
    made = make_deployment(postgres_server, kafka_broker, binaries, log_folder)
    made.create_databases()
    yield made
    remove(made)


def migrate_output(deployment: programs.Deployment, service: programs.Program) -> str:
    """Of one run."""
    log = deployment.log(f"{service.name}-migrate")
    before = len(log.read_text()) if log.exists() else 0
    deployment.migrate(service)
    return log.read_text()[before:]


def schema(deployment: programs.Deployment, service: programs.Program) -> str:
    pg_dump = postgres.binaries() / "pg_dump"
    dump = subprocess.run(
        [pg_dump, "-d", deployment.cluster.conninfo(deployment.database(service))],
        capture_output=True,
        text=True,
        check=True,
    )
    # Newer versions write a random key into each dump.
    return re.sub(r"^\\(un)?restrict .*$", "", dump.stdout, flags=re.MULTILINE)


@pytest.mark.skipif(postgres_versions.wanted() is not None, reason="needs a pg_dump of that major")
@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_migrating_twice_changes_nothing(deployment, service):
    first = migrate_output(deployment, service)
    assert "applied" in first and "made" in first and "done" in first
    before = schema(deployment, service)
    second = migrate_output(deployment, service)
    assert "applied" not in second and "nothing to do" in second
    assert schema(deployment, service) == before
    slots = deployment.cluster.sql(
        f"SELECT slot_name FROM pg_replication_slots WHERE database = '{deployment.database(service)}'"
    )
    assert slots == f"outbox_{deployment.database(service)}"


def ready(deployment: programs.Deployment, program: str) -> tuple[int, str]:
    return metrics.get(deployment.http_address(program), "/readyz")


def says(deployment: programs.Deployment, program: str, *words: str) -> None:
    """The program is not ready, and both /readyz and its log say why."""

    def said() -> bool:
        status, text = ready(deployment, program)
        log = deployment.log(program).read_text().replace('\\"', '"')
        return status == 503 and all(word in text and word in log for word in words)

    wait_until(
        said,
        lambda: (
            f"{program} to say {words}; /readyz: {ready(deployment, program)}; log: "
            f"{deployment.log(program).read_text()[-2000:]}"
        ),
    )


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_a_service_without_its_migrations_says_so_and_waits(deployment, service):
    deployment.start(service.name)
    says(deployment, service.name, "migrate")
    deployment.migrate(service)
    deployment.wait_ready(service.name)


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_a_service_without_its_slot_says_so_and_waits(deployment, service):
    deployment.migrate(service)
    slot = f"outbox_{deployment.database(service)}"
    deployment.cluster.sql(f"SELECT pg_drop_replication_slot('{slot}')")
    deployment.start(service.name)
    says(deployment, service.name, slot, "migrate")
    deployment.migrate(service)
    deployment.wait_ready(service.name)


def test_a_relay_without_a_migration_or_a_slot_says_so_and_waits(deployment):
    for service in SERVICES[1:]:
        deployment.migrate(service)
    deployment.start(RELAY.name)
    says(deployment, RELAY.name, "there is no publication outbox", "migrate")
    wait_until(
        lambda: "ok product-service" in ready(deployment, RELAY.name)[1],
        "the other sources do not wait for this one",
    )
    deployment.migrate(SERVICES[0])
    deployment.wait_ready(RELAY.name)

    database = deployment.database(SERVICES[0])
    slot = f"outbox_{database}"
    records = "SELECT count(*) FROM outbox_relay_state"
    wait_until(lambda: deployment.cluster.sql(records, database) == "1", "a position is recorded")
    deployment.kill9(RELAY.name)
    active = f"SELECT active FROM pg_replication_slots WHERE slot_name = '{slot}'"
    wait_until(lambda: "t" not in deployment.cluster.sql(active), "the killed relay's slot is free")
    deployment.cluster.sql(f"SELECT pg_drop_replication_slot('{slot}')")
    deployment.start(RELAY.name)
    says(deployment, RELAY.name, f"replication slot {slot} is gone")
    # Another one, whoever has made it, may have missed something.
    deployment.migrate(SERVICES[0])
    says(deployment, RELAY.name, "Choices:", "--heal=table")
    deployment.kill9(RELAY.name)
    deployment.flags[RELAY.name] = ["--heal=table"]
    deployment.start(RELAY.name)
    deployment.wait_ready(RELAY.name)


@pytest.fixture(scope="module")
def guarded_server():
    """A Postgres that asks for passwords."""
    folder = Path(tempfile.mkdtemp(prefix="order-saga-test-"))
    os.chmod(folder, 0o755)  # the user postgres passes through it
    cluster = postgres.Cluster(
        folder / "postgres", ports.free_ports(1)[0], superuser_password="super-secret"
    )
    cluster.start()
    yield cluster
    cluster.kill()
    shutil.rmtree(folder, ignore_errors=True)


def test_a_wrong_password_is_named_but_not_told(guarded_server, kafka_broker, binaries, log_folder):
    roles = [service.role + kind for service in SERVICES for kind in ("", "_owner", "_relay")]
    passwords = {role: f"{SECRET}-{role}" for role in roles}
    deployment = make_deployment(
        guarded_server, kafka_broker, binaries, log_folder, passwords=passwords
    )
    deployment.prepare()
    right = dict(passwords)
    passwords.update({"order_service": f"{SECRET}-wrong", "order_service_relay": f"{SECRET}-wrong"})
    deployment.start("order-service")
    deployment.start(RELAY.name)
    try:
        for program in ("order-service", RELAY.name):
            role = "order_service" if program == "order-service" else "order_service_relay"
            says(deployment, program, f'password authentication failed for user "{role}"')
        # Mended by the database's side, without a restart.
        for role in ("order_service", "order_service_relay"):
            guarded_server.sql(f"ALTER ROLE {role} PASSWORD '{SECRET}-wrong'")
        for program in ("order-service", RELAY.name):
            deployment.wait_ready(program)
        for program in ("order-service", RELAY.name, "order-service-migrate"):
            assert SECRET not in deployment.log(program).read_text(), program
        for program in ("order-service", RELAY.name):
            for path in ("/readyz", "/metrics", "/healthz"):
                assert SECRET not in metrics.get(deployment.http_address(program), path)[1]
    finally:
        passwords.update(right)
        remove(deployment)


# Rights -------------------------------------------------------------------------------------


def connect(deployment, service, user: str, **options) -> psycopg.Connection:
    conninfo = deployment.cluster.conninfo(deployment.database(service), user)
    return psycopg.connect(conninfo, autocommit=True, **options)


def refused(connection: psycopg.Connection, statement: str) -> bool:
    try:
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege:
        return True
    except psycopg.errors.FeatureNotSupported:
        return False
    return False


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_a_services_role_may_work_but_not_rule(migrated, service):
    with connect(migrated, service, service.role) as connection:
        for statement in (
            "CREATE TABLE mine ()",
            "CREATE SCHEMA mine",
            "CREATE TEMPORARY TABLE mine ()",
            "DROP TABLE outbox",
            "TRUNCATE outbox",
            "DELETE FROM outbox",
            "UPDATE outbox SET topic = 'elsewhere'",
            "DELETE FROM inbox",
            "UPDATE inbox SET received_at = now()",
            "ALTER PUBLICATION outbox DROP TABLE outbox",
            "DROP PUBLICATION outbox",
            "SELECT pg_create_logical_replication_slot('mine', 'pgoutput')",
            f"SELECT pg_drop_replication_slot('outbox_{migrated.database(service)}')",
            "CREATE ROLE mine",
        ):
            assert refused(connection, statement), statement
    with pytest.raises(psycopg.OperationalError, match="(?i)replication"):
        connect(migrated, service, service.role, replication="database")


# On whole tables; what it may update of parked events goes by column.
RELAY_RIGHTS = {
    "outbox": ["SELECT"],
    "outbox_parked": ["SELECT", "INSERT", "DELETE"],
    "outbox_parked_keys": ["SELECT", "INSERT", "DELETE"],
    "outbox_pause": ["SELECT", "INSERT", "DELETE"],
    "outbox_relay_state": ["SELECT", "INSERT", "UPDATE"],
}


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_the_relays_role_reads_the_outbox_and_has_its_own_tables_and_nothing_else(migrated, service):
    with connect(migrated, service, f"{service.role}_relay") as connection:
        connection.execute("SELECT * FROM outbox")
        connection.execute("SELECT partitions_create_ahead('outbox', 3)")
        tables = connection.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace "
            "WHERE relkind IN ('r', 'p', 'v', 'm') AND nspname = 'public'"
        ).fetchall()
        assert len(tables) > 5
        for (table,) in tables:
            rights = connection.execute(
                "SELECT array_agg(p) FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE', 'DELETE', "
                "'TRUNCATE', 'REFERENCES', 'TRIGGER']) p WHERE has_table_privilege(%s, p)",
                (table,),
            ).fetchone()[0]
            assert rights == RELAY_RIGHTS.get(table), (table, rights)
        for statement in ("CREATE TABLE mine ()", "CREATE TEMPORARY TABLE mine ()"):
            assert refused(connection, statement), statement
    connect(migrated, service, f"{service.role}_relay", replication="database").close()


def test_nobody_gets_into_anothers_database(migrated):
    for service in SERVICES:
        for other in SERVICES:
            for kind in ("", "_owner", "_relay"):
                if other is service:
                    connect(migrated, service, other.role + kind).close()
                else:
                    with pytest.raises(psycopg.OperationalError, match="permission denied"):
                        connect(migrated, service, other.role + kind)


def test_no_role_of_ours_is_more_than_it_needs(migrated):
    rows = migrated.cluster.sql(
        "SELECT rolname, rolsuper, rolcreatedb, rolcreaterole, rolbypassrls, rolreplication "
        "FROM pg_roles WHERE rolname ~ '^(order|product|customer|kitchen)_service'"
    ).splitlines()
    assert len(rows) == 12
    for row in rows:
        name, *powers, replication = row.split("|")
        assert powers == ["f"] * 4, row
        assert replication == ("t" if name.endswith("_relay") else "f"), row
