"""What the programs export, and what dashboards and alerts make of it, against live scrapes."""

import json
import re
import textwrap

import pytest
import yaml

from devtools import metrics, programs, prometheus
from tests.support.deadline import wait_until
from tests.support.monitoring import EXPORTER, Watch, panel_queries
from tests.support.shop import Shop

RELAY = "outbox-relay"
ORDER, PRODUCT, CUSTOMER, KITCHEN = (service.name for service in programs.SERVICES)
SERVICES = (ORDER, PRODUCT, CUSTOMER, KITCHEN)
# What dashboards and alarms count on, and who exports each.
CONTRACT = {
    "outbox_unpublished_events": (RELAY, EXPORTER),
    "outbox_oldest_unpublished_age_seconds": (RELAY, EXPORTER),
    "outbox_slot_retained_wal_bytes": (RELAY, EXPORTER),
    "outbox_parked_keys": (RELAY, EXPORTER),
    "outbox_wal_budget_used_ratio": (RELAY, EXPORTER),
    "outbox_published_events_total": (RELAY,),
    "outbox_publish_failures_total": (RELAY,),
    "outbox_commit_to_ack_seconds_bucket": (RELAY,),
    "outbox_last_ack_timestamp_seconds": (RELAY,),
    "outbox_slot_active": (EXPORTER,),
    "outbox_canary_age_seconds": (ORDER,),
    "grpc_server_started_total": SERVICES,
    "grpc_server_handled_total": SERVICES,
    "grpc_server_handling_seconds_bucket": SERVICES,
    "saga_started_total": (ORDER,),
    "saga_finished_total": (ORDER,),
    "saga_in_flight": (ORDER,),
    "saga_oldest_in_flight_age_seconds": (ORDER,),
    "saga_duration_seconds_bucket": (ORDER,),
    "saga_parked": (ORDER,),
    "inbox_messages_total": SERVICES,
    "inbox_dead_letters_total": SERVICES,
    "inbox_parked": SERVICES,
    "inbox_consumer_lag": SERVICES,
    "order_saga_build_info": (*SERVICES, RELAY, EXPORTER),
    "order_saga_ready": (*SERVICES, RELAY, EXPORTER),
    "process_cpu_seconds_total": (*SERVICES, RELAY, EXPORTER),
}
# Healthy sources have none.
PROBLEM = "order_saga:outbox_problem"
# Words of PromQL that stand where a metric could.
_WORDS = {"by", "on", "unless", "and", "or", "without", "ignoring", "bool", "offset"}


@pytest.fixture(scope="module")
def watch(system, tmp_path_factory):
    """With some orders behind it: approved ones, and one that was rejected."""
    watch = Watch(system, tmp_path_factory.mktemp("watch"))
    watch.start()
    shop = Shop(system)
    orders = [system.place_request(request) for request in shop.mixed_requests(10)]
    shop.wait_sagas_end(orders)
    yield watch
    watch.stop()


@pytest.mark.parametrize("name", [*(p.name for p in programs.ALL), EXPORTER])
def test_promtool_finds_no_fault_with_a_scrape(watch, name):
    code, output = prometheus.promtool("check", "metrics", text=watch.scrape(name))
    assert code == 0, output


@pytest.mark.parametrize("metric", CONTRACT)
def test_metrics_of_the_contract(watch, metric):
    for name in CONTRACT[metric]:
        exported = {sample[0] for sample in metrics.parse(watch.scrape(name))}
        assert metric in exported, f"{name} does not export {metric}"


def test_an_idle_outbox_exports_0(watch, system):
    """Canaries come and go, so for a moment there is one."""
    for name in (RELAY, EXPORTER):
        for service in SERVICES:

            def lag(metric: str, name: str = name, service: str = service) -> float:
                return next(
                    value
                    for found, labels, value in metrics.parse(watch.scrape(name))
                    if found == metric and labels["source"] == service
                )

            for metric in ("outbox_unpublished_events", "outbox_oldest_unpublished_age_seconds"):
                wait_until(lambda: lag(metric) == 0, f"{name} exports {metric} 0 of {service}")


