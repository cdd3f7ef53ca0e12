"""The verb `healthcheck`, by which a container engine sees how a program is."""

import subprocess

import pytest

from devtools import ports, programs
from tests.support.deadline import wait_until
from tests.test_startup import run

PROGRAMS = [program.name for program in programs.ALL]


@pytest.mark.parametrize("program", PROGRAMS)
def test_says_that_a_program_is_ready(system, binaries, program):
    address = system.deployment.http_address(program)
    asked = run(binaries, program, "healthcheck", ORDER_SAGA_HTTP_ADDRESS=address)
    assert (asked.returncode, asked.stderr) == (0, "")
    assert asked.stdout.startswith("ok ")
    # In a container it listens at all addresses.
    port = address.rpartition(":")[2]
    assert run(binaries, program, "healthcheck", f"--http_address=0.0.0.0:{port}").returncode == 0


def test_says_that_a_program_is_not_ready_and_why(binaries, tmp_path):
    """A relay whose database does not answer."""
    (port,) = ports.free_ports(1)
    address = f"--http_address=127.0.0.1:{port}"
    with open(tmp_path / "log", "w", encoding="utf-8") as log:
        process = subprocess.Popen(
            [
                binaries / "outbox-relay",
                "--source=away=postgresql://x@127.0.0.1:1/x",
                "--kafka_brokers=127.0.0.1:1",
                address,
            ],
            stdout=log,
            stderr=log,
        )
    try:
        asked = wait_until(
            lambda: _unless_nobody(run(binaries, "outbox-relay", "healthcheck", address)),
            "it answers",
        )
        assert asked.returncode == 1
        assert asked.stderr.startswith("not ready (503): ") and "away" in asked.stderr
    finally:
        process.kill()
        process.wait()


def _unless_nobody(asked: subprocess.CompletedProcess) -> subprocess.CompletedProcess | None:
    return None if "nobody answers" in asked.stderr else asked


@pytest.mark.parametrize("program", PROGRAMS)
def test_says_that_nobody_answers(binaries, program):
    (port,) = ports.free_ports(1)
    asked = run(binaries, program, "healthcheck", f"--http_address=127.0.0.1:{port}")
    assert asked.returncode == 1
    assert "nobody answers" in asked.stderr and "--http_address" in asked.stderr
