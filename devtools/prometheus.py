"""Prometheus and promtool, for tests and lint: the machine's, or Debian's package unpacked aside.

The package is not installed, because it would start a server of its own.
"""

import json
import os
import shutil
import subprocess
import urllib.parse
import urllib.request
from pathlib import Path

from devtools import folders, ports, processes
from devtools.processes import Failed

RULES = folders.ROOT / "deploy" / "prometheus" / "rules"


def path(program: str) -> Path:
    """Where `prometheus` or `promtool` is, or will be after fetch()."""
    on_path = shutil.which(program)
    return Path(on_path) if on_path else _home() / "usr" / "bin" / program


def fetch(log: Path) -> None:
    """Downloads and unpacks what is missing (20 MB), once for all checkouts. Needs no root."""
    if _complete():
        return
    # Since Debian 13 promtool is a package of its own.
    known = subprocess.run(["apt-cache", "show", "promtool"], capture_output=True).returncode == 0
    packages = ["prometheus", "promtool"] if known else ["prometheus"]
    work = _home().with_name(f"prometheus.partial-{os.getpid()}")
    work.mkdir(parents=True, exist_ok=True)
    try:
        names = " and ".join(packages)
        fix = f"apt-get install {' '.join(packages)}, or put prometheus and promtool on the PATH."
        if processes.run(["apt-get", "download", *packages], log=log, cwd=work) != 0:
            raise Failed(f"Debian's {names} could not be downloaded", fix=fix, log=log)
        for package in work.glob("*.deb"):
            if processes.run(["dpkg-deb", "--extract", str(package), str(work)], log=log) != 0:
                raise Failed(f"Debian's {names} could not be unpacked", fix=fix, log=log)
            package.unlink()
        if not _complete():  # of a Debian 12 that was upgraded since, perhaps
            shutil.rmtree(_home(), ignore_errors=True)
        work.rename(_home())
        if not _complete():
            raise Failed(f"Debian's {names} hold no prometheus or no promtool", fix=fix, log=log)
    except OSError:
        if not _complete():  # else another ./dev was faster
            raise
    finally:
        shutil.rmtree(work, ignore_errors=True)


def _complete() -> bool:
    return all(path(program).exists() for program in ("prometheus", "promtool"))


def promtool(*arguments: str, text: str | None = None) -> tuple[int, str]:
    """Exit code and output. `text` is its standard input."""
    done = subprocess.run(
        [str(path("promtool")), *arguments], input=text, capture_output=True, text=True
    )
    return done.returncode, done.stdout + done.stderr


class Server:
    """A Prometheus with its data in `folder`, on a free port.

    `targets` are jobs and their addresses; `rules` the files to load. It scrapes and evaluates once
    a second.
    """

    def __init__(self, folder: Path, targets: dict[str, list[str]], rules: list[Path]):
        self.folder = folder
        self.address = f"{ports.HOST}:{ports.free_ports(1)[0]}"
        self._config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rule) for rule in rules],
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": addresses}]}
                for job, addresses in targets.items()
            ],
        }
        self._pid_file = folder / "pid"

    def start(self) -> None:
        """Does not wait until it answers: ask `is_ready`."""
        self.folder.mkdir(parents=True, exist_ok=True)
        config = self.folder / "prometheus.yml"
        config.write_text(json.dumps(self._config))  # YAML takes JSON
        command = [str(path("prometheus")), f"--config.file={config}"]
        command += [f"--storage.tsdb.path={self.folder / 'data'}"]
        command += [f"--web.listen-address={self.address}", "--log.level=warn"]
        processes.start(command, log=self.folder / "prometheus.log", pid_file=self._pid_file)

    def stop(self) -> None:
        pid = processes.running_pid(self._pid_file)
        if pid is not None:
            processes.stop(pid)

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://{self.address}/-/ready", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def query(self, expression: str) -> list[tuple[dict[str, str], float]]:
        """An instant query's labels and values."""
        result = self._get("query", query=expression)["result"]
        return [(sample["metric"], float(sample["value"][1])) for sample in result]

    def query_range(self, expression: str, *, start: float, end: float, step: float) -> list[dict]:
        """[{"metric": labels, "values": [[time, text], …]}, …]"""
        return self._get("query_range", query=expression, start=start, end=end, step=step)["result"]

    def alerts(self) -> dict[str, str]:
        """The state, "pending" or "firing", of each alert whose expression is true."""
        states: dict[str, str] = {}
        for alert in self._get("alerts")["alerts"]:
            name = alert["labels"]["alertname"]
            if states.get(name) != "firing":
                states[name] = alert["state"]
        return states

    def _get(self, what: str, **parameters) -> dict:
        url = f"http://{self.address}/api/v1/{what}?{urllib.parse.urlencode(parameters)}"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return json.load(answer)["data"]


def _home() -> Path:
    return folders.cache() / "prometheus"
