"""What watches a system in a test: a lag exporter, and a real Prometheus with our rules."""

import json
import re
from dataclasses import dataclass
from pathlib import Path

from devtools import folders, metrics, ports, processes, programs, prometheus
from tests.support.deadline import wait_until
from tests.support.system import System

DASHBOARDS = folders.ROOT / "deploy" / "grafana" / "dashboards"
EXPORTER = "lag-exporter"


class Watch:
    """A lag exporter and a Prometheus for a system. `stop` ends both."""

    def __init__(
        self,
        system: System,
        folder: Path,
        *,
        exporter_flags: tuple[str, ...] = (),
        changes: dict[str, str] | None = None,
    ):
        """`changes` are patterns in the rules and what replaces them, to shorten times."""
        self._deployment = system.deployment
        self._folder = folder
        self._flags = exporter_flags
        self.exporter_address = f"{ports.HOST}:{ports.free_ports(1)[0]}"
        self._exporter_pid = folder / EXPORTER
        targets = {p.name: [system.deployment.http_address(p.name)] for p in programs.ALL}
        targets[EXPORTER] = [self.exporter_address]
        self.prometheus = prometheus.Server(
            folder / "prometheus", targets, _copied_rules(folder / "rules", changes or {})
        )

    def start(self) -> None:
        """Returns when every target has been scraped."""
        prometheus.fetch(self._folder / "setup.log")
        processes.start(
            [str(self._deployment.binaries / "outbox-relay"), EXPORTER]
            + [f"--http_address={self.exporter_address}", *self._flags],
            env=self._deployment.environment(programs.RELAY),
            log=self._deployment.folder / "logs" / f"{EXPORTER}.log",
            pid_file=self._exporter_pid,
        )
        self.prometheus.start()
        wait_until(self.prometheus.is_ready, "Prometheus is ready", seconds=60)
        wait_until(
            lambda: len(self.prometheus.query("up == 1")) == len(programs.ALL) + 1,
            lambda: f"every target is scraped: {self.prometheus.query('up')}",
            seconds=60,
        )

    def stop(self) -> None:
        self.prometheus.stop()
        pid = processes.running_pid(self._exporter_pid)
        if pid is not None:
            processes.stop(pid)

    def addresses(self) -> dict[str, str]:
        """The HTTP addresses of the programs and of the exporter."""
        addresses = {p.name: self._deployment.http_address(p.name) for p in programs.ALL}
        return addresses | {EXPORTER: self.exporter_address}

    def scrape(self, name: str) -> str:
        status, text = metrics.get(self.addresses()[name], "/metrics")
        assert status == 200, f"{name} answers {status}"
        return text

    def problems(self, source: str) -> set[str]:
        """What the dashboard names for a source, at this moment."""
        found = self.prometheus.query(f'order_saga:outbox_problem{{source="{source}"}}')
        return {labels["problem"] for labels, _ in found}

    def is_healthy(self, source: str) -> bool:
        return bool(self.prometheus.query(f'order_saga:outbox_healthy{{source="{source}"}}'))


@dataclass
class PanelQuery:
    dashboard: str
    panel: str
    expression: str
    # Rows of a timeline come and go: of a panel's queries some answer at any time.
    may_be_empty: bool = False

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.panel}: {self.expression}"


def panel_queries() -> list[PanelQuery]:
    """Every query of every dashboard, with the variables as they are at first."""
    found = []
    for path in sorted(DASHBOARDS.glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", []):
                expression = target["expr"].replace("$__rate_interval", "10s")
                expression = re.sub(r'"\$\w+"', '".*"', expression)
                timeline = panel["type"] == "state-timeline"
                found.append(PanelQuery(path.stem, panel["title"], expression, timeline))
    return found


def _copied_rules(folder: Path, changes: dict[str, str]) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    unused = set(changes)
    copies = []
    for path in sorted(prometheus.RULES.glob("*.yml")):
        text = path.read_text()
        for pattern, replacement in changes.items():
            text, count = re.subn(pattern, replacement, text)
            if count:
                unused.discard(pattern)
        copies.append(folder / path.name)
        copies[-1].write_text(text)
    assert not unused, f"no rule has {unused}"
    return copies
