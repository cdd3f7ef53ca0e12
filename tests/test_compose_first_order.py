"""What deploy/compose/README.md has one type for a first order, typed at a system of ours."""

import re
import subprocess

from devtools import folders
from tests.support.deadline import wait_until

README = folders.ROOT / "deploy" / "compose" / "README.md"
SERVICES = {21001: "order-service", 21002: "product-service", 21003: "customer-service"}


def typed() -> list[str]:
    """The commands under "A first order"."""
    section = re.search(r"^## A first order$(.*?)^## ", README.read_text(), re.M | re.S)[1]
    return re.findall(r"^grpcurl .*$", section, re.M)


def test_the_first_order_is_approved(system, grpcurl_path):
    def run(command: str) -> str:
        for port, service in SERVICES.items():
            address = system.deployment.grpc_address(service)
            command = command.replace(f"127.0.0.1:{port}", address)
        command = re.sub(r"^grpcurl", str(grpcurl_path), command)
        done = subprocess.run(
            command, shell=True, cwd=folders.ROOT, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    *first, how_it_ended = typed()
    for command in first:
        run(command)
    wait_until(lambda: '"status": "APPROVED"' in run(how_it_ended), "the order is approved")
