"""What travels on Kafka, as another program sees it: docs/messages.md."""

import json
import re
import time
import uuid

import pytest
from google.protobuf import json_format

from devtools import metrics
from tests.support import kafka_log, protos
from tests.support.deadline import wait_until
from tests.support.kafka_log import java_partition
from tests.support.shop import PRICE, Shop
from tests.support.uuid7 import uuid7

SAGA_TOPICS = {
    "order-to-product-product-stock": ("/order-service", ["ReserveStock", "ConfirmStock"]),
    "product-to-order-product-stock": (
        "/product-service",
        ["ReserveStockReply", "ConfirmStockReply"],
    ),
    "order-to-customer-validation": ("/order-service", ["ValidateCustomer", "CaptureCredit"]),
    "customer-to-order-customer-validation": (
        "/customer-service",
        ["ValidateCustomerReply", "CaptureCreditReply"],
    ),
    "order-to-kitchen-status": ("/order-service", ["CreateTicket"]),
    "kitchen-to-order-kitchen-status": ("/kitchen-service", ["CreateTicketReply"]),
}
RFC_3339 = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z"
TRACE = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"


def envelope_of(record) -> object:
    envelope = protos.messages("saga/v1/envelope").Envelope()
    if record.headers["content-type"].startswith("application/json"):
        json_format.Parse(record.value, envelope)
    else:
        envelope.ParseFromString(record.value)
    return envelope


def place(system, trace: str | None = None):
    """An approved order of its own shop, whose saga has ended."""
    shop = Shop(system)
    metadata = [("traceparent", trace)] if trace else []
    order = system.order.CreateOrder(
        shop.request(lines={shop.plenty: 3}), timeout=30, metadata=metadata
    ).order
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
    return shop, order


def messages_of(system, tx_id: str) -> dict[str, list]:
    """By topic, in their order."""
    names = [system.topic(name) for name in SAGA_TOPICS]
    found = [r for r in kafka_log.read_to_end(system.kafka, *names) if r.key == tx_id]
    return {name: [r for r in found if r.topic == system.topic(name)] for name in SAGA_TOPICS}


@pytest.mark.parametrize(
    ("key", "hash_"), [("21", -973932308), ("foobar", -790332482), ("abc", 479470107)]
)
def test_our_murmur2_is_kafkas(key, hash_):
    """Values of Kafka's UtilsTest.testMurmur2."""
    assert java_partition(key, 12) == (hash_ & 0x7FFFFFFF) % 12


def test_each_message_of_a_saga(system):
    before = time.time()
    shop, order = place(system)
    ids = []
    for topic, records in messages_of(system, order.tx_id).items():
        source, commands = SAGA_TOPICS[topic]
        package = topic.split("-")[2 if source == "/order-service" else 0]
        types = [f"{package}.v1.{command}" for command in commands]
        assert [record.headers["eventType"] for record in records] == types, topic
        assert len({record.partition for record in records}) == 1
        for record in records:
            headers = record.headers
            ids.append(headers["id"])
            message_id = uuid.UUID(headers["id"])
            assert message_id.version == 7
            assert before - 5 < (message_id.int >> 80) / 1000 < time.time() + 5
            assert headers["ce_id"] == headers["id"]
            assert headers["ce_specversion"] == "1.0"
            assert headers["ce_type"] == headers["eventType"]
            assert headers["ce_source"] == source
            assert headers["ce_subject"] == order.tx_id
            assert re.fullmatch(RFC_3339, headers["ce_time"]), headers["ce_time"]
            assert headers["content-type"] == "application/protobuf"
            assert re.fullmatch("00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", headers["traceparent"])
            envelope = envelope_of(record)
            assert (envelope.target, envelope.tx_id) == ("ORDER_CREATION", order.tx_id)
            assert envelope.status == envelope.APPROVED
            body = getattr(envelope, envelope.WhichOneof("body"))
            assert body.DESCRIPTOR.full_name == headers["eventType"]
    assert len(ids) == len(set(ids)) == 10
    assert shop


def test_what_the_messages_say(system):
    shop, order = place(system)
    by_type = {
        record.headers["eventType"]: envelope_of(record)
        for records in messages_of(system, order.tx_id).values()
        for record in records
    }
    reserve = by_type["product.v1.ReserveStock"]
    assert reserve.step == "product-stock"
    assert reserve.reserve_stock.order_id == order.order_id
    lines = reserve.reserve_stock.lines
    assert [(line.product_id, line.amount) for line in lines] == [(shop.plenty, 3)]
    bill = by_type["product.v1.ReserveStockReply"].reserve_stock_reply.bill
    assert (bill.total.currency_code, bill.total.minor_units) == ("KRW", 3 * PRICE)
    validate = by_type["customer.v1.ValidateCustomer"].validate_customer
    assert (validate.user_id, validate.total) == (shop.rich, bill.total)
    for command, reply in [(r, by_type.get(t + "Reply")) for t, r in by_type.items()]:
        if reply:  # a reply names the command that it answers
            assert (reply.command_id, reply.step) == (command.command_id, command.step)
            assert reply.attempt == command.attempt == 1


