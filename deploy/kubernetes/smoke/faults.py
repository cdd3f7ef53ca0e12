"""What is done to the system while the shop orders."""

import subprocess
import time

from devtools import metrics
from devtools.processes import Failed

from .cluster import Kubectl, name, wait_until
from .shop import Shop

DEPLOYMENTS = (
    "order-service",
    "product-service",
    "customer-service",
    "kitchen-service",
    "outbox-relay",
    "lag-exporter",
)
RELAY_PORT, LAG_PORT = 21105, 21106


def rolling_restart(kubectl: Kubectl, shop: Shop) -> str:
    for deployment in DEPLOYMENTS:
        kubectl.run("rollout", "restart", f"deployment/{deployment}")
        kubectl.wait_rolled_out(deployment)
    shop.wait_for_more()
    return f"{len(DEPLOYMENTS)} Deployments"


def drain(kubectl: Kubectl, shop: Shop) -> str:
    """The node with the oldest pod of order-service; what is evicted comes back elsewhere."""
    nodes = [n for n in kubectl.get("nodes") if not n["spec"].get("unschedulable")]
    if len(nodes) < 2:
        return "NOT TRIED: the cluster has one node only"
    node = kubectl.pods("order-service", ready=True)[0]["spec"]["nodeName"]
    try:
        flags = ["--ignore-daemonsets", "--delete-emptydir-data", "--timeout=300s"]
        selector = "--pod-selector=app.kubernetes.io/part-of=order-saga"
        kubectl.run("drain", node, *flags, selector)
        _wait_all_up(kubectl)
        shop.wait_for_more()
    finally:
        kubectl.run("uncordon", node)
    return node


def kill_pods(kubectl: Kubectl, shop: Shop) -> str:
    """Without a grace period: SIGKILL at once, and a new pod."""
    for deployment in DEPLOYMENTS:
        victim = name(kubectl.pods(deployment, ready=True)[0])
        kubectl.run("delete", "pod", victim, "--grace-period=0", "--force", may_fail=True)
    _wait_all_up(kubectl)
    shop.wait_for_more()
    return "one pod of each Deployment"


def kill_containers(kubectl: Kubectl, shop: Shop, kill_command: str) -> str:
    """kill -9 of the process itself: the kubelet starts the container again in its pod."""
    if not kill_command:
        return "NOT TRIED: --kill_command is not given"
    killed = 0
    for app in (*DEPLOYMENTS, "postgres", "kafka"):
        pods = kubectl.pods(app, ready=True)
        if not pods:
            continue  # Postgres and Kafka may be elsewhere
        victim, status = pods[0], pods[0]["status"]["containerStatuses"][0]
        container = status["containerID"].partition("://")[2]
        subprocess.run([*kill_command.split(), container], check=True, timeout=60)
        before = status["restartCount"]
        wait_until(
            lambda: _restart_count(kubectl, app, name(victim)) > before,
            f"{name(victim)} was started again",
        )
        killed += 1
    _wait_all_up(kubectl)
    shop.wait_for_more()
    return f"{killed} containers"


def relay_failover(kubectl: Kubectl, shop: Shop) -> str:
    """The relay that streams most is killed: the other one takes over."""
    active = {
        name(pod): _relay_active(kubectl, name(pod)) for pod in kubectl.pods("outbox-relay")
    }
    # One that does not answer has nan, which is more than nothing to nobody.
    active = {pod: int(sources) for pod, sources in active.items() if sources > 0}
    if not active:
        raise Failed("No relay streams anything")
    victim = max(active, key=lambda pod: active[pod])
    kubectl.run("delete", "pod", victim, "--grace-period=0", "--force", may_fail=True)
    begin = time.monotonic()

    def streamed() -> float:
        # Also those of the pod that takes its place, which may not be ready yet, or not answer.
        others = [name(pod) for pod in kubectl.pods("outbox-relay") if name(pod) != victim]
        active = [_relay_active(kubectl, pod) for pod in others]
        return sum(sources for sources in active if sources > 0)

    wait_until(lambda: streamed() == 4, "all four slots are streamed")
    took = time.monotonic() - begin
    shop.wait_for_more()
    _wait_all_up(kubectl)
    return f"{victim} streamed {active[victim]} of 4; all were streamed again within {took:.1f} s"


