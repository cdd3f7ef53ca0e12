"""A cluster, by kubectl alone."""

import json
import re
import subprocess
import threading
import time
from collections.abc import Callable

from devtools.processes import Failed


class Kubectl:
    """One namespace of whatever cluster kubectl points at."""

    def __init__(self, command: str, namespace: str):
        self.command = command.split()
        self.namespace = namespace

    def run(self, *arguments: str, may_fail: bool = False, timeout_seconds: float = 600) -> str:
        command = [*self.command, "--namespace", self.namespace, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_seconds)
        if done.returncode != 0 and not may_fail:
            raise Failed(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def get(self, kind: str, *arguments: str) -> list[dict]:
        return json.loads(self.run("get", kind, *arguments, "--output=json"))["items"]

    def names(self, kind: str) -> list[str]:
        return sorted(one["metadata"]["name"] for one in self.get(kind))

    def pods(self, app: str, *, ready: bool = False) -> list[dict]:
        """Those that nobody has asked to go, the oldest first."""
        found = self.get("pods", f"--selector=app.kubernetes.io/name={app}")
        alive = [p for p in found if "deletionTimestamp" not in p["metadata"]]
        alive = [p for p in alive if not ready or is_ready(p)]
        return sorted(alive, key=lambda p: p["metadata"]["creationTimestamp"])

    def wait_rolled_out(self, deployment: str, *, deadline_seconds: int = 300) -> None:
        self.run("rollout", "status", f"deployment/{deployment}", f"--timeout={deadline_seconds}s")

    def restarts(self) -> dict[str, int]:
        """Restarts of each pod's containers, init containers too."""
        found = {}
        for pod in self.get("pods"):
            status = pod["status"]
            containers = status.get("containerStatuses", []) + status.get("initContainerStatuses", [])
            found[pod["metadata"]["name"]] = sum(c["restartCount"] for c in containers)
        return found

    def forward(self, target: str, port: int) -> "Forward":
        return Forward(self, target, port)


class Forward:
    """`kubectl port-forward` while it is entered; `address` is where it listens here."""

    def __init__(self, kubectl: Kubectl, target: str, port: int):
        self.target = target
        command = [*kubectl.command, "--namespace", kubectl.namespace, "port-forward", target]
        self._process = subprocess.Popen(
            [*command, f":{port}"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        found = re.search(r"127\.0\.0\.1:(\d+)", line)
        if not found:
            self.close()
            raise Failed(f"kubectl port-forward {target} {port}: {line.strip()}")
        self.address = f"127.0.0.1:{found[1]}"
        # It says a line for each connection: read, or it would stop when the pipe is full.
        threading.Thread(target=self._process.stdout.read, daemon=True).start()

    def __enter__(self) -> "Forward":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def is_ready(pod: dict) -> bool:
    conditions = pod["status"].get("conditions", [])
    return any(c["type"] == "Ready" and c["status"] == "True" for c in conditions)


def name(one: dict) -> str:
    return one["metadata"]["name"]


def wait_until(condition: Callable[[], bool], what: str, *, deadline_seconds: float = 180) -> None:
    deadline = time.monotonic() + deadline_seconds
    while not condition():
        if time.monotonic() > deadline:
            raise Failed(f"Not within {deadline_seconds:.0f} s: {what}")
        time.sleep(0.5)
