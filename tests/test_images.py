"""The images of deploy/Dockerfile, built without an engine, started read-only, as nobody. Only by

    ./dev test images

because it compiles everything a second time. Needs root, buildah and mmdebstrap.
"""

import json
import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from devtools import folders, metrics, programs
from tests.support.deadline import wait_until
from tests.test_manifests import version

STORE = folders.cache() / "images"

# The first of them builds all, which takes a minute an image even where every layer is there.
pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module", autouse=True)
def asked_for(request):
    if "images" not in (request.config.getoption("keyword") or ""):
        pytest.skip("compiles everything: ./dev test images")
    if os.geteuid() != 0 or not shutil.which("buildah") or not shutil.which("mmdebstrap"):
        pytest.skip("needs root, buildah and mmdebstrap")


def buildah(*arguments: str) -> str:
    store = [f"--root={STORE}/layers", f"--runroot={STORE}/run"]
    command = ["buildah", "--storage-driver=vfs", *store, *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def image_of(program: programs.Program) -> str:
    return f"localhost/order-saga/{program.name}:{version()}"


def config_of(image: str) -> dict:
    return json.loads(buildah("inspect", "--type=image", image))["OCIv1"]["config"]


@pytest.fixture(scope="module")
def archives(tmp_path_factory) -> Path:
    """The folder of the images' archives."""
    out = tmp_path_factory.mktemp("images")
    script = folders.ROOT / "deploy" / "images" / "build_without_engine"
    subprocess.run(["nice", script, out], check=True)
    return out


@pytest.fixture(params=programs.ALL, ids=lambda p: p.name)
def files(archives, request):
    """A program and the folder that is its image's root."""
    container = buildah("from", "--pull-never", image_of(request.param)).strip()
    yield request.param, Path(buildah("mount", container).strip())
    buildah("rm", container)


def start(root: Path, config: dict, command: list[str], environment: dict, log: Path):
    """The image's program among the image's files, which nobody can write, as the image's user."""
    read_only = 'mount --bind "$0" "$0" && mount -o remount,bind,ro "$0"'
    enter = f'{read_only} && exec chroot --userspec={config["User"]} "$0" "$@"'
    with open(log, "wb") as out:
        return subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", enter, root, *config["Entrypoint"], *command],
            env={**dict(entry.split("=", 1) for entry in config["Env"]), **environment},
            stdout=out,
            stderr=subprocess.STDOUT,
        )


@pytest.mark.parametrize("program", programs.ALL, ids=lambda p: p.name)
def test_an_image_says_what_it_is(archives, program):
    config = config_of(image_of(program))
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == [f"/usr/bin/{program.name}"]
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == version()
    assert labels["org.opencontainers.image.title"] == program.name
    assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert (archives / f"{program.name}.tar").stat().st_size < 100_000_000


def test_there_is_no_shell_and_nothing_to_become_root_by(files):
    program, root = files
    found = [p for p in root.rglob("*") if p.is_file() and not p.is_symlink()]
    assert not [p for p in found if p.name in ("sh", "bash", "dash", "busybox", "apt", "dpkg")]
    assert not [p for p in found if p.stat().st_mode & 0o6002]  # setuid, or for all to write
    assert [p.name for p in (root / "usr" / "bin").iterdir()] == [program.name]


def test_an_image_runs_read_only_and_drains(files, migrated, tmp_path):
    program, root = files
    log = tmp_path / "log"
    process = start(
        root,
        config_of(image_of(program)),
        migrated.command(program)[1:],
        migrated.environment(program),
        log,
    )
    try:
        address = migrated.http_address(program.name)
        wait_until(lambda: metrics.get(address, "/readyz")[0] == 200, f"{program.name} is ready")
        assert metrics.get(address, "/healthz")[0] == 200
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0, log.read_text()
    finally:
        process.kill()
        process.wait()
