"""The cases of deploy/prometheus/tests: each alert fires in one, and in another is silent though it could fire."""

import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from devtools import prometheus

TESTS = prometheus.RULES.parent / "tests"
FIRING = 'ALERTS{alertstate="firing"}'
UNITS = {"s": 1, "m": 60, "h": 3600}
# Numbers that a rule compares with, but for those that only say "any at all"; and how long it waits.
LIMITS = re.compile(r"(?<=[<>=] )(?![01](?![\d.]))[\d.]+(?: \* [\d.]+)?")
TIMES = re.compile(r"(?<= for: )\d+(?=[smh]$)", re.MULTILINE)


def rules(path: Path) -> list[dict]:
    return [rule for group in yaml.safe_load(path.read_text())["groups"] for rule in group["rules"]]


ALERTS = [
    (path.name, rule)
    for path in sorted(prometheus.RULES.glob("*.yml"))
    for rule in rules(path)
    if "alert" in rule
]


def cases(rule_file: str) -> list[dict]:
    documents = [yaml.safe_load(path.read_text()) for path in sorted(TESTS.glob("*.yml"))]
    return [
        case
        for document in documents
        if document["rule_files"] == [f"../rules/{rule_file}"]
        for case in document["tests"]
    ]


def seconds(text: str) -> int:
    return sum(int(n) * UNITS[unit] for n, unit in re.findall(r"(\d+)([smh])", text))


def expected(check: dict) -> set[str]:
    labels = " ".join(sample["labels"] for sample in check.get("exp_samples", []))
    return set(re.findall(r'alertname="(\w+)"', labels))


def metrics_of(expression: str, rule_file: str) -> set[str]:
    """What is scraped, of which an expression is made, through the rules that it uses."""
    everything = rules(prometheus.RULES / rule_file)
    found = set()
    expression = re.sub(r"\b(by|on) *\([^)]*\)", "", expression)
    for name, selector in re.findall(r"\b([a-z]+_[\w:]+)\b(?! *\()(\{[^}]*\})?", expression):
        used = [rule for rule in everything if rule.get("record") == name]
        if not used:
            found.add(name)
        # Exceptions ("unless" another problem) are no part of what makes it fire.
        elif ":outbox_problem" in name:
            wanted = re.search(r'problem="([^"]+)"', selector)
            used = [r for r in used if wanted and r["labels"]["problem"] == wanted[1]]
        for rule in used:
            found |= metrics_of(rule["expr"], rule_file)
    return found


@pytest.mark.parametrize(("rule_file", "rule"), ALERTS, ids=[rule["alert"] for _, rule in ALERTS])
def test_an_alert_has_a_firing_and_a_silent_case(rule_file, rule):
    checks = [(case, check) for case in cases(rule_file) for check in case["promql_expr_test"]]
    assert any(rule["alert"] in expected(check) for _, check in checks), "no case in which it fires"
    asked = metrics_of(rule["expr"], rule_file)
    assert asked
    silent = set()
    for case, check in checks:
        waited = seconds(check["eval_time"]) >= seconds(rule.get("for", "0s"))
        compared = FIRING in check["expr"] or f'{{alertname="{rule["alert"]}"' in check["expr"]
        if compared and waited and rule["alert"] not in expected(check):
            silent |= {re.match(r"\w+", series["series"])[0] for series in case["input_series"]}
    assert asked <= silent, "no case with these metrics in which it is silent"


@dataclass
class Change:
    rule_file: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.rule_file}:{self.line}: {self.text.splitlines()[self.line - 1].strip()}"


def changes() -> list[Change]:
    """The rules with one number changed: a limit five times as high or low, or a time of none."""
    made = []
    for path in sorted(prometheus.RULES.glob("*.yml")):
        text = path.read_text()
        places = [(m, f"({m[0]}) {change}") for m in LIMITS.finditer(text) for change in ("/ 5", "* 5")]
        places += [(m, "0") for m in TIMES.finditer(text)]
        for match, new in places:
            line = text.count("\n", 0, match.start()) + 1
            made.append(Change(path.name, line, text[: match.start()] + new + text[match.end() :]))
    return made


def test_a_limit_or_a_time_that_is_changed_fails_a_case(tmp_path):
    prometheus.fetch(tmp_path / "setup.log")

    def is_noticed(numbered: tuple[int, Change]) -> bool:
        number, change = numbered
        folder = tmp_path / str(number)
        shutil.copytree(prometheus.RULES, folder / "rules")
        shutil.copytree(TESTS, folder / "tests")
        (folder / "rules" / change.rule_file).write_text(change.text)
        files = [
            str(path)
            for path in sorted((folder / "tests").glob("limits_*.yml"))
            if f"rules/{change.rule_file}]" in path.read_text()
        ]
        assert files, f"no limits_*.yml loads rules/{change.rule_file}"
        changed = folder / "rules" / change.rule_file
        assert prometheus.promtool("check", "rules", str(changed))[0] == 0, change
        code, _ = prometheus.promtool("test", "rules", *files)
        return code != 0

    unchanged = map(str, sorted(TESTS.glob("limits_*.yml")))
    assert prometheus.promtool("test", "rules", *unchanged)[0] == 0
    all_changes = changes()
    assert len(all_changes) > 60
    with ThreadPoolExecutor(max_workers=2) as pool:
        noticed = list(pool.map(is_noticed, enumerate(all_changes)))
    unnoticed = [str(c) for c, seen in zip(all_changes, noticed, strict=True) if not seen]
    assert not unnoticed, "\n".join(unnoticed)
