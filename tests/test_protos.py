"""What buf does not ask of proto/: paging, request ids, and what is said of each field."""

import re

import pytest
from google.protobuf import descriptor_pb2

from devtools import folders
from tests.support import protos

FILES = sorted(
    str(path.relative_to(folders.ROOT / "proto").with_suffix(""))
    for path in (folders.ROOT / "proto").rglob("*.proto")
)
READS = ("Get", "List", "Watch", "Describe", "BatchGet")


def methods() -> list:
    found = []
    for file in FILES:
        services = protos.messages(file).DESCRIPTOR.services_by_name.values()
        found += [method for service in services for method in service.methods]
    return found


def test_lists_come_in_pages():
    """AIP-158."""
    lists = [method for method in methods() if method.name.startswith("List")]
    assert len(lists) >= 5
    for method in lists:
        assert {"page_size", "page_token"} <= set(method.input_type.fields_by_name), method.full_name
        assert "next_page_token" in method.output_type.fields_by_name, method.full_name
        answer = descriptor_pb2.DescriptorProto()
        method.output_type.CopyToProto(answer)
        repeated = [f.number for f in answer.field if f.label == f.LABEL_REPEATED]
        assert repeated == [1], method.full_name


def test_changes_can_be_asked_for_again():
    """AIP-155; the id belongs to the call, never to what it makes."""
    for method in methods():
        is_change = not method.name.startswith(READS)
        fields = method.input_type.fields_by_name
        assert ("request_id" in fields) == is_change, method.full_name
        for answer in method.output_type.fields:
            made = answer.message_type.fields_by_name if answer.message_type else {}
            assert "request_id" not in {answer.name, *made}, method.full_name


@pytest.mark.parametrize("file", FILES)
def test_zero_says_nothing_and_moments_end_in_time(file):
    """AIP-126 and 142."""

    def all_of(messages) -> list:
        return [one for m in messages for one in [m, *all_of(m.nested_types)]]

    descriptor = protos.messages(file).DESCRIPTOR
    messages = all_of(descriptor.message_types_by_name.values())
    enums = [*descriptor.enum_types_by_name.values(), *(e for m in messages for e in m.enum_types)]
    for enum in enums:
        assert enum.values_by_number[0].name.endswith("_UNSPECIFIED"), enum.full_name
    for one in (one for message in messages for one in message.fields):
        if one.message_type and one.message_type.full_name == "google.protobuf.Timestamp":
            assert one.name.endswith("_time"), one.full_name


@pytest.mark.parametrize("file", [file for file in FILES if "commands" not in file])
def test_a_request_says_what_it_needs(file):
    """AIP-203: the comment above each field."""
    text = (folders.ROOT / "proto" / f"{file}.proto").read_text()
    for name, body in re.findall(r"^message (\w+Request) \{\n(.*?)^\}", text, re.M | re.S):
        comment = ""
        for line in map(str.strip, body.splitlines()):
            if line.startswith("//"):
                comment += line
            elif line.endswith(";"):
                assert re.search(r"// (REQUIRED|OPTIONAL)\b", comment), f"{name}: {line}"
                comment = ""
