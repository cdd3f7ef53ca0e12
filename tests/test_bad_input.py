"""Input that is wrong: a clear answer or a dead letter, nothing lost, nobody else disturbed."""

import subprocess
import uuid

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from devtools import grpcurl
from tests.support import kafka_log, protos
from tests.support.deadline import wait_until
from tests.support.errors import error_info, violations
from tests.support.shop import PLENTY, Shop
from tests.support.uuid7 import uuid7

CREATE_ORDER = "order.v1.OrderService/CreateOrder"
SERVICES = {
    "order-service": "order.v1.OrderService",
    "product-service": "product.v1.ProductService",
    "customer-service": "customer.v1.CustomerService",
    "kitchen-service": "kitchen.v1.KitchenService",
}


@pytest.fixture(scope="module")
def shop(system):
    return Shop(system)


def run_grpcurl(*arguments: str, stdin: str = "") -> subprocess.CompletedProcess:
    command = [str(grpcurl.path()), "-plaintext", *arguments]
    return subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60)


def assert_orders_go_through(system, shop):
    """Whatever came before, the next one is approved."""
    order = system.place_request(shop.request())
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"


# By gRPC ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("json", "complaint"),
    [
        ('{"userId": 1, "orderProduct": []}', "orderProduct"),
        ('{"userId": "Kim", "orderProducts": []}', "Kim"),
        ('{"userId": 1.5}', "1.5"),
        ('{"userId": 1, "orderProducts": [{"productId": 9223372036854775808}]}', "92233720"),
        ('{"userId": 1', "EOF"),
    ],
)
def test_json_that_is_no_order_is_refused_by_the_client_itself(
    system, grpcurl_path, json, complaint
):
    done = run_grpcurl(
        "-d", "@", system.deployment.grpc_address("order-service"), CREATE_ORDER, stdin=json
    )
    assert done.returncode != 0
    assert complaint in done.stderr


BAD_ORDERS = {
    "no user": ({"user_id": 0}, "user_id", "must be 1 or more"),
    "negative user": ({"user_id": -1}, "user_id", "must be 1 or more"),
    "no products": ({"lines": []}, "order_products", "must name at least one product"),
    "too many products": (
        {"lines": [(i + 1, 1) for i in range(1001)]},
        "order_products",
        "must name at most 1000 products",
    ),
    "no product id": ({"lines": [(0, 1)]}, "order_products[0].product_id", "must be 1 or more"),
    "amount 0": ({"lines": [(1, 1), (2, 0)]}, "order_products[1].amount", "must be 1 to 1000000"),
    "negative": ({"lines": [(1, -5)]}, "order_products[0].amount", "must be 1 to 1000000"),
    "huge": ({"lines": [(1, 2**63 - 1)]}, "order_products[0].amount", "must be 1 to 1000000"),
    "huge together": (
        {"lines": [(1, 600_000), (1, 600_000)]},
        "order_products[1].amount",
        "the same product's amounts must be at most 1000000 together",
    ),
    "request_id": ({"request_id": "42"}, "request_id", "UUID"),
    "wait too long": ({"wait_seconds": 61}, "wait_timeout", "must be 0 to 60 s"),
    "wait backwards": ({"wait_seconds": -1}, "wait_timeout", "must be 0 to 60 s"),
}


@pytest.mark.parametrize("name", BAD_ORDERS)
def test_a_bad_order_names_the_field(system, shop, name):
    given, field, complaint = BAD_ORDERS[name]
    given = {"user_id": shop.rich, "lines": [(shop.plenty, 1)], **given}
    lines = given.pop("lines")
    request = system.create_order_request(lines={}, **given)
    for product, amount in lines:
        request.order_products.add(product_id=product, amount=amount)
    with pytest.raises(grpc.RpcError) as refused:
        system.place_request(request)
    assert refused.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error_info(refused.value).reason == "INVALID_REQUEST"
    found = violations(refused.value)
    assert list(found) == [field]
    assert complaint in found[field]
    assert field in refused.value.details(), "the message alone says it too"


def test_every_fault_of_a_request_is_named_at_once(system):
    request = system.create_order_request(user_id=-1, lines={0: 0}, request_id="x")
    with pytest.raises(grpc.RpcError) as refused:
        system.place_request(request)
    assert set(violations(refused.value)) == {
        "user_id",
        "order_products[0].product_id",
        "order_products[0].amount",
        "request_id",
    }


def test_grpcurl_prints_the_details_readably(system, grpcurl_path):
    done = run_grpcurl(
        "-d",
        '{"userId": 1234, "orderProducts": [{"productId": 123, "amount": 0}]}',
        system.deployment.grpc_address("order-service"),
        CREATE_ORDER,
    )
    assert done.returncode != 0
    assert "Code: InvalidArgument" in done.stderr
    assert '"field": "order_products[0].amount"' in done.stderr
    assert '"reason": "INVALID_REQUEST"' in done.stderr
    assert "base64" not in done.stderr and '"value"' not in done.stderr


