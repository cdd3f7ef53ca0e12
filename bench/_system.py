"""What the benchmarks of orders share: where things are, and our own programs beside them."""

import os
import subprocess
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from devtools import postgres, programs
from tests.support.system import make_deployment

PROGRAMS = Path(os.environ["ORDER_SAGA_BIN_DIR"])
PRODUCTS, USERS = 100, 1_000


def deployment_of_the_run() -> programs.Deployment:
    """On the servers that ./dev bench has started; nothing in it exists yet."""
    server = urlsplit(os.environ["ORDER_SAGA_TEST_POSTGRES"])
    cluster = postgres.Cluster(
        Path("/nonexistent"), server.port, superuser_password=server.password
    )
    logs = os.environ.get("ORDER_SAGA_TEST_LOGS") or tempfile.mkdtemp(prefix="order-saga-")
    return make_deployment(cluster, os.environ["ORDER_SAGA_TEST_KAFKA"], PROGRAMS, Path(logs))


def run(program: str, **flags: object) -> dict[str, float]:
    """What a program of ours prints as `name value` lines."""
    command = [str(PROGRAMS / program), *(f"--{name}={value}" for name, value in flags.items())]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return {name: float(value) for name, value in (line.split() for line in printed.splitlines())}
