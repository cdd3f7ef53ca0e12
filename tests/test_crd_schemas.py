"""The schemas that `./dev lint` makes of operators' CRDs: strict, and none missing in silence."""

import importlib.util
import json
import os
import textwrap

import pytest

from devtools import lint_manifests

_SPEC = importlib.util.spec_from_file_location(
    "crd_schemas", lint_manifests.KUBERNETES / "crd_schemas.py"
)
crd_schemas = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(crd_schemas)

CRD = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: pots.kitchen.test}
spec:
  group: kitchen.test
  names: {kind: Pot, plural: pots}
  scope: Namespaced
  versions:
    - name: v1
      schema:
        openAPIV3Schema:
          type: object
          properties:
            spec:
              type: object
              required: [litres]
              properties:
                litres: {x-kubernetes-int-or-string: true}
                lid: {type: string, nullable: true}
                labels: {type: object, additionalProperties: {type: string}}
                anything: {type: object, x-kubernetes-preserve-unknown-fields: true}
                steps:
                  type: array
                  items:
                    type: object
                    properties: {minutes: {type: integer}}
                    anyOf: [{required: [minutes]}, {properties: {minutes: {minimum: 1}}}]
    - name: v2
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
"""
POT = """
apiVersion: kitchen.test/v1
kind: Pot
metadata: {name: a, labels: {any: thing}}
spec: {litres: 3, lid: null, labels: {a: b}, anything: {at: all}, steps: [{minutes: 2}]}
"""


@pytest.fixture
def crds(tmp_path):
    folder = tmp_path / "crds"
    folder.mkdir()
    # As an operator is installed: with other resources around.
    (folder / "install.yaml").write_text(f"{CRD}---\nkind: Namespace\nmetadata: {{name: a}}\n---\n")
    return folder


def schema(folder, name: str) -> dict:
    return json.loads((folder / f"{name}.json").read_text())


def test_a_schema_for_each_version(crds, tmp_path):
    assert crd_schemas.write(crds, tmp_path) == ["kitchen.test/pot_v1", "kitchen.test/pot_v2"]


def test_unknown_fields_are_refused_where_the_api_server_drops_them(crds, tmp_path):
    crd_schemas.write(crds, tmp_path)
    pot = schema(tmp_path, "kitchen.test/pot_v1")
    spec = pot["properties"]["spec"]
    fields = spec["properties"]
    assert [one["additionalProperties"] for one in (pot, spec, fields["steps"]["items"])] == [
        False
    ] * 3
    assert fields["labels"]["additionalProperties"] == {"type": "string"}
    assert "additionalProperties" not in fields["anything"]
    assert "additionalProperties" not in schema(tmp_path, "kitchen.test/pot_v2")
    # A case of anyOf names some fields, not all that there are.
    assert fields["steps"]["items"]["anyOf"][1] == {"properties": {"minutes": {"minimum": 1}}}


def test_what_only_kubernetes_has_is_said_in_json_schema(crds, tmp_path):
    crd_schemas.write(crds, tmp_path)
    pot = schema(tmp_path, "kitchen.test/pot_v1")
    assert set(pot["properties"]) == {"apiVersion", "kind", "metadata", "spec"}
    fields = pot["properties"]["spec"]["properties"]
    assert fields["litres"]["anyOf"] == [{"type": "integer"}, {"type": "string"}]
    assert fields["lid"]["type"] == ["string", "null"]


def test_the_list_that_kubectl_gets(tmp_path):
    (tmp_path / "crds.yaml").write_text(
        f"kind: List\nitems:\n- {textwrap.indent(CRD, '  ').strip()}\n"
    )
    assert "kitchen.test/pot_v1" in crd_schemas.write(tmp_path, tmp_path / "made")


def test_lint_says_that_a_folder_has_no_crd(tmp_path, monkeypatch):
    monkeypatch.setenv(lint_manifests.CRDS_VARIABLE, str(tmp_path / "misspelt"))
    with pytest.raises(ValueError, match="names no folder"):
        lint_manifests.schema_locations(tmp_path)
    monkeypatch.setenv(lint_manifests.CRDS_VARIABLE, str(tmp_path))
    with pytest.raises(ValueError, match="has no CustomResourceDefinition"):
        lint_manifests.schema_locations(tmp_path)


def test_with_crds_a_missing_schema_is_an_error(crds, tmp_path, monkeypatch):
    monkeypatch.delenv(lint_manifests.CRDS_VARIABLE, raising=False)
    assert "-ignore-missing-schemas" in lint_manifests.schema_locations(tmp_path)
    monkeypatch.setenv(lint_manifests.CRDS_VARIABLE, str(crds))
    flags = lint_manifests.schema_locations(tmp_path)
    assert "-ignore-missing-schemas" not in flags
    assert flags[-1].startswith(str(tmp_path)) and (tmp_path / "kitchen.test").is_dir()
    monkeypatch.setenv(lint_manifests.CRDS_VARIABLE, "https://schemas.test/{{.ResourceKind}}.json")
    assert lint_manifests.schema_locations(tmp_path)[-1] == os.environ[lint_manifests.CRDS_VARIABLE]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (("", ""), ""),
        (("lid: null", "lids: null"), "additional"),
        (("minutes: 2", "minutes: two"), "integer"),
        (("litres: 3, ", ""), "litres"),
        (("kind: Pot", "kind: Pan"), "could not find schema for Pan"),
    ],
)
def test_kubeconform_reads_them(crds, tmp_path, monkeypatch, change, complaint):
    if not lint_manifests.is_there("kubeconform"):
        pytest.skip("kubeconform is not on the PATH")
    monkeypatch.setenv(
        lint_manifests.SCHEMAS_VARIABLE, f"{tmp_path}/none/{{{{.ResourceKind}}}}.json"
    )
    monkeypatch.setenv(lint_manifests.CRDS_VARIABLE, str(crds))
    flags = lint_manifests.schema_locations(tmp_path)
    found = lint_manifests.kubeconform("test", POT.replace(*change), flags)
    assert complaint in found and bool(found) == bool(complaint)
