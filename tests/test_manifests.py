"""What must be true of deploy/, beyond its form: one version, no privileges, nothing out of step with the code."""

import json
import re
import shlex
import subprocess
import sys

import pytest
import yaml

from devtools import folders

DEPLOY = folders.ROOT / "deploy"
PROGRAMS = ["order-service", "product-service", "customer-service", "kitchen-service"]
OURS = [*PROGRAMS, "outbox-relay", "lag-exporter"]
LABELS = {
    f"app.kubernetes.io/{name}"
    for name in ("name", "instance", "version", "component", "part-of", "managed-by")
}


def version() -> str:
    text = (folders.ROOT / "CMakeLists.txt").read_text()
    return re.search(r"project\(order_saga VERSION ([\d.]+)", text)[1]


def of_kind(manifests: list[dict], *kinds: str) -> list[dict]:
    return [one for one in manifests if one["kind"] in kinds]


def name(one: dict) -> str:
    return one["metadata"]["name"]


def pod_specs(manifests: list[dict]) -> list[tuple[str, dict]]:
    found = of_kind(manifests, "Deployment", "StatefulSet", "Job")
    return [(name(one), one["spec"]["template"]["spec"]) for one in found]


def containers(spec: dict) -> list[dict]:
    return spec.get("initContainers", []) + spec["containers"]


def deployments(manifests: list[dict]) -> list[dict]:
    found = of_kind(manifests, "Deployment")
    assert sorted(map(name, found)) == sorted(OURS)
    return found


def literals(path: str, pattern: str) -> list[str]:
    return re.findall(pattern, (folders.ROOT / path).read_text())


# Versions -----------------------------------------------------------------------------------


def test_one_version_everywhere(manifests):
    wanted = version()
    for one in [*of_kind(manifests, "Deployment"), *of_kind(manifests, "Job")]:
        spec = one["spec"]["template"]["spec"]
        assert spec["containers"][0]["image"].endswith(f":{wanted}"), name(one)
        assert one["metadata"]["labels"]["app.kubernetes.io/version"] == wanted
    jobs = {name(one) for one in of_kind(manifests, "Job")}
    assert jobs == {f"{program}-migrate-{wanted.replace('.', '-')}" for program in PROGRAMS}


def test_the_images_have_the_version_too():
    wanted = version()
    assert set(literals("deploy/Dockerfile", r"ARG VERSION=(\S+)")) == {wanted}
    tags = literals("deploy/compose.yaml", r"image: order-saga/[\w-]+:\$\{VERSION:-([\d.]+)\}")
    assert set(tags) == {wanted}


def test_images_are_pinned(manifests):
    for where, spec in pod_specs(manifests):
        for container in containers(spec):
            tag = container["image"].partition(":")[2]
            assert tag and tag != "latest", where


# Privileges ---------------------------------------------------------------------------------


def test_pods_are_restricted(manifests):
    for where, spec in pod_specs(manifests):
        assert spec["automountServiceAccountToken"] is False, where
        assert spec["securityContext"]["runAsNonRoot"] is True, where
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}, where
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec), where
        for container in containers(spec):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False, where
            assert context["readOnlyRootFilesystem"] is True, where
            assert context["capabilities"] == {"drop": ["ALL"]}, where


