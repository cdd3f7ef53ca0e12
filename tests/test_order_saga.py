"""Orders on their whole way: approved, or rejected with everything undone."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest

from devtools import grpcurl, order_demo
from tests.support.errors import error_info
from tests.support.shop import PLENTY, PRICE, SCARCE, Shop

COMMAND, REPLY = 1, 2
STEPS = [
    ("product-stock", "ReserveStock"),
    ("customer-validation", "ValidateCustomer"),
    ("kitchen-status", "CreateTicket"),
    ("settle", "ConfirmStock"),
    ("settle", "CaptureCredit"),
]


@pytest.fixture
def shop(system):
    return Shop(system)


def steps(saga, kind: int) -> list[tuple[str, str]]:
    return [(event.step, event.command) for event in saga.events if event.kind == kind]


def test_the_seeds_order_by_grpcurl(system, grpcurl_path):
    system.ensure_goods(products={123: 1_000, 124: 1_000}, customers={1234: 100_000}, price=1_500)
    address = system.deployment.grpc_address("order-service")
    answer = grpcurl.call(
        address, "order.v1.OrderService/CreateOrder", order_demo.SEED_ORDER.read_text()
    )["order"]
    assert answer["status"] == "PENDING"
    assert (answer["userId"], answer["version"]) == ("1234", "1")

    saga = system.wait_saga_end(answer["txId"])
    assert saga.state == "COMPLETED"
    order = grpcurl.call(address, "order.v1.OrderService/GetOrder", {"orderId": answer["orderId"]})[
        "order"
    ]
    assert order["status"] == "APPROVED"
    assert order["total"] == {"currencyCode": "KRW", "minorUnits": str(9 * 1_500)}
    assert order["orderProducts"] == json.loads(
        '[{"productId": "123", "amount": "4"}, {"productId": "124", "amount": "5"}]'
    )
    assert system.stock(123) == (996, 0, 4)
    assert system.stock(124) == (995, 0, 5)
    assert system.credit(1234) == (0, 9 * 1_500)

    assert steps(saga, COMMAND) == STEPS
    assert sorted(steps(saga, REPLY)) == sorted(STEPS)
    assert all(event.status == "APPROVED" for event in saga.events if event.kind == REPLY)
    assert all(event.attempt == 1 for event in saga.events)
    assert [e.event_time.ToNanoseconds() for e in saga.events] == sorted(
        e.event_time.ToNanoseconds() for e in saga.events
    )


REJECTIONS = {
    "OUT_OF_STOCK": lambda shop: {"lines": {shop.plenty: 1, shop.scarce: SCARCE + 1}},
    "UNKNOWN_PRODUCT": lambda shop: {"lines": {shop.plenty: 1, shop.nothing: 1}},
    "CUSTOMER_NOT_FOUND": lambda shop: {"user": shop.nobody, "lines": {shop.plenty: 2}},
    "CUSTOMER_BLOCKED": lambda shop: {"lines": {shop.plenty: 2}},
    "CREDIT_LIMIT_EXCEEDED": lambda shop: {"user": shop.poor, "lines": {shop.plenty: 11}},
    "KITCHEN_REJECTED": lambda shop: {"lines": {shop.plenty: 101, shop.scarce: 1}},
}
# The steps that were done before, and are undone, last first.
DOING = ("ReserveStock", "ValidateCustomer", "CreateTicket")
UNDONE = {
    "OUT_OF_STOCK": [],
    "UNKNOWN_PRODUCT": [],
    "CUSTOMER_NOT_FOUND": ["ReleaseStock"],
    "CUSTOMER_BLOCKED": ["ReleaseStock"],
    "CREDIT_LIMIT_EXCEEDED": ["ReleaseStock"],
    "KITCHEN_REJECTED": ["ReleaseCredit", "ReleaseStock"],
}


@pytest.mark.parametrize("reason", REJECTIONS)
def test_a_rejected_order_leaves_everything_as_it_was(system, shop, reason):
    if reason == "CUSTOMER_BLOCKED":
        customer = system.messages("customer")
        system.customer.UpdateCustomer(
            customer.UpdateCustomerRequest(user_id=shop.rich, status=customer.Customer.BLOCKED)
        )
    placed = system.place_request(shop.request(**REJECTIONS[reason](shop)))
    saga = system.wait_saga_end(placed.tx_id)

    assert (saga.state, saga.reason) == ("COMPENSATED", reason)
    order = system.get_order(placed.order_id)
    assert (order.status, order.reason, order.total) == ("REJECTED", reason, 0)
    sent = [e.command for e in saga.events if e.kind == COMMAND]
    assert [command for command in sent if command not in DOING] == UNDONE[reason]
    assert not any(command == "ConfirmStock" for _, command in steps(saga, COMMAND))
    assert system.stock(shop.plenty) == (PLENTY, 0, 0)
    assert system.stock(shop.scarce) == (SCARCE, 0, 0)
    assert system.credit(shop.rich) == (0, 0)
    assert system.credit(shop.poor) == (0, 0)


def test_the_same_product_twice_is_summed(system, shop):
    request = shop.request(lines={shop.plenty: 3, shop.scarce: 1})
    request.order_products.add(product_id=shop.plenty, amount=4)
    placed = system.place_request(request)
    assert system.wait_saga_end(placed.tx_id).state == "COMPLETED"
    assert system.get_order(placed.order_id).total == 8 * PRICE
    assert system.stock(shop.plenty) == (PLENTY - 7, 0, 7)


def test_the_last_of_the_stock_and_of_the_credit_may_be_taken(system, shop):
    all_stock = system.place_request(shop.request(lines={shop.scarce: SCARCE}))
    all_credit = system.place_request(shop.request(user=shop.poor, lines={shop.plenty: 10}))
    assert system.wait_saga_end(all_stock.tx_id).state == "COMPLETED"
    assert system.wait_saga_end(all_credit.tx_id).state == "COMPLETED"
    assert system.stock(shop.scarce) == (0, 0, SCARCE)
    assert system.credit(shop.poor) == (0, 10 * PRICE)
    one_more = system.place_request(shop.request(lines={shop.scarce: 1}))
    assert system.wait_saga_end(one_more.tx_id).reason == "OUT_OF_STOCK"


def test_with_wait_timeout_the_answer_is_the_end(system, shop):
    order = system.place(user_id=shop.rich, lines={shop.plenty: 1}, wait_seconds=30)
    assert (order.status, order.total) == ("APPROVED", PRICE)
    order = system.place(user_id=shop.rich, lines={shop.nothing: 1}, wait_seconds=30)
    assert (order.status, order.reason) == ("REJECTED", "UNKNOWN_PRODUCT")


def test_the_same_request_id_is_the_same_order(system, shop):
    request = shop.request()
    request.request_id = str(uuid.uuid4())
    first = system.place_request(request)
    system.wait_saga_end(first.tx_id)

    again = system.place_request(request)
    assert (again.order_id, again.tx_id) == (first.order_id, first.tx_id)
    assert again.status == "APPROVED", "a repeat answers with the order as it is now"
    request.wait_timeout.FromSeconds(5)
    assert system.place_request(request).order_id == first.order_id, "waiting is no other request"
    assert system.stock(shop.plenty) == (PLENTY - 1, 0, 1)


def test_the_same_request_id_at_the_same_time_is_one_order(system, shop):
    request = shop.request()
    request.request_id = str(uuid.uuid4())
    with ThreadPoolExecutor(32) as callers:
        orders = list(callers.map(lambda _: system.place_request(request), range(64)))
    assert len({(order.order_id, order.tx_id) for order in orders}) == 1
    system.wait_saga_end(orders[0].tx_id)
    shop.check_books(orders[:1], [request])


def test_the_same_request_id_for_another_order_is_refused(system, shop):
    request = shop.request()
    request.request_id = str(uuid.uuid4())
    first = system.place_request(request)
    request.order_products[0].amount = 2
    with pytest.raises(grpc.RpcError) as refused:
        system.place_request(request)
    assert refused.value.code() == grpc.StatusCode.ALREADY_EXISTS
    info = error_info(refused.value)
    assert (info.reason, info.domain) == ("REQUEST_ID_REUSED", "order-saga")
    assert info.metadata["request_id"] == request.request_id
    system.wait_saga_end(first.tx_id)
    assert system.stock(shop.plenty) == (PLENTY - 1, 0, 1)


def test_a_user_sees_all_orders_page_by_page_newest_first(system, shop):
    placed = [system.place_request(shop.request()).order_id for _ in range(7)]
    order = system.messages("order")
    seen, sizes, token = [], [], ""
    while True:
        page = system.order.ListOrders(
            order.ListOrdersRequest(user_id=shop.rich, page_size=3, page_token=token)
        )
        seen += [listed.order_id for listed in page.orders]
        sizes.append(len(page.orders))
        token = page.next_page_token
        if not token:
            break
    assert seen == list(reversed(placed))
    assert sizes == [3, 3, 1]


def test_many_orders_at_once_balance_to_the_unit(system, shop):
    requests = shop.mixed_requests(100)
    with ThreadPoolExecutor(16) as callers:
        orders = list(callers.map(system.place_request, requests))
    shop.wait_sagas_end(orders)
    ends = shop.check_books(orders, requests)
    assert ends["UNKNOWN_PRODUCT"] == ends["KITCHEN_REJECTED"] == ends["CUSTOMER_NOT_FOUND"] == 10
    assert ends["OUT_OF_STOCK"] > 0
    assert ends["APPROVED"] >= 50