def test_the_key_chooses_the_partition_that_java_would(system):
    _, order = place(system)
    topic = system.topic("order-to-product-product-stock")
    partitions = kafka_log.partitions(system.kafka, topic)
    assert partitions == 12
    expected = java_partition(order.tx_id, partitions)
    for records in messages_of(system, order.tx_id).values():
        assert {record.partition for record in records} == {expected}


def test_the_callers_trace_goes_all_the_way(system):
    _, order = place(system, TRACE)
    traces = [
        record.headers["traceparent"]
        for records in messages_of(system, order.tx_id).values()
        for record in records
    ]
    assert traces == [TRACE] * 10


def test_a_rejected_order_is_undone_by_messages_with_status_rejected(system):
    shop = Shop(system)
    order = system.place_request(shop.request(lines={shop.plenty: 101}))
    assert system.wait_saga_end(order.tx_id).state == "COMPENSATED"
    found = messages_of(system, order.tx_id)
    stock = [envelope_of(record) for record in found["order-to-product-product-stock"]]
    assert [e.Status.Name(e.status) for e in stock] == ["APPROVED", "REJECTED"]
    assert stock[1].WhichOneof("body") == "release_stock"
    (refusal,) = (envelope_of(record) for record in found["kitchen-to-order-kitchen-status"])
    assert refusal.status == refusal.REJECTED
    assert refusal.outcome == "KITCHEN_REJECTED"
    assert refusal.message


@pytest.mark.parametrize("content_type", ["application/protobuf", "application/json"])
def test_a_command_of_a_newer_release_is_understood(system, content_type):
    """Fields that nobody here knows yet are no reason to refuse a message."""
    _, order = place(system)
    commands, replies = "order-to-product-product-stock", "product-to-order-product-stock"
    command = envelope_of(messages_of(system, order.tx_id)[commands][0])
    command.tx_id, command.command_id = str(uuid.uuid4()), str(uuid.uuid4())
    if content_type == "application/json":
        fields = json_format.MessageToDict(command)
        body = fields["reserveStock"] | {"gift": True}
        value = json.dumps(fields | {"priority": "high", "reserveStock": body}).encode()
    else:
        value = command.SerializeToString() + b"\x9a\x06\x04high"  # field 99, a string
    kafka_log.produce(
        system.kafka,
        system.topic(commands),
        value,
        key=command.tx_id,
        headers={"id": uuid7(), "content-type": content_type},
    )

    def reply() -> list:
        records = kafka_log.read_to_end(system.kafka, system.topic(replies))
        return [record for record in records if record.key == command.tx_id]

    (answer,) = wait_until(reply, "product-service answers")
    assert json_format.MessageToDict(envelope_of(answer))["status"] == "APPROVED"


def test_canaries_of_all_services_arrive(system):
    topic = system.topic("order-to-test")
    services = {f"{name}-service" for name in ("order", "product", "customer", "kitchen")}

    def canaries() -> list:
        return [
            record
            for record in kafka_log.read_to_end(system.kafka, topic)
            if record.headers["eventType"] == "saga.v1.Canary"
        ]

    wait_until(lambda: {c.key for c in canaries()} == services, "a canary of each service")
    for record in canaries():
        canary = protos.messages("saga/v1/canary").Canary.FromString(record.value)
        assert record.key == canary.service
        assert record.headers["ce_source"] == f"/{canary.service}"

    def ages() -> dict[str, float]:
        text = metrics.get(system.deployment.http_address("order-service"), "/metrics")[1]
        return {
            labels["service"]: value
            for name, labels, value in metrics.parse(text)
            if name == "outbox_canary_age_seconds"
        }

    wait_until(
        lambda: ages().keys() == services and max(ages().values()) < 3,
        lambda: f"fresh canaries of all services: {ages()}",
    )


def test_json_messages(make_system):
    json_flag = ["--message_format=json"]
    system = make_system(
        flags={f"{name}-service": json_flag for name in ("order", "product", "customer", "kitchen")}
    )
    shop, order = place(system, TRACE)
    found = messages_of(system, order.tx_id)
    assert sum(map(len, found.values())) == 10
    for records in found.values():
        for record in records:
            assert record.headers["content-type"] == "application/json"
            assert record.headers["traceparent"] == TRACE
            assert envelope_of(record).tx_id == order.tx_id
    (reserve, _) = found["order-to-product-product-stock"]
    assert b'"txId"' in reserve.value, "JSON has the names of the seed"
    assert system.stock(shop.plenty)[2] == 3
