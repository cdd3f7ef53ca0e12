"""Goods and customers of one test, orders that end in each way, and the books that must balance."""

import random
from collections import Counter

from tests.support.deadline import wait_until
from tests.support.system import ENDED, OrderView, System

PRICE = 1_000
PLENTY, SCARCE = 1_000_000, 20
RICH_LIMIT, POOR_LIMIT = 1_000_000_000, 10 * PRICE

# What each reservation, hold and ticket must have come to, by the order's status.
_LEFT_OVER = {
    "product_service": ("reservations", "CONFIRMED", ("RELEASED", "REFUSED")),
    "customer_service": ("credit_holds", "CAPTURED", ("RELEASED", "REFUSED")),
    "kitchen_service": ("tickets", "ACCEPTED", ("REJECTED", "CANCELLED")),
}


class Shop:
    """Ids of its own, so that tests which share a system do not meet."""

    def __init__(self, system: System):
        self.system = system
        first = random.randrange(10_000, 1_000_000_000)
        self.stock = {first: PLENTY, first + 1: SCARCE}
        self.limits = {first: RICH_LIMIT, first + 1: POOR_LIMIT}
        self.plenty, self.scarce = self.stock
        self.rich, self.poor = self.limits
        self.nobody = self.nothing = first + 2
        system.ensure_goods(self.stock, self.limits, price=PRICE)

    def request(self, *, user: int | None = None, lines: dict[int, int] | None = None):
        return self.system.create_order_request(
            user_id=user or self.rich, lines=lines or {self.plenty: 1}
        )

    def mixed_requests(self, count: int) -> list:
        """Most are approved; of each ten, some meet each reason to be rejected."""
        kinds = [
            {},
            {"lines": {self.plenty: 3, self.scarce: 1}},
            {"user": self.poor, "lines": {self.plenty: 1}},
            {},
            {"lines": {self.plenty: 101}},
            {"lines": {self.plenty: 2}},
            {"lines": {self.plenty: 1, self.nothing: 1}},
            {"lines": {self.plenty: 1, self.scarce: 2}},
            {"user": self.nobody},
            {"lines": {self.plenty: 7}},
        ]
        return [self.request(**kinds[number % len(kinds)]) for number in range(count)]

    def wait_sagas_end(self, orders: list[OrderView], *, seconds: float = 90) -> None:
        """Looks at the books on the way too: they balance at every moment."""
        tx_ids = [order.tx_id for order in orders]

        def running() -> list[dict]:
            return self.system.sql(
                "order_service",
                "SELECT tx_id, state, step, parked FROM sagas "
                "WHERE tx_id = ANY(%s::uuid[]) AND state NOT IN (3, 4) LIMIT 5",
                (tx_ids,),
            )

        def none_runs() -> bool:
            self.check_snapshot()
            return not running()

        wait_until(none_runs, lambda: f"the end of sagas such as {running()}", seconds=seconds)

    def check_snapshot(self) -> None:
        """What holds at every moment, whatever is under way."""
        for row in self._products():
            together = row["available"] + row["reserved"] + row["consumed"]
            assert together == self.stock[row["product_id"]], row
            assert min(row["available"], row["reserved"], row["consumed"]) >= 0, row
        for row in self._customers():
            limit = self.limits[row["user_id"]]
            assert row["held"] >= 0 and row["charged"] >= 0, row
            assert row["held"] + row["charged"] <= limit, row

    def check_books(self, placed: list[OrderView], requests: list) -> Counter:
        """Every saga has ended: nothing is held, and what was sold is what was approved.

        `placed` answers `requests`. Answers how many orders ended with each status and reason.
        """
        self.check_snapshot()
        orders = [self.system.get_order(order.order_id) for order in placed]
        assert len({order.order_id for order in orders}) == len(requests)
        known = {order.order_id for order in orders}
        assert self._order_ids() == known, "orders that nobody was answered"
        for order in orders:
            saga = self.system.get_saga(order.tx_id)
            assert saga.state in ENDED, (saga, order)
            assert (saga.state == "COMPLETED") == (order.status == "APPROVED"), (saga, order)
            assert order.status in ("APPROVED", "REJECTED"), order

        sold, charged = Counter(), Counter()
        for order, request in zip(orders, requests, strict=True):
            if order.status == "APPROVED":
                lines = {line.product_id: line.amount for line in request.order_products}
                assert order.total == sum(lines.values()) * PRICE, order
                sold.update(lines)
                charged[request.user_id] += order.total
        for row in self._products():
            product = row["product_id"]
            assert (row["reserved"], row["consumed"]) == (0, sold[product]), row
        for row in self._customers():
            assert (row["held"], row["charged"]) == (0, charged[row["user_id"]]), row
        self._check_left_over(orders)
        return Counter(order.reason or order.status for order in orders)

    def _check_left_over(self, orders: list[OrderView]) -> None:
        """No reservation, hold or ticket without its order, and none that is still open."""
        for database, (table, sold, free) in _LEFT_OVER.items():
            rows = self.system.sql(
                database,
                f"SELECT tx_id::text, state FROM {table} WHERE tx_id = ANY(%s::uuid[])",
                ([order.tx_id for order in orders],),
            )
            states = {row["tx_id"]: row["state"] for row in rows}
            for order in orders:
                state = states.get(order.tx_id)
                if order.status == "APPROVED":
                    assert state == sold, (table, state, order)
                else:
                    assert state in (None, *free), (table, state, order)

    def _products(self) -> list[dict]:
        return self.system.sql(
            "product_service",
            "SELECT product_id, available, reserved, consumed FROM products "
            "WHERE product_id = ANY(%s)",
            (list(self.stock),),
        )

    def _customers(self) -> list[dict]:
        return self.system.sql(
            "customer_service",
            "SELECT user_id, held_minor AS held, charged_minor AS charged FROM customers "
            "WHERE user_id = ANY(%s)",
            (list(self.limits),),
        )

    def _order_ids(self) -> set[str]:
        users = [*self.limits, self.nobody]
        query = "SELECT order_id::text FROM orders WHERE user_id = ANY(%s)"
        return {row["order_id"] for row in self.system.sql("order_service", query, (users,))}
