"""`--write` makes the Prometheus operator's PrometheusRule of rules/*.yml, `--check` says whether it is up to date.

kustomize takes files into ConfigMaps only, so the resource is a copy: the rules are written once, here.
"""

import sys
from pathlib import Path

RULES = Path(__file__).parent / "rules"
COMPONENT = Path(__file__).parents[1] / "kubernetes" / "components" / "prometheus-operator"
RESOURCE = COMPONENT / "prometheus-rule.yaml"

_HEAD = """\
# Made of deploy/prometheus/rules/*.yml; `./dev lint --fix` makes it anew.
# The label is the one that kube-prometheus-stack looks for: as with the PodMonitor, patch it in the overlay.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: order-saga
  labels: {release: prometheus}
spec:
  groups:
"""


def resource() -> str:
    parts = [_HEAD]
    for path in sorted(RULES.glob("*.yml")):
        about, found, groups = path.read_text().partition("groups:\n")
        if not found or any(line and not line.startswith("#") for line in about.splitlines()):
            raise ValueError(f"{path.name}: comments, then groups, and nothing else")
        parts.append(_indented(f"# {path.name}\n{about}", 4) + _indented(groups, 2))
    return "".join(parts)


def main() -> int:
    wanted = resource()
    if sys.argv[1:] == ["--write"]:
        RESOURCE.write_text(wanted)
        return 0
    if RESOURCE.exists() and RESOURCE.read_text() == wanted:
        return 0
    print(f"{RESOURCE.name} is not what deploy/prometheus/rules says")
    return 1


def _indented(text: str, width: int) -> str:
    lines = text.rstrip("\n").split("\n")
    return "".join(" " * width + line + "\n" if line else "\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main())
