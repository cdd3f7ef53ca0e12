"""docs/asyncapi.yaml says what the code, the protos and the manifests say."""

import re

import pytest
import yaml

from devtools import folders
from tests.support import kafka_log, protos
from tests.support.shop import Shop

STRIMZI_TOPICS = folders.ROOT / "deploy/kubernetes/components/strimzi/topics.yaml"


@pytest.fixture(scope="module")
def document() -> dict:
    return yaml.safe_load((folders.ROOT / "docs/asyncapi.yaml").read_text())


def names(channel: dict) -> list[str]:
    return [message["$ref"].rpartition("/")[2] for message in channel["messages"].values()]


def test_its_topics_are_those_of_the_code_and_of_the_manifests(document):
    code = (folders.ROOT / "libs/topics/topics.h").read_text()
    partitions = int(re.search(r"kPartitions = (\d+);", code)[1])
    said = {
        channel["address"]: channel["bindings"]["kafka"]["partitions"]
        for channel in document["channels"].values()
    }
    assert said == dict.fromkeys(re.findall(r'"([a-z-]+-to-[a-z-]+)";', code), partitions)
    manifests = {
        (made["spec"].get("topicName") or made["metadata"]["name"]): made["spec"]["partitions"]
        for made in yaml.safe_load_all(STRIMZI_TOPICS.read_text())
    }
    assert said.items() <= manifests.items()
    assert {name.removesuffix("-dlt") for name in manifests} - set(said) <= {"outbox-relay-state"}


def test_its_messages_are_the_bodies_of_an_envelope(document):
    envelope = protos.messages("saga/v1/envelope").Envelope.DESCRIPTOR
    bodies = {field.message_type.full_name for field in envelope.oneofs_by_name["body"].fields}
    canary = protos.messages("saga/v1/canary").Canary.DESCRIPTOR.full_name
    sent = [name for channel in document["channels"].values() for name in names(channel)]
    assert sorted(sent) == sorted(bodies | {canary}), "each on one topic"
    assert set(document["components"]["messages"]) == set(sent)


def test_what_travels_is_what_it_says(system, document):
    shop = Shop(system)
    order = system.order.CreateOrder(shop.request(lines={shop.plenty: 1}), timeout=30).order
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
    headers = document["components"]["schemas"]["headers"]
    for name, channel in document["channels"].items():
        records = kafka_log.read_to_end(system.kafka, system.topic(name))
        assert records, name
        for record in records:
            assert record.headers["eventType"] in names(channel)
            assert set(headers["required"]) <= set(record.headers) <= set(headers["properties"])