def test_a_request_that_is_too_large(system, shop):
    request = shop.request()
    request.request_id = "x" * 5_000_000
    with pytest.raises(grpc.RpcError) as refused:
        system.place_request(request)
    assert refused.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert_orders_go_through(system, shop)


@pytest.mark.parametrize(
    ("method", "request_", "code", "reason"),
    [
        ("GetOrder", {"order_id": "42"}, "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ("GetOrder", {"order_id": str(uuid.UUID(int=7))}, "NOT_FOUND", "ORDER_NOT_FOUND"),
        ("ListOrders", {"page_size": -1}, "INVALID_ARGUMENT", "INVALID_REQUEST"),
        ("ListOrders", {"page_token": "?"}, "INVALID_ARGUMENT", "INVALID_REQUEST"),
    ],
)
def test_bad_questions(system, method, request_, code, reason):
    message = getattr(system.messages("order"), f"{method}Request")(**request_)
    with pytest.raises(grpc.RpcError) as refused:
        getattr(system.order, method)(message, timeout=10)
    assert refused.value.code().name == code
    assert error_info(refused.value).reason == reason


@pytest.mark.parametrize(
    ("service", "method", "request_", "code", "what"),
    [
        ("product", "GetProduct", {"product_id": 404}, "NOT_FOUND", "PRODUCT_NOT_FOUND"),
        ("product", "CreateProduct", {"product_id": -1}, "INVALID_ARGUMENT", "product_id"),
        ("product", "AdjustStock", {"product_id": 1}, "INVALID_ARGUMENT", "delta"),
        ("customer", "GetCustomer", {"user_id": 404}, "NOT_FOUND", "CUSTOMER_NOT_FOUND"),
        ("customer", "CreateCustomer", {"user_id": 5}, "INVALID_ARGUMENT", "name"),
        ("kitchen", "GetTicket", {"ticket_id": "?"}, "INVALID_ARGUMENT", "ticket_id"),
        ("kitchen", "AcceptTicket", {"request_id": "?"}, "INVALID_ARGUMENT", "request_id"),
    ],
)
def test_the_other_services_say_what_is_wrong_too(system, service, method, request_, code, what):
    message = getattr(system.messages(service), f"{method}Request")(**request_)
    with pytest.raises(grpc.RpcError) as refused:
        getattr(getattr(system, service), method)(message, timeout=10)
    assert refused.value.code().name == code, refused.value
    if code == "INVALID_ARGUMENT":
        assert what in violations(refused.value)
    else:
        assert error_info(refused.value).reason == what


def test_taking_away_more_stock_than_there_is(system, shop):
    product = system.messages("product")
    with pytest.raises(grpc.RpcError) as refused:
        system.product.AdjustStock(
            product.AdjustStockRequest(product_id=shop.plenty, delta=-2 * PLENTY)
        )
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error_info(refused.value).reason == "STOCK_WOULD_BE_NEGATIVE"


def test_an_unknown_method(system, grpcurl_path):
    address = system.deployment.grpc_address("order-service")
    done = run_grpcurl("-d", "{}", address, "order.v1.OrderService/DropAllTables")
    assert done.returncode != 0
    assert "DropAllTables" in done.stderr
    channel = system.channel(address)
    with pytest.raises(grpc.RpcError) as refused:
        channel.unary_unary("/order.v1.OrderService/DropAllTables")(b"")
    assert refused.value.code() == grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("program", SERVICES)
def test_reflection_and_health_of_each_service(system, grpcurl_path, program):
    address = system.deployment.grpc_address(program)
    listed = run_grpcurl(address, "list").stdout.split()
    assert SERVICES[program] in listed
    assert "grpc.health.v1.Health" in listed
    assert any(name.startswith("grpc.reflection.") for name in listed)

    health = health_pb2_grpc.HealthStub(system.channel(address))
    for service in ("", SERVICES[program]):
        answer = health.Check(health_pb2.HealthCheckRequest(service=service), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    with pytest.raises(grpc.RpcError) as unknown:
        health.Check(health_pb2.HealthCheckRequest(service="nobody"), timeout=10)
    assert unknown.value.code() == grpc.StatusCode.NOT_FOUND


def test_the_saga_admin_has_a_listener_of_its_own(system, grpcurl_path):
    assert (
        "saga.v1.SagaAdminService" in run_grpcurl(system.deployment.admin_address(), "list").stdout
    )
    calls = run_grpcurl(system.deployment.grpc_address("order-service"), "list").stdout
    assert "saga.v1.SagaAdminService" not in calls


# By Kafka -----------------------------------------------------------------------------------

COMMANDS = "order-to-product-product-stock"
REPLIES = "product-to-order-product-stock"


def envelope(tx_id: str | None = None, **fields):
    message = protos.messages("saga/v1/envelope").Envelope(
        target="ORDER_CREATION",
        tx_id=tx_id or str(uuid.uuid4()),
        step="product-stock",
        command_id=str(uuid.uuid4()),
        attempt=1,
        status="APPROVED",
    )
    message.MergeFrom(type(message)(**fields))
    return message


def dead_letters(system, topic: str) -> list:
    return kafka_log.read_to_end(system.kafka, system.topic(f"{topic}-dlt"))


def letters_of(system, topic: str, origin: tuple[int, int]) -> list:
    """The dead letters of the record at this partition and offset."""
    partition, offset = map(str, origin)
    return [
        letter
        for letter in dead_letters(system, topic)
        if letter.headers["kafka_dlt-original-partition"] == partition
        and letter.headers["kafka_dlt-original-offset"] == offset
    ]


GARBAGE = {
    "no id": (COMMANDS, lambda: (b"whatever", {}), "no id header"),
    "an id that is none": (COMMANDS, lambda: (b"x", {"id": "4711"}), "id header"),
    "random bytes": (
        COMMANDS,
        lambda: (bytes(range(256)) * 8, {"id": uuid7()}),
        "no saga.v1.Envelope",
    ),
    "no payload": (COMMANDS, lambda: (None, {"id": uuid7()}), "null"),
    "another format": (
        COMMANDS,
        lambda: (b"<xml/>", {"id": uuid7(), "content-type": "text/xml"}),
        "unknown content-type text/xml",
    ),
    "broken JSON": (
        REPLIES,
        lambda: (b'{"txId": 1', {"id": uuid7(), "content-type": "application/json"}),
        "no JSON",
    ),
    "no body": (
        COMMANDS,
        lambda: (envelope().SerializeToString(), {"id": uuid7()}),
        "no body",
    ),
    "another service's command": (
        COMMANDS,
        lambda: (envelope(create_ticket={}).SerializeToString(), {"id": uuid7()}),
        "kitchen.v1.CreateTicket is no command for this service",
    ),
    "a tx_id that is none": (
        COMMANDS,
        lambda: (envelope("x", reserve_stock={}).SerializeToString(), {"id": uuid7()}),
        "tx_id",
    ),
    "an unknown tx": (
        REPLIES,
        lambda: (envelope(reserve_stock_reply={}).SerializeToString(), {"id": uuid7()}),
        "saga",
    ),
    "an id from long ago": (
        COMMANDS,
        lambda: (
            envelope(reserve_stock={}).SerializeToString(),
            {"id": "017f22e2-79b0-7cc3-98c4-dc0c0c07398f"},
        ),
        "too old",
    ),
    "huge": (COMMANDS, lambda: (b"\xff" * 900_000, {"id": uuid7()}), "no saga.v1.Envelope"),
}


@pytest.mark.parametrize("name", GARBAGE)
def test_a_message_that_cannot_be_used_becomes_a_dead_letter(system, shop, name):
    topic, make, complaint = GARBAGE[name]
    value, headers = make()
    origin = kafka_log.produce(
        system.kafka, system.topic(topic), value, key="some-key", headers=headers
    )
    (letter,) = wait_until(lambda: letters_of(system, topic, origin), f"a dead letter for {name}")
    assert letter.headers["kafka_dlt-original-topic"] == system.topic(topic)
    assert complaint in letter.headers["kafka_dlt-exception-message"]
    assert (letter.key, letter.value) == ("some-key", value)
    assert_orders_go_through(system, shop)


def test_a_payload_too_large_for_its_dead_letter_is_left_where_it_lies(system, shop):
    value = b"\xff" * 1_000_000
    origin = kafka_log.produce(
        system.kafka, system.topic(COMMANDS), value, key="some-key", headers={"id": uuid7()}
    )
    (letter,) = wait_until(lambda: letters_of(system, COMMANDS, origin), "a dead letter")
    assert letter.headers["kafka_dlt-payload-omitted"] == str(len(value))
    assert not letter.value
    assert_orders_go_through(system, shop)


@pytest.mark.parametrize("key", [None, b"", b"\0", b"\xff\xfe", b"k" * 10_000])
def test_keys_that_no_saga_has(system, shop, key):
    origin = kafka_log.produce(
        system.kafka,
        system.topic(REPLIES),
        b"?",
        key=key,
        headers={"id": uuid7(), "traceparent": b"\xff"},
    )
    wait_until(lambda: letters_of(system, REPLIES, origin), f"a dead letter for key {key}")
    assert_orders_go_through(system, shop)


def test_a_stranger_on_the_canaries_topic(system, shop):
    kafka_log.produce(
        system.kafka, system.topic("order-to-test"), b"\xff\xff", headers={"id": uuid7()}
    )
    wait_until(lambda: dead_letters(system, "order-to-test"), "a dead letter")
    assert_orders_go_through(system, shop)