def bad_image(kubectl: Kubectl, shop: Shop) -> str:
    """A release that does not start must not take the old one away."""
    deployment = "order-service"
    before = {name(pod) for pod in kubectl.pods(deployment, ready=True)}
    image = kubectl.get("deployments", f"--field-selector=metadata.name={deployment}")[0]["spec"][
        "template"
    ]["spec"]["containers"][0]["image"]
    broken = f"program={image.rpartition(':')[0]}:no-such-version"
    kubectl.run("set", "image", f"deployment/{deployment}", broken)
    try:
        wait_until(lambda: _cannot_start(kubectl, deployment), "the new pod cannot start")
        shop.wait_for_more(10)
        after = {name(pod) for pod in kubectl.pods(deployment, ready=True)}
        if not before <= after:
            raise Failed(f"Of {before} only {after} are ready after a bad image")
    finally:
        kubectl.run("rollout", "undo", f"deployment/{deployment}")
        kubectl.wait_rolled_out(deployment)
    return f"{len(before)} old pods went on serving"


def apply(kubectl: Kubectl, overlay: str) -> None:
    """Until its migrations are done and its Deployments are up."""
    kubectl.run("apply", "--kustomize", overlay)
    for job in kubectl.names("jobs"):
        kubectl.run("wait", "--for=condition=Complete", f"job/{job}", "--timeout=600s")
    for deployment in DEPLOYMENTS:
        kubectl.wait_rolled_out(deployment, deadline_seconds=600)


def upgrade(kubectl: Kubectl, shop: Shop, overlay: str, next_overlay: str) -> str:
    """To another release, and back, with sagas in flight."""
    if not next_overlay:
        return "NOT TRIED: --next_overlay is not given"
    for release in (next_overlay, overlay):
        apply(kubectl, release)
        shop.wait_for_more()
    return f"{next_overlay}, and back"


def outbox_is_published(kubectl: Kubectl) -> str:
    """By the databases' own account nothing waits but what has just come: canaries never end."""
    wait_until(
        lambda: _lag(kubectl, "outbox_oldest_unpublished_age_seconds") < 4,
        "the outboxes are published",
    )
    return "nothing waits in one"


def _relay_active(kubectl: Kubectl, pod: str) -> float:
    """How many sources it streams."""
    return _sum(kubectl, f"pod/{pod}", RELAY_PORT, "outbox_relay_active")


def _lag(kubectl: Kubectl, metric: str) -> float:
    pods = kubectl.pods("lag-exporter", ready=True)
    return _sum(kubectl, f"pod/{name(pods[0])}", LAG_PORT, metric) if pods else float("nan")


def _sum(kubectl: Kubectl, target: str, port: int, metric: str) -> float:
    """nan where nobody answers, which compares as false."""
    try:
        with kubectl.forward(target, port) as forward:
            status, text = metrics.get(forward.address, "/metrics", timeout_seconds=10)
    except Failed:
        return float("nan")
    if status != 200:
        return float("nan")
    return sum(value for what, _, value in metrics.parse(text) if what == metric)


def _restart_count(kubectl: Kubectl, app: str, pod: str) -> int:
    for one in kubectl.pods(app):
        if name(one) == pod and one["status"].get("containerStatuses"):
            return one["status"]["containerStatuses"][0]["restartCount"]
    return 0


def _cannot_start(kubectl: Kubectl, app: str) -> bool:
    reasons = ("ErrImagePull", "ImagePullBackOff", "ErrImageNeverPull", "InvalidImageName")
    for pod in kubectl.pods(app):
        for status in pod["status"].get("containerStatuses", []):
            if status["state"].get("waiting", {}).get("reason") in reasons:
                return True
    return False


def _wait_all_up(kubectl: Kubectl) -> None:
    for deployment in DEPLOYMENTS:
        kubectl.wait_rolled_out(deployment, deadline_seconds=600)