def test_no_panel_of_a_dashboard_is_empty(watch, system):
    """Under some load, as panels of rates show what happens now."""
    shop = Shop(system)
    queries = panel_queries()
    assert len(queries) > 50

    def empty() -> list[str]:
        system.place_request(shop.request())
        answered = {str(q): bool(watch.prometheus.query(q.expression)) for q in queries}
        drawn = {(q.dashboard, q.panel) for q in queries if answered[str(q)]}
        return [
            str(q)
            for q in queries
            if not answered[str(q)] and not (q.may_be_empty and (q.dashboard, q.panel) in drawn)
        ]

    wait_until(lambda: not empty(), lambda: "\n".join(["data in each panel:", *empty()]))


def test_the_configuration_for_a_cluster(tmp_path):
    """Debian's Prometheus knows no Kubernetes, so its part is left out; the rest must be right."""
    prometheus.fetch(tmp_path / "setup.log")
    configuration = yaml.safe_load((prometheus.RULES.parent / "kubernetes.yml").read_text())
    (scrape,) = configuration["scrape_configs"]
    (found,) = scrape.pop("kubernetes_sd_configs")
    assert found == {"role": "pod", "namespaces": {"names": ["order-saga"]}}
    configuration["rule_files"] = [str(path) for path in prometheus.RULES.glob("*.yml")]
    path = tmp_path / "prometheus.yml"
    path.write_text(json.dumps(configuration))
    code, output = prometheus.promtool("check", "config", str(path))
    assert code == 0, output


def test_alerts_and_panels_ask_for_nothing_that_is_not_scraped(watch):
    """A misspelt name would be silent for ever."""
    asked = set()
    for path in prometheus.RULES.glob("*.yml"):
        text = path.read_text()
        expressions = re.findall(r"^ *expr: (?:\|\n((?: {10,}.*\n)+)|(.*))", text, re.MULTILINE)
        assert len(expressions) == text.count("expr: ")
        for block, line in expressions:
            asked |= _metric_names(block or line)
    for query in panel_queries():
        asked |= _metric_names(query.expression)
    there = {
        labels["__name__"]
        for labels, _ in watch.prometheus.query('count by (__name__) ({__name__=~".+"})')
    }
    assert asked - there <= {PROBLEM}
    assert "outbox_slot_active" in asked


def test_all_is_quiet_when_all_is_well(watch):
    wait_until(
        lambda: all(watch.is_healthy(service) for service in SERVICES),
        lambda: str(watch.prometheus.query(PROBLEM)),
    )
    assert watch.prometheus.alerts() == {}


def test_the_queries_for_postgres_exporter_say_the_same(watch, system):
    text = (prometheus.RULES.parent / "postgres_exporter_queries.yml").read_text()
    query = textwrap.dedent(text.partition("query: |\n")[2].partition("  metrics:\n")[0])
    described = re.findall(r"^    - (\w+):$", text, re.MULTILINE)

    def ask() -> dict:
        (row,) = system.sql("order_service", query)
        return row

    def exported(column: str) -> float:
        return next(
            value
            for name, labels, value in metrics.parse(watch.scrape(EXPORTER))
            if name == f"outbox_{column}" and labels["source"] == ORDER
        )

    assert list(ask()) == described
    wait_until(lambda: ask()["unpublished_events"] == 0, lambda: f"nothing waits: {ask()}")
    assert (ask()["slot_active"], ask()["slot_usable"], ask()["relay_paused"]) == (1, 1, 0)
    assert ask()["wal_budget_bytes"] == exported("wal_budget_bytes")
    system.kill9("relay")
    wait_until(lambda: ask()["unpublished_events"] >= 3, "canaries wait")
    wait_until(
        lambda: abs(ask()["unpublished_events"] - exported("unpublished_events")) <= 2,
        lambda: f"{ask()} and {exported('unpublished_events')}",
    )
    assert ask()["oldest_unpublished_age_seconds"] > 0
    assert ask()["slot_active"] == 0
    system.start("relay")
    wait_until(lambda: ask()["unpublished_events"] == 0, lambda: f"nothing waits again: {ask()}")


def _metric_names(expression: str) -> set[str]:
    text = re.sub(r"\{[^}]*\}|\[[^]]*\]|\"[^\"]*\"", " ", expression)
    text = re.sub(r"\b(by|on|without|ignoring) *\([^)]*\)", " ", text)
    names = re.findall(r"(?<![\w:.])([a-z_][\w:]*)\b(?! *\()", text)
    return {name for name in names if name not in _WORDS}
