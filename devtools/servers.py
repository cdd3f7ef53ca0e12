"""Postgres and Kafka together, as throwaway servers for tests."""

import os
import shutil
import tempfile
from pathlib import Path

from devtools import kafka, ports, postgres
from devtools.parallel import together


class TestServers:
    """One Postgres cluster and one Kafka broker on free ports in a temporary folder."""

    __test__ = False  # not a test class, whatever pytest thinks of its name

    def __init__(self, folder: Path | None = None):
        if folder is None:
            folder = Path(tempfile.mkdtemp(prefix="order-saga-test-"))
        folder.mkdir(parents=True, exist_ok=True)
        os.chmod(folder, 0o755)  # the user postgres passes through it
        self.folder = folder
        postgres_port, kafka_port, controller_port = ports.free_ports(3)
        self.postgres = postgres.Cluster(folder / "postgres", postgres_port)
        self.kafka = kafka.Broker(folder / "kafka", kafka_port, controller_port)

    def start(self) -> None:
        try:
            together(self.postgres.start, self.kafka.start)
        except BaseException:
            self.stop()
            raise

    def environment(self) -> dict[str, str]:
        """The two variables by which tests find the servers."""
        return {
            "ORDER_SAGA_TEST_POSTGRES": self.postgres.conninfo(),
            "ORDER_SAGA_TEST_KAFKA": self.kafka.bootstrap_servers,
        }

    def stop(self, *, keep: bool = False) -> None:
        """Stops both at once: nobody needs their data any more. Removes the folder unless `keep`."""
        self.kafka.kill()
        self.postgres.kill()
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
