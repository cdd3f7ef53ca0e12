"""Who may talk to whom, by the network policies of each overlay: these edges, and no other."""

from dataclasses import dataclass, field

OURS = "order-saga"
SERVICES = ["order-service", "product-service", "customer-service", "kitchen-service"]
JOBS = [f"{service}-migrate" for service in SERVICES]
NAME = "app.kubernetes.io/name"
SCRAPED = [*SERVICES, "outbox-relay", "lag-exporter"]


@dataclass
class Pod:
    name: str
    labels: dict[str, str]
    ports: dict[str, int] = field(default_factory=dict)
    namespace: str = OURS


# Others' pods, of other namespaces.
CLIENT = Pod("client", {"order-saga/client": "true"}, namespace="shop")
PROMETHEUS = Pod("prometheus", {NAME: "prometheus"}, namespace="monitoring")
DNS = Pod("dns", {}, {"dns": 53}, namespace="kube-system")
STRANGER = Pod("stranger", {}, {"any": 80}, namespace="elsewhere")
# What the operators make.
BROKER = Pod(
    "kafka", {"strimzi.io/cluster": "order-saga", "strimzi.io/kind": "Kafka"}, {"tls": 9093}
)
INSTANCE = Pod(
    "postgres",
    {"cnpg.io/cluster": "order-database", "cnpg.io/podRole": "instance"},
    {"postgres": 5432, "status": 8000},
)
OPERATOR = Pod("cnpg-operator", {NAME: "cloudnative-pg"}, namespace="cnpg-system")


def pods_of(manifests: list[dict]) -> list[Pod]:
    found = [CLIENT, PROMETHEUS, DNS, STRANGER]
    for one in manifests:
        if one["kind"] in ("Deployment", "StatefulSet", "Job"):
            template = one["spec"]["template"]
            labels = template["metadata"]["labels"]
            ports = template["spec"]["containers"][0].get("ports", [])
            numbers = {port["name"]: port["containerPort"] for port in ports}
            found.append(Pod(labels[NAME], labels, numbers))
    kinds = {one["kind"] for one in manifests}
    return found + [BROKER] * ("Kafka" in kinds) + [INSTANCE, OPERATOR] * ("Cluster" in kinds)


def policies_of(manifests: list[dict]) -> list[dict]:
    found = [one["spec"] for one in manifests if one["kind"] == "NetworkPolicy"]
    for one in manifests:
        if one["kind"] == "Kafka":  # Strimzi makes one of each listener's peers
            (listener,) = one["spec"]["kafka"]["listeners"]
            brokers = {"matchLabels": BROKER.labels}
            peers = [*listener["networkPolicyPeers"], {"podSelector": brokers}]
            rule = {"from": peers, "ports": [{"port": listener["port"]}]}
            found.append({"podSelector": brokers, "policyTypes": ["Ingress"], "ingress": [rule]})
    return found


def selects(selector: dict, labels: dict[str, str]) -> bool:
    def holds(expression: dict) -> bool:
        value = labels.get(expression["key"])
        if expression["operator"] == "Exists":
            return value is not None
        assert expression["operator"] == "In"
        return value in expression["values"]

    wanted = selector.get("matchLabels", {}).items()
    return wanted <= labels.items() and all(map(holds, selector.get("matchExpressions", [])))


def is_peer(peer: dict, pod: Pod) -> bool:
    if "namespaceSelector" in peer:
        namespace = {"kubernetes.io/metadata.name": pod.namespace}
        if not selects(peer["namespaceSelector"], namespace):
            return False
    elif pod.namespace != OURS:
        return False
    return selects(peer.get("podSelector", {}), pod.labels)


def allows(policies: list[dict], direction: str, own: Pod, other: Pod, to: Pod, port: str) -> bool:
    """For the pod `own`, towards or from `other`, at a port of `to`."""
    if own.namespace != OURS:
        return True
    mine = [p for p in policies if selects(p["podSelector"], own.labels)]
    mine = [p for p in mine if direction in p["policyTypes"]]
    assert mine, f"{own.name} is open: {direction}"
    for rule in (rule for p in mine for rule in p.get(direction.lower()) or []):
        peers, ports = rule.get("from" if direction == "Ingress" else "to"), rule.get("ports")
        if peers is None or any(is_peer(peer, other) for peer in peers):
            if ports is None or any(one["port"] in (port, to.ports[port]) for one in ports):
                return True
    return False


def test_these_edges_and_no_other(manifests):
    pods, policies = pods_of(manifests), policies_of(manifests)
    edges = {
        (source.name, target.name, port)
        for source in pods
        for target in pods
        for port in target.ports
        if OURS in (source.namespace, target.namespace)
        and allows(policies, "Egress", source, target, target, port)
        and allows(policies, "Ingress", target, source, target, port)
    }
    wanted = {("client", service, "grpc") for service in SERVICES}
    wanted |= {("prometheus", program, "http") for program in SCRAPED}
    wanted |= {(pod.name, "dns", "dns") for pod in pods if pod.namespace == OURS}
    wanted |= {(program, "postgres", "postgres") for program in [*SCRAPED, *JOBS]}
    if BROKER in pods:
        wanted |= {(one, "kafka", "tls") for one in [*SERVICES, "outbox-relay", "kafka"]}
        # Peers of the listener, who have no way out to it.
        assert not {("lag-exporter", "kafka", "tls"), (JOBS[0], "kafka", "tls")} & edges
    else:
        wanted |= {(one, "kafka", "kafka") for one in [*SERVICES, "outbox-relay", "kafka"]}
    if INSTANCE in pods:
        itself = {(one, "postgres", port) for one in ("postgres", "cnpg-operator") for port in INSTANCE.ports}
        # What the operators' pods need of the world cannot be known, so their way out is open.
        wanted |= itself | {(one, "stranger", "any") for one in ("postgres", "kafka")}
    assert edges == wanted
