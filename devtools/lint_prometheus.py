"""What `./dev lint` checks of deploy/prometheus, deploy/grafana and docs/runbooks."""

import json
import re
import subprocess
import sys
from pathlib import Path

from devtools import console, folders, prometheus
from devtools.processes import Failed

_PROMETHEUS = folders.ROOT / "deploy" / "prometheus"
_GRAFANA = folders.ROOT / "deploy" / "grafana"
_CONFIGURATIONS = (
    _PROMETHEUS / "local.yml",
    folders.ROOT / "deploy" / "compose" / "prometheus.yml",
)
_LOG = folders.ROOT / ".state" / "logs" / "setup.log"


def monitoring(fix: bool = False) -> str:
    """What is wrong; empty if nothing is. Fetches promtool if the machine has none."""
    try:
        prometheus.fetch(_LOG)
        wrong = _rules() or _alert_tests()
    except Failed as problem:
        console.say(
            f"  alert rules are not checked: there is no promtool ({problem} {problem.fix})"
        )
        wrong = ""
    return wrong or _every_alert_is_tested() or _runbooks() or _generated(fix) or _dashboards()


def rule_files() -> list[Path]:
    return sorted(prometheus.RULES.glob("*.yml"))


def alert_names() -> list[str]:
    text = "".join(path.read_text() for path in rule_files())
    return re.findall(r"^ *- alert: (\w+)$", text, re.MULTILINE)


def _rules() -> str:
    code, output = prometheus.promtool("check", "rules", *map(str, rule_files()))
    if code == 0:
        code, output = prometheus.promtool(
            "check", "config", "--syntax-only", *map(str, _CONFIGURATIONS)
        )
    return "" if code == 0 else f"\n{output}"


def _alert_tests() -> str:
    tests = sorted((_PROMETHEUS / "tests").glob("*.yml"))
    code, output = prometheus.promtool("test", "rules", *map(str, tests))
    return "" if code == 0 else f"\n{output}"


def _every_alert_is_tested() -> str:
    """Each test compares all alerts that fire, so it is a silent case of the others."""
    tests = "".join(path.read_text() for path in (_PROMETHEUS / "tests").glob("*.yml"))
    missing = [name for name in alert_names() if f'alertname="{name}"' not in tests]
    return f"no test sees these alerts fire: {', '.join(missing)}" if missing else ""


def _runbooks() -> str:
    """Each alert names a runbook that is there, and each runbook is some alert's."""
    text = "".join(path.read_text() for path in rule_files())
    named = set(re.findall(r"runbook: (\S+)", text))
    if text.count("runbook: ") != len(alert_names()):
        return "an alert names no runbook"
    there = {
        str(path.relative_to(folders.ROOT))
        for path in (folders.ROOT / "docs" / "runbooks").glob("*.md")
        if path.name != "README.md"
    }
    if named != there:
        return f"runbooks that are missing or of no alert: {', '.join(sorted(named ^ there))}"
    for path in sorted(there):
        headings = re.findall(r"^## (.*)$", (folders.ROOT / path).read_text(), re.MULTILINE)
        if headings[:3] != ["Meaning", "Check", "Mend"]:
            return f"{path} has not the headings Meaning, Check, Mend"
    return ""


def _generated(fix: bool) -> str:
    """The dashboards' JSON and the operator's rules are what they are made of."""
    mode = "--write" if fix else "--check"
    for script in (_GRAFANA / "dashboards.py", _PROMETHEUS / "prometheus_rule.py"):
        done = subprocess.run([sys.executable, str(script), mode], capture_output=True, text=True)
        if done.returncode != 0:
            return f"{done.stdout.strip()} {done.stderr.strip()}. ./dev lint --fix mends it."
    return ""


def _dashboards() -> str:
    """No data source's name is left open."""
    for path in sorted((_GRAFANA / "dashboards").glob("*.json")):
        text = path.read_text()
        json.loads(text)
        if "${DS_" in text or "__inputs" in text:
            return f"{path.name} has a data source that provisioning does not resolve"
    return ""
