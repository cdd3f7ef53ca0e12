"""deploy/compose.yaml against what it mounts, starts and scrapes; Docker itself reads it in `./dev lint`."""

import re
from dataclasses import asdict

import pytest
import yaml

from devtools import folders, programs

DEPLOY = folders.ROOT / "deploy"


@pytest.fixture(scope="module")
def services() -> dict[str, dict]:
    return yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]


def targets(path: str) -> dict[str, int]:
    """The port of each job."""
    found = yaml.safe_load((DEPLOY / path).read_text())["scrape_configs"]
    return {
        job["job_name"]: int(job["static_configs"][0]["targets"][0].rpartition(":")[2])
        for job in found
    }


def test_what_is_mounted_is_there(services):
    for name, service in services.items():
        for volume in service.get("volumes", []):
            source = volume.partition(":")[0]
            if source.startswith("."):
                assert (DEPLOY / source).exists(), f"{name}: {source}"


def test_nobody_waits_for_what_cannot_come(services):
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name}: {other}"


def test_programs_say_whether_they_are_ready(services):
    for name, service in services.items():
        if service["image"].startswith("order-saga/") and "-migrate" not in name:
            program = service["image"].partition("/")[2].partition(":")[0]
            assert service["healthcheck"]["test"] == [
                "CMD",
                f"/usr/bin/{program}",
                "healthcheck",
            ], name


def test_postgres_is_healthy_once_others_reach_it(services):
    # While roles and databases are made it answers on its socket only.
    asked = services["postgres"]["healthcheck"]["test"]
    assert asked[asked.index("-h") + 1] == "127.0.0.1"


def test_everything_is_on_loopback(services):
    for name, service in services.items():
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), f"{name}: {port}"


def test_programs_run_without_privileges(services):
    for name, service in services.items():
        if service["image"].startswith("order-saga/"):
            assert service["read_only"] is True and service["cap_drop"] == ["ALL"], name
            assert service["security_opt"] == ["no-new-privileges:true"], name


def test_every_program_is_scraped_where_it_listens(services):
    scraped = targets("compose/prometheus.yml")
    assert scraped == targets("prometheus/local.yml")
    assert set(scraped) == {*(program.name for program in programs.ALL), "lag-exporter"}
    for job, port in scraped.items():
        assert f"127.0.0.1:{port}:{port}" in services[job]["ports"], job


def test_every_listener_of_a_program_can_be_reached(services):
    image = (DEPLOY / "Dockerfile").read_text()
    for name, listeners in programs.fixed_listeners(21000).items():
        ports = [port for port in asdict(listeners).values() if port]
        missing = {f"127.0.0.1:{port}:{port}" for port in ports} - set(services[name]["ports"])
        assert not missing, f"{name}: {missing}"
        said = image + str(services[name]["environment"])
        assert not [port for port in ports if f"0.0.0.0:{port}" not in said], name


def test_images_are_built_as_the_version_that_they_are_tagged_with(services):
    for name, service in services.items():
        if "build" in service:
            assert service["image"].endswith(f":{service['build']['args']['VERSION']}"), name


def test_images_are_pinned(services):
    for name, service in services.items():
        tag = re.sub(r"\$\{VERSION:-(.*)\}", r"\1", service["image"]).partition(":")[2]
        assert tag and tag != "latest", name
