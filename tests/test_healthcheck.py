"""The verb `healthcheck`, by which a container engine sees how a program is."""

import pytest

from devtools import ports, programs
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


@pytest.mark.parametrize("program", PROGRAMS)
def test_says_that_nobody_answers(binaries, program):
    (port,) = ports.free_ports(1)
    asked = run(binaries, program, "healthcheck", f"--http_address=127.0.0.1:{port}")
    assert asked.returncode == 1
    assert "nobody answers" in asked.stderr and "--http_address" in asked.stderr
