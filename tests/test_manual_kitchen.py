"""A kitchen that answers by hand: orders that stay PENDING until somebody decides."""

import grpc
import pytest

from tests.support.deadline import wait_until
from tests.support.errors import error_info
from tests.support.shop import PLENTY, PRICE, Shop

SYSTEM_FLAGS = {"kitchen-service": ["--acceptance=manual"]}


@pytest.fixture
def shop(system):
    return Shop(system)


@pytest.fixture
def kitchen(system):
    return Kitchen(system)


class Kitchen:
    """The people in the kitchen."""

    def __init__(self, system):
        self._stub = system.kitchen
        self._messages = system.messages("kitchen")

    def wait_ticket(self, order_id: str):
        """The order's ticket, once it is there."""
        request = self._messages.ListTicketsRequest(page_size=500)

        def ticket():
            listed = self._stub.ListTickets(request, timeout=10).tickets
            return next((t for t in listed if t.order_id == order_id), None)

        return wait_until(ticket, f"a ticket for order {order_id}")

    def accept(self, ticket):
        request = self._messages.AcceptTicketRequest(ticket_id=ticket.ticket_id)
        return self._stub.AcceptTicket(request, timeout=10).ticket

    def reject(self, ticket, message: str = ""):
        request = self._messages.RejectTicketRequest(ticket_id=ticket.ticket_id, message=message)
        return self._stub.RejectTicket(request, timeout=10).ticket

    def state(self, ticket) -> str:
        request = self._messages.GetTicketRequest(ticket_id=ticket.ticket_id)
        ticket = self._stub.GetTicket(request, timeout=10).ticket
        return self._messages.Ticket.State.Name(ticket.state)


def watch(system, order, after_version: int = 0):
    request = system.messages("order").WatchOrderRequest(
        order_id=order.order_id, after_version=after_version
    )
    return system.order.WatchOrder(request, timeout=60)


def status_of(system, answer) -> tuple[str, int]:
    status = system.messages("order").Order.Status.Name(answer.order.status)
    return status, answer.order.version


def test_a_ticket_is_accepted(system, shop, kitchen):
    order = system.place(user_id=shop.rich, lines={shop.plenty: 4})
    ticket = kitchen.wait_ticket(order.order_id)
    assert [(line.product_id, line.amount) for line in ticket.lines] == [(shop.plenty, 4)]
    assert ticket.tx_id == order.tx_id
    assert kitchen.state(ticket) == "PENDING"
    assert system.get_order(order.order_id).status == "PENDING"
    assert system.stock(shop.plenty) == (PLENTY - 4, 4, 0)
    assert system.credit(shop.rich) == (4 * PRICE, 0)

    kitchen.accept(ticket)
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
    assert system.get_order(order.order_id).status == "APPROVED"
    assert system.stock(shop.plenty) == (PLENTY - 4, 0, 4)
    assert system.credit(shop.rich) == (0, 4 * PRICE)


def test_a_ticket_is_rejected(system, shop, kitchen):
    order = system.place(user_id=shop.rich, lines={shop.plenty: 4})
    ticket = kitchen.wait_ticket(order.order_id)
    kitchen.reject(ticket, "the oven is broken")
    saga = system.wait_saga_end(order.tx_id)
    assert (saga.state, saga.reason) == ("COMPENSATED", "KITCHEN_REJECTED")
    request = system.messages("order").GetOrderRequest(order_id=order.order_id)
    rejected = system.order.GetOrder(request).order
    assert (rejected.reason, rejected.message) == ("KITCHEN_REJECTED", "the oven is broken")
    assert system.stock(shop.plenty) == (PLENTY, 0, 0)
    assert system.credit(shop.rich) == (0, 0)
    assert kitchen.state(ticket) == "REJECTED"


def test_a_decided_ticket_stays_decided(system, shop, kitchen):
    order = system.place(user_id=shop.rich, lines={shop.plenty: 1})
    ticket = kitchen.wait_ticket(order.order_id)
    kitchen.accept(ticket)
    with pytest.raises(grpc.RpcError) as refused:
        kitchen.reject(ticket)
    assert refused.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert error_info(refused.value).reason
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
    assert kitchen.state(ticket) == "ACCEPTED"


def test_a_watcher_sees_each_state_and_then_the_end(system, shop, kitchen):
    order = system.place(user_id=shop.rich, lines={shop.plenty: 1})
    watching = watch(system, order)
    assert status_of(system, next(watching)) == ("PENDING", 1)
    kitchen.accept(kitchen.wait_ticket(order.order_id))
    assert status_of(system, next(watching)) == ("APPROVED", 2)
    assert list(watching) == []
    assert watching.code() == grpc.StatusCode.OK


def test_a_watcher_that_comes_back_misses_and_repeats_nothing(system, shop, kitchen):
    order = system.place(user_id=shop.rich, lines={shop.plenty: 1})
    first = watch(system, order)
    assert status_of(system, next(first)) == ("PENDING", 1)
    first.cancel()
    kitchen.accept(kitchen.wait_ticket(order.order_id))
    assert [status_of(system, a) for a in watch(system, order, 1)] == [("APPROVED", 2)]
    assert [status_of(system, a) for a in watch(system, order, 2)] == []
    assert [status_of(system, a) for a in watch(system, order)] == [("APPROVED", 2)]


def test_an_order_that_takes_longer_than_wait_timeout_is_answered_as_it_is(system, shop, kitchen):
    order = system.place(user_id=shop.rich, lines={shop.plenty: 1}, wait_seconds=0.3)
    assert order.status == "PENDING"
    kitchen.accept(kitchen.wait_ticket(order.order_id))
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"


def test_watching_what_is_not_there(system):
    with pytest.raises(grpc.RpcError) as refused:
        next(
            system.order.WatchOrder(
                system.messages("order").WatchOrderRequest(
                    order_id="018f0000-0000-7000-8000-000000000000"
                )
            )
        )
    assert refused.value.code() == grpc.StatusCode.NOT_FOUND
    assert error_info(refused.value).reason == "ORDER_NOT_FOUND"
