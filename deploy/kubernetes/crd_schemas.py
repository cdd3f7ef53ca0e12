"""`crd_schemas.py FROM TO`: kubeconform's schemas, strict, of the CRDs that a folder has.

FROM has the YAML or JSON files that `kubectl apply` installs an operator's resources with, or what
`kubectl get crd -o yaml` prints; everything else in them is passed over. TO gets
GROUP/KIND_VERSION.json. A field that a schema does not know is refused: the API server would drop
it, and say nothing.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import yaml

# What every resource has, and no CRD describes.
_OF_ALL = {
    "apiVersion": {"type": "string"},
    "kind": {"type": "string"},
    "metadata": {"type": "object"},
}


def write(source: Path, target: Path) -> list[str]:
    """Answers what it has written, such as "kafka.strimzi.io/kafkatopic_v1"."""
    written = []
    for definition in _definitions(source):
        spec = definition["spec"]
        for version in spec["versions"]:
            name = f"{spec['group']}/{spec['names']['kind'].lower()}_{version['name']}"
            schema = strict(version["schema"]["openAPIV3Schema"])
            schema["properties"] = schema.get("properties", {}) | _OF_ALL
            path = target / f"{name}.json"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(schema))
            written.append(name)
    return sorted(written)


def strict(schema: dict) -> dict:
    """As JSON schema. What stands in anyOf, allOf, oneOf and not has no fields of its own."""
    made = dict(schema)
    if made.get("x-kubernetes-int-or-string"):
        made.pop("type", None)
        made.setdefault("anyOf", [{"type": "integer"}, {"type": "string"}])
    if "properties" in made:
        made["properties"] = {name: strict(one) for name, one in made["properties"].items()}
    if made.get("type") == "object" and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    if made.get("x-kubernetes-embedded-resource"):
        made["properties"] = made.get("properties", {}) | _OF_ALL
    if isinstance(made.get("additionalProperties"), dict):
        made["additionalProperties"] = strict(made["additionalProperties"])
    if "items" in made:
        made["items"] = strict(made["items"])
    if made.get("nullable") and "type" in made:
        made["type"] = [made["type"], "null"]
    return made


def _definitions(folder: Path) -> Iterator[dict]:
    paths = (path for ending in ("yaml", "yml", "json") for path in folder.rglob(f"*.{ending}"))
    for path in sorted(paths):
        for document in yaml.safe_load_all(path.read_text()):
            items = document.get("items", [document]) if isinstance(document, dict) else []
            yield from (one for one in items if one.get("kind") == "CustomResourceDefinition")


def main() -> int:
    source, target = map(Path, sys.argv[1:])
    if not write(source, target):
        print(f"{source} has no CustomResourceDefinition in any .yaml, .yml or .json")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