def test_the_namespace_holds_everybody_to_it(manifests):
    (namespace,) = of_kind(manifests, "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_the_user_of_our_programs_can_be_patched(manifests):
    for one in deployments(manifests):
        spec = one["spec"]["template"]["spec"]
        assert "runAsUser" not in spec["securityContext"] | spec["containers"][0]["securityContext"]


def test_no_passwords(manifests):
    for secret in of_kind(manifests, "Secret"):
        for key, value in (secret.get("data", {}) | secret.get("stringData", {})).items():
            text = yaml.safe_load(f"!!binary {value}").decode()
            assert re.fullmatch(r"postgresql://\w+@[\w-]+/\w+", text), f"{name(secret)} {key}"


def test_secrets_come_from_secrets(manifests):
    """And not as an environment variable's value, where every reader of pods sees them."""
    for where, spec in pod_specs(manifests):
        for env in (env for container in containers(spec) for env in container.get("env", [])):
            text = env.get("value", "")
            assert not re.search(r"PASSWORD|SECRET|TOKEN", env["name"]), where
            assert not re.search(r"://[^$/]*:[^$/]*@|password=", text), f"{where} {env['name']}"


def test_limits_and_requests(manifests):
    for where, spec in pod_specs(manifests):
        for container in containers(spec):
            for kind in ("requests", "limits"):
                assert {"cpu", "memory", "ephemeral-storage"} <= set(
                    container["resources"][kind]
                ), where


# Staying up ---------------------------------------------------------------------------------


def test_there_is_time_to_drain(manifests):
    (drain,) = literals("libs/service/runtime.h", r"drain_timeout\w* ?(?:= ?|\{)(\d+)")
    for one in deployments(manifests):
        spec = one["spec"]["template"]["spec"]
        sleep = spec["containers"][0]["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert spec["terminationGracePeriodSeconds"] > sleep + int(drain) + 1


def test_probes(manifests):
    for one in deployments(manifests):
        container = one["spec"]["template"]["spec"]["containers"][0]
        assert container["startupProbe"]["httpGet"]["path"] == "/readyz"
        assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
        ports = {port["name"]: port["containerPort"] for port in container["ports"]}
        if name(one) in PROGRAMS:
            assert container["readinessProbe"]["grpc"]["port"] == ports["grpc"]
        else:
            assert container["readinessProbe"]["httpGet"] == {"path": "/healthz", "port": "http"}


def test_probes_ask_ports_that_are_there(manifests):
    for where, spec in pod_specs(manifests):
        for container in spec["containers"]:
            ports = {port["name"]: port["containerPort"] for port in container.get("ports", [])}
            for kind in ("startupProbe", "readinessProbe", "livenessProbe"):
                for how in container.get(kind, {}).values():
                    if isinstance(how, dict) and "port" in how:
                        assert how["port"] in [*ports, *ports.values()], f"{where} {kind}"


def test_no_more_replicas_than_partitions(manifests):
    (partitions,) = literals("libs/topics/topics.h", r"kPartitions = (\d+)")
    for one in deployments(manifests):
        assert one["spec"]["replicas"] <= int(partitions), name(one)


def test_replicas_can_be_disrupted_one_at_a_time(manifests):
    budgets = {
        one["spec"]["selector"]["matchLabels"]["app.kubernetes.io/name"]: one["spec"]
        for one in of_kind(manifests, "PodDisruptionBudget")
    }
    for one in deployments(manifests):
        if one["spec"]["replicas"] > 1:
            assert budgets[name(one)]["maxUnavailable"] == 1
            assert one["spec"]["template"]["spec"]["topologySpreadConstraints"]
    assert {name(o) for o in deployments(manifests) if o["spec"]["replicas"] > 1} == set(budgets)


def test_services_are_headless_and_find_their_pods(manifests):
    labels = {name(one): one["spec"]["template"]["metadata"]["labels"] for one in deployments(manifests)}
    services = {name(one): one["spec"] for one in of_kind(manifests, "Service")}
    for program in PROGRAMS:
        assert services[program]["clusterIP"] == "None"
        assert services[program]["selector"].items() <= labels[program].items()


def test_labels(manifests):
    kinds = ("Deployment", "Job", "StatefulSet", "Service", "ServiceAccount", "PodDisruptionBudget")
    for one in of_kind(manifests, *kinds):
        theirs = name(one) in ("postgres", "kafka")  # whose version is their image's
        wanted = LABELS - {"app.kubernetes.io/version"} if theirs else LABELS
        assert wanted <= set(one["metadata"]["labels"]), name(one)
        template = one.get("spec", {}).get("template")
        if template:
            assert wanted <= set(template["metadata"]["labels"]), name(one)


def test_flags_exist(manifests):
    """The environment is right: a variable of no flag would be ignored silently."""
    sources = [*folders.ROOT.glob("libs/**/*.cc"), *folders.ROOT.glob("*/*.cc")]
    sources += folders.ROOT.glob("outbox-relay/**/*.cc")
    known = set(re.findall(r'\.name = "(\w+)"', "".join(p.read_text() for p in sources)))
    variables = {key for one in of_kind(manifests, "ConfigMap") for key in one.get("data", {})}
    for _, spec in pod_specs(manifests):
        variables |= {env["name"] for c in spec["containers"] for env in c.get("env", [])}
        for container in spec["containers"]:
            given = [a for a in container.get("args", []) if a.startswith("--")]
            assert {shlex.split(a)[0][2:].partition("=")[0] for a in given} <= known
    flags = {v.removeprefix("ORDER_SAGA_").lower() for v in variables if v.startswith("ORDER_SAGA_")}
    assert flags <= known


# In step with the code ----------------------------------------------------------------------


def topic_names() -> list[str]:
    return literals("libs/topics/topics.h", r'string_view k\w+ = "([^"]+)"')


def test_names_of_topics():
    for topic in topic_names():
        # Kafka takes dots and underscores too, but not both: their metrics would be one.
        assert re.fullmatch(r"[a-z0-9-]+", topic) and len(f"{topic}-dlt") <= 249
    told = literals("docs/messages.md", r"(?m)^\| `([a-z-]+)` \| [a-z ]+ → ")
    assert told == topic_names()


def test_strimzis_topics_are_those_of_the_code(manifests):
    topics = {name(one): one["spec"] for one in of_kind(manifests, "KafkaTopic")}
    if not topics:
        pytest.skip("this overlay has no Strimzi")
    names = topic_names()
    assert set(topics) == {*names, *(f"{n}-dlt" for n in names), "outbox-relay-state"}
    hours = {n: 24 * 7 for n in names} | {f"{n}-dlt": 24 * 30 for n in names}
    for topic, kept in hours.items():
        assert topics[topic]["partitions"] == 12
        assert topics[topic]["config"]["retention.ms"] == kept * 3_600_000
    assert topics["outbox-relay-state"]["config"]["cleanup.policy"] == "compact"
    assert topics["outbox-relay-state"]["partitions"] == 1


def test_only_the_relay_writes_to_kafka(manifests):
    users = {name(one): one["spec"]["authorization"]["acls"] for one in of_kind(manifests, "KafkaUser")}
    if not users:
        pytest.skip("this overlay has no Strimzi")
    topics = {name(one) for one in of_kind(manifests, "KafkaTopic")}
    assert set(users) == {*PROGRAMS, "outbox-relay"}
    for user, acls in users.items():
        of_topics = [acl for acl in acls if acl["resource"]["type"] == "topic"]
        assert any("Write" in acl["operations"] for acl in of_topics) == (user == "outbox-relay")
        for acl in of_topics:
            assert acl["resource"]["name"] in topics, user
    pattern = r'\{k(\w+), "[\w-]*", "([\w-]+)"\}'
    named = dict(literals("libs/topics/topics.h", r'string_view k(\w+) = "([^"]+)"'))
    for topic, consumer in literals("libs/topics/topics.h", pattern):
        assert {"type": "topic", "name": named[topic], "patternType": "literal"} in [
            acl["resource"] for acl in users[consumer]
        ], f"{consumer} may not read {named[topic]}"


def test_cloudnative_pgs_roles_are_those_of_create_databases(manifests):
    clusters = of_kind(manifests, "Cluster")
    if not clusters:
        pytest.skip("this overlay has no CloudNativePG")
    text = (DEPLOY / "postgres" / "create_databases.sql").read_text()
    array = text[text.index("ARRAY['lock_timeout") : text.index("]) AS setting")]
    settings = [s.replace("''", "'") for s in re.findall(r"'((?:[^']|'')+)'", array)]
    assert len(settings) == 5
    for cluster in clusters:
        role = cluster["spec"]["bootstrap"]["initdb"]["database"]
        sql = cluster["spec"]["bootstrap"]["initdb"]["postInitSQL"]
        assert [f"ALTER ROLE {role} SET {s}" for s in settings] == [s for s in sql if "ALTER" in s]
        assert f"CREATE ROLE {role}_relay LOGIN REPLICATION" in sql
    assert len(clusters) == len(PROGRAMS)


def test_cloudnative_pg_keeps_the_slots_through_a_failover(manifests):
    clusters = of_kind(manifests, "Cluster")
    if not clusters:
        pytest.skip("this overlay has no CloudNativePG")
    for cluster in clusters:
        spec = cluster["spec"]
        major = re.match(r"\d+", spec["imageName"].rpartition(":")[2])
        assert int(major[0]) >= 17  # older ones need an extension for it
        assert spec["instances"] >= 3  # one standby may be away without commits that wait
        assert spec["replicationSlots"]["highAvailability"] == {
            "enabled": True,
            "synchronizeLogicalDecoding": True,
        }
        parameters = spec["postgresql"]["parameters"]
        assert parameters["hot_standby_feedback"] == parameters["sync_replication_slots"] == "on"
        assert "synchronized_standby_slots" not in parameters  # the operator's own
        assert parameters["max_slot_wal_keep_size"]
    (flags,) = (one["data"] for one in of_kind(manifests, "ConfigMap") if "order-saga-" in name(one)
                and "ORDER_SAGA_KAFKA_BROKERS" in one["data"])
    assert flags["ORDER_SAGA_HEAL"] == "table"


def test_every_pod_of_ours_is_scraped(manifests):
    """By a monitor that selects just these, or by annotations with the port that serves /metrics."""
    monitors = of_kind(manifests, "PodMonitor")
    for one in deployments(manifests):
        template = one["spec"]["template"]
        ports = {port["name"]: port["containerPort"] for port in template["spec"]["containers"][0]["ports"]}
        if not monitors:
            annotations = template["metadata"]["annotations"]
            assert annotations["prometheus.io/scrape"] == "true"
            assert annotations["prometheus.io/port"] == str(ports["http"]), name(one)
        for monitor in monitors:
            (endpoint,) = monitor["spec"]["podMetricsEndpoints"]
            assert endpoint["port"] in ports, name(one)
            assert is_selected(monitor["spec"]["selector"], template["metadata"]["labels"]), name(one)
    for monitor in monitors:
        for job in of_kind(manifests, "Job"):
            labels = job["spec"]["template"]["metadata"]["labels"]
            assert not is_selected(monitor["spec"]["selector"], labels), name(job)


def is_selected(selector: dict, labels: dict[str, str]) -> bool:
    assert set(selector) == {"matchExpressions"}
    return all(
        expression["operator"] == "In" and labels.get(expression["key"]) in expression["values"]
        for expression in selector["matchExpressions"]
    )


@pytest.mark.parametrize("script", ["grafana/dashboards.py", "prometheus/prometheus_rule.py"])
def test_what_is_generated_is_up_to_date(script):
    command = [sys.executable, str(DEPLOY / script), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, f"{done.stdout}{done.stderr}: ./dev lint --fix"


def test_the_operator_gets_every_rule(manifests):
    resources = of_kind(manifests, "PrometheusRule")
    if not resources:
        pytest.skip("this overlay has no Prometheus operator")
    files = sorted((DEPLOY / "prometheus" / "rules").glob("*.yml"))
    written = [group for path in files for group in yaml.safe_load(path.read_text())["groups"]]
    assert [group for one in resources for group in one["spec"]["groups"]] == written
    names = [group["name"] for group in written]
    assert len(set(names)) == len(names)  # the operator refuses a name that comes twice


def test_grafanas_sidecar_gets_every_dashboard(manifests):
    if not of_kind(manifests, "PrometheusRule"):
        pytest.skip("this overlay has no Prometheus operator")
    there = {}
    for one in of_kind(manifests, "ConfigMap"):
        if one["metadata"]["labels"].get("grafana_dashboard") == "1":
            there |= one["data"]
            # kubectl keeps what it applies in an annotation, which may have 256 KiB.
            assert len(json.dumps(one)) < 200_000, name(one)
    files = (DEPLOY / "grafana" / "dashboards").glob("*.json")
    assert there == {path.name: path.read_text() for path in files}
