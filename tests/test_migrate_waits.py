"""`SERVICE migrate --wait_s`: a database that starts at the same time is waited for."""

import subprocess

import pytest

from devtools import processes
from devtools.programs import SERVICES
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
