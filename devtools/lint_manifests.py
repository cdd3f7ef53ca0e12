"""The manifests of deploy/, for `./dev lint`: they build, have the right form, and are sound.

kustomize (or kubectl), kubeconform and kube-score are taken from the PATH. What is missing is named.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from devtools import console, folders

KUBERNETES = folders.ROOT / "deploy" / "kubernetes"
# The oldest Kubernetes that has everything that the manifests use (preStop: sleep).
KUBERNETES_VERSION = "1.34.0"
# A folder or URL with schemas, in kubeconform's notation, where GitHub cannot be reached.
SCHEMAS_VARIABLE = "ORDER_SAGA_KUBERNETES_SCHEMAS"
# A folder with the CRDs of the operators, as they are installed; or, with a {{, schemas made of them,
# in kubeconform's notation.
CRDS_VARIABLE = "ORDER_SAGA_CRDS"

_WHERE = {
    "kubeconform": "go install github.com/yannh/kubeconform/cmd/kubeconform@latest",
    "kube-score": "go install github.com/zegl/kube-score/cmd/kube-score@latest",
    "kustomize": "go install sigs.k8s.io/kustomize/kustomize/v5@v5.7.1",
}
# kube-score's opinions that we do not share.
_IGNORED_SCORES = (
    # The images' own user, or the platform's: it must stay patchable.
    "container-security-context-user-group-id",
    # topologySpreadConstraints spread, over nodes and zones.
    "deployment-has-host-podantiaffinity",
    # The relay and the exporter are called by nobody, so ready is what lives.
    "pod-probes-identical",
    # A tag is a version, which is never built twice; a node that has it needs no registry.
    "container-image-pull-policy",
    # The pods of Kafka and Postgres are made by their operators.
    "networkpolicy-targets-pod",
)


def overlays() -> list[str]:
    return sorted(p.parent.name for p in (KUBERNETES / "overlays").glob("*/kustomization.yaml"))


def render(overlay: str) -> str | None:
    """The overlay's manifests; None without kustomize and kubectl. Raises on an error in them."""
    folder = str(KUBERNETES / "overlays" / overlay)
    for command in (["kustomize", "build"], ["kubectl", "kustomize"]):
        if shutil.which(command[0]):
            done = subprocess.run([*command, folder], capture_output=True, text=True)
            if done.returncode != 0:
                raise ValueError(done.stderr.strip())
            return done.stdout
    return None


def check() -> str | None:
    """What is wrong, or nothing; None if nothing could be checked."""
    rendered = {}
    for overlay in overlays():
        try:
            text = render(overlay)
        except ValueError as error:
            return f"overlays/{overlay}: {error}"
        if text is None:
            console.say(
                f"– manifests are not rendered: no kustomize, no kubectl ({_WHERE['kustomize']})"
            )
            return _own_rules() or _compose() or None
        rendered[overlay] = text
    problems = [_own_rules(), _compose()]
    with tempfile.TemporaryDirectory() as folder:
        try:
            locations = schema_locations(Path(folder))
        except ValueError as error:
            return str(error)
        for overlay, text in rendered.items():
            problems += [kubeconform(overlay, text, locations), _kube_score(overlay, text)]
    return "\n".join(problem for problem in problems if problem)


def schema_locations(folder: Path) -> list[str]:
    """kubeconform's flags. `folder` gets the schemas of the CRDs. Raises if there are none."""
    flags = ["-schema-location", os.environ.get(SCHEMAS_VARIABLE) or "default"]
    crds = os.environ.get(CRDS_VARIABLE)
    if not crds:
        # Operators' resources have no schema then: they are counted, and named.
        return [*flags, "-ignore-missing-schemas"]
    if "{{" not in crds:
        if not Path(crds).is_dir():
            raise ValueError(f"{CRDS_VARIABLE} names no folder: {crds}")
        command = [sys.executable, str(KUBERNETES / "crd_schemas.py"), crds, str(folder)]
        done = subprocess.run(command, capture_output=True, text=True)
        if done.returncode != 0:
            raise ValueError(f"{CRDS_VARIABLE}: {done.stdout}{done.stderr}".strip())
        crds = f"{folder}/{{{{.Group}}}}/{{{{.ResourceKind}}}}_{{{{.ResourceAPIVersion}}}}.json"
    return [*flags, "-schema-location", crds]


def _own_rules() -> str:
    command = [sys.executable, "-m", "pytest", "-q", "--no-header"]
    command += [f"tests/test_{name}.py" for name in ("manifests", "network_policies", "compose")]
    done = subprocess.run(command, cwd=folders.ROOT, capture_output=True, text=True)
    return "" if done.returncode == 0 else f"\n{done.stdout}"


def _compose() -> str:
    command = ["docker", "compose", "-f", str(folders.ROOT / "deploy" / "compose.yaml")]
    if not shutil.which("docker") or subprocess.run(
        [*command[:2], "version"], capture_output=True
    ).returncode:
        console.say("  deploy/compose.yaml is not read by Docker: there is no `docker compose`")
        return ""
    done = subprocess.run([*command, "config", "--quiet"], capture_output=True, text=True)
    return "" if done.returncode == 0 else f"deploy/compose.yaml: {done.stderr.strip()}"


def kubeconform(overlay: str, text: str, locations: list[str]) -> str:
    if not is_there("kubeconform"):
        return ""
    command = ["kubeconform", "-strict", "-summary", "-verbose", *locations]
    command += ["-kubernetes-version", KUBERNETES_VERSION]
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    skipped = sorted({_kind(line) for line in done.stdout.splitlines() if "skipped" in line})
    if skipped:
        console.say(
            f"  overlays/{overlay}: kubeconform has no schema for {', '.join(skipped)} "
            f"(see {CRDS_VARIABLE} in CONTRIBUTING.md)"
        )
    if done.returncode == 0:
        return ""
    wrong = [line for line in done.stdout.splitlines() if not line.endswith((" is valid", " skipped"))]
    return f"overlays/{overlay}: kubeconform:\n" + "\n".join(wrong)


def _kind(line: str) -> str:
    """Of "stdin - order-to-test KafkaTopic skipped"."""
    return line.split()[-2]


def _kube_score(overlay: str, text: str) -> str:
    if not is_there("kube-score"):
        return ""
    command = ["kube-score", "score", "--output-format=ci", "--kubernetes-version=v1.34"]
    command += [f"--ignore-test={name}" for name in _IGNORED_SCORES]
    done = subprocess.run([*command, "-"], input=text, capture_output=True, text=True)
    bad = [x for x in done.stdout.splitlines() if x.startswith(("[CRITICAL]", "[WARNING]"))]
    return f"overlays/{overlay}: kube-score:\n" + "\n".join(bad) if bad else ""


def is_there(tool: str) -> bool:
    if shutil.which(tool):
        return True
    console.say(f"  {tool} is not run: it is not on the PATH ({_WHERE[tool]})")
    return False
