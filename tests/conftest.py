"""Fixtures: the servers, and systems of the five real programs. See tests/README.md."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import yaml

from devtools import builds, grpcurl, lint_manifests, postgres
from devtools.servers import TestServers
from tests.support import system as systems
from tests.support.outbox_relay import Outbox, make_topic


@pytest.fixture(scope="session")
def test_servers() -> Iterator[TestServers | None]:
    """Servers of this session's own, if nobody gave us any."""
    if os.environ.get("ORDER_SAGA_TEST_POSTGRES") and os.environ.get("ORDER_SAGA_TEST_KAFKA"):
        yield None
        return
    servers = TestServers()
    servers.start()
    yield servers
    servers.stop()


@pytest.fixture(scope="session")
def postgres_server(test_servers: TestServers | None) -> postgres.Cluster:
    """A Postgres whose superuser we are: `./dev test`'s, shared with other tests. Do not stop it."""
    if test_servers:
        return test_servers.postgres
    uri = urlsplit(os.environ["ORDER_SAGA_TEST_POSTGRES"])
    return postgres.Cluster(Path("/nonexistent"), uri.port, superuser_password=uri.password)


@pytest.fixture(scope="session")
def kafka_broker(test_servers: TestServers | None) -> str:
    """The bootstrap servers of `./dev test`'s Kafka, shared with other tests."""
    if test_servers:
        return test_servers.kafka.bootstrap_servers
    return os.environ["ORDER_SAGA_TEST_KAFKA"]


@pytest.fixture
def own_servers() -> Iterator[TestServers]:
    """A Postgres and a Kafka for one test, which may stop and kill them."""
    yield from _started_servers()


@pytest.fixture(scope="module")
def servers() -> Iterator[TestServers]:
    """The same for the tests of a file: every test leaves both running."""
    yield from _started_servers()


@pytest.fixture
def outbox(servers: TestServers) -> Outbox:
    """For tests of the relay alone: a database on `servers` with an outbox, and its topic."""
    return Outbox(servers.postgres, make_topic(servers.kafka.bootstrap_servers))


@pytest.fixture(scope="session")
def binaries() -> Path:
    """The folder of the five programs."""
    return Path(os.environ.get("ORDER_SAGA_BIN_DIR") or builds.binaries())


@pytest.fixture(scope="session")
def grpcurl_path(tmp_path_factory) -> Path:
    """grpcurl, built if it is not there yet; devtools.grpcurl.call() uses it."""
    grpcurl.fetch(tmp_path_factory.mktemp("grpcurl") / "build.log")
    return grpcurl.path()


@pytest.fixture
def make_system(request, log_folder: Path) -> Iterator[Callable[..., systems.System]]:
    """Makes started systems for one test: make_system(flags={"kitchen-service": ["--acceptance=manual"]}).

    With `servers` (see own_servers) the system uses those instead of the shared ones.
    """
    with _systems(request, log_folder) as make:
        yield make


@pytest.fixture(scope="module")
def system(request, log_folder: Path) -> Iterator[systems.System]:
    """One started system for the tests of a file: cheaper, but they share its databases.

    The file may say SYSTEM_FLAGS = {"kitchen-service": ["--acceptance=manual"]}, and OWN_SERVERS =
    True if its tests break the servers (see `servers`).
    """
    own = getattr(request.module, "OWN_SERVERS", False)
    servers = request.getfixturevalue("servers") if own else None
    with _systems(request, log_folder) as make:
        yield make(flags=getattr(request.module, "SYSTEM_FLAGS", None), servers=servers)


@pytest.fixture(scope="module")
def migrated(postgres_server, kafka_broker, binaries, log_folder):
    """Migrated databases for the tests of a file, and the programs' configuration; nothing runs."""
    made = systems.make_deployment(postgres_server, kafka_broker, binaries, log_folder)
    made.prepare()
    yield made
    systems.remove(made)


@pytest.fixture(scope="session")
def log_folder(tmp_path_factory) -> Path:
    """Where the programs' logs go: `./dev test` keeps those of a failed run."""
    given = os.environ.get("ORDER_SAGA_TEST_LOGS")
    return Path(given) if given else tmp_path_factory.mktemp("systems")


def _started_servers() -> Iterator[TestServers]:
    servers = TestServers()
    servers.start()
    yield servers
    servers.stop()


@contextmanager
def _systems(request, logs: Path) -> Iterator[Callable[..., systems.System]]:
    made: list[systems.System] = []

    def make(
        *, flags: dict[str, list[str]] | None = None, servers: TestServers | None = None
    ) -> systems.System:
        cluster = servers.postgres if servers else request.getfixturevalue("postgres_server")
        kafka = (
            servers.kafka.bootstrap_servers if servers else request.getfixturevalue("kafka_broker")
        )
        system = systems.make(
            cluster, kafka, request.getfixturevalue("binaries"), logs, flags or {}
        )
        made.append(system)
        system.start_all()
        return system

    try:
        yield make
    finally:
        for system in made:
            system.close()


@pytest.fixture(scope="module", params=lint_manifests.overlays())
def manifests(request) -> list[dict]:
    """Of each overlay in turn."""
    text = lint_manifests.render(request.param)
    if text is None:
        pytest.skip("neither kustomize nor kubectl is on the PATH")
    return [one for one in yaml.safe_load_all(text) if one]
