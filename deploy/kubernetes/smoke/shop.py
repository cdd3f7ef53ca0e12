"""A shop with one customer and one product of its own, and a steady load of orders.

Every order has a request_id, and a call that fails is made again with the same one. So in the end
it can be told to the last piece whether anything was lost, or done twice.
"""

import random
import threading
import time
import uuid
from dataclasses import dataclass, field

from devtools import grpcurl
from devtools.processes import Failed

from .cluster import Forward, Kubectl, name, wait_until

PRICE, AMOUNT, CURRENCY = 1_000, 2, "KRW"
PORTS = {"order-service": 21001, "product-service": 21002, "customer-service": 21003}
ADMIN_PORT = 21011
# What a caller cannot mend by calling again.
_FINAL = {"InvalidArgument", "AlreadyExists", "FailedPrecondition", "NotFound", "Unimplemented"}


class Calls:
    """Calls to one service through a port-forward to one of its ready pods; another one if it goes."""

    def __init__(self, kubectl: Kubectl, service: str, port: int):
        self._kubectl, self._service, self._port = kubectl, service, port
        self._forward: Forward | None = None
        self.failed_attempts = 0

    def call(self, method: str, request: dict, *, deadline_seconds: float = 240) -> dict:
        """Again and again until it is answered. Failed if it is not within the deadline."""
        deadline = time.monotonic() + deadline_seconds
        while True:
            try:
                return grpcurl.call(self._address(), method, request)
            except Failed as failure:
                if getattr(failure, "code", "") in _FINAL or time.monotonic() > deadline:
                    raise
                self.failed_attempts += 1
                self.close()
                time.sleep(0.2)

    def close(self) -> None:
        if self._forward:
            self._forward.close()
            self._forward = None

    def _address(self) -> str:
        if self._forward is None:
            pods = self._kubectl.pods(self._service, ready=True)
            if not pods:
                raise Failed(f"no pod of {self._service} is ready")
            chosen = random.choice(pods)
            self._forward = self._kubectl.forward(f"pod/{name(chosen)}", self._port)
        return self._forward.address


@dataclass
class Placed:
    """What the load has done so far."""

    order_ids: set[str] = field(default_factory=set)
    failed_attempts: int = 0
    slowest_seconds: float = 0
    failures: list[str] = field(default_factory=list)


class Shop:
    def __init__(self, kubectl: Kubectl):
        self.kubectl = kubectl
        self.user_id = random.randrange(10**9, 2 * 10**9)
        self.product_id = random.randrange(10**9, 2 * 10**9)
        self.placed = Placed()
        self._calls = {service: Calls(kubectl, service, port) for service, port in PORTS.items()}
        self._stopping = threading.Event()
        self._lock = threading.Lock()  # guards placed
        self._threads: list[threading.Thread] = []

    def open(self) -> None:
        money = {"currencyCode": CURRENCY, "minorUnits": PRICE}
        product = {"productId": self.product_id, "name": "Smoke", "unitPrice": money}
        product |= {"available": 10**6, "requestId": str(uuid.uuid4())}
        self._ask("product-service", "product.v1.ProductService/CreateProduct", product)
        limit = {"currencyCode": CURRENCY, "minorUnits": 10**12}
        customer = {"userId": self.user_id, "name": "Smoke", "creditLimit": limit}
        customer["requestId"] = str(uuid.uuid4())
        self._ask("customer-service", "customer.v1.CustomerService/CreateCustomer", customer)

    def place(self, calls: Calls | None = None, **more: str) -> dict:
        request = {
            "userId": self.user_id,
            "orderProducts": [{"productId": self.product_id, "amount": AMOUNT}],
            "requestId": str(uuid.uuid4()),
            **more,
        }
        calls = calls or self._calls["order-service"]
        order = calls.call("order.v1.OrderService/CreateOrder", request)["order"]
        with self._lock:
            self.placed.order_ids.add(order["orderId"])
        return order

    def start_load(self, customers: int, pause_seconds: float) -> None:
        self._threads = [
            threading.Thread(target=self._order_on, args=[pause_seconds]) for _ in range(customers)
        ]
        for thread in self._threads:
            thread.start()

    def stop_load(self) -> None:
        """The calls under way are made to their end."""
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def count(self) -> int:
        with self._lock:
            return len(self.placed.order_ids)

    def wait_for_more(self, orders: int = 5) -> None:
        """That the load goes on: so many more orders are placed."""
        goal = self.count() + orders
        wait_until(lambda: self.count() >= goal, f"{orders} more orders are placed")

    def check_books(self) -> str:
        """Failed unless every order is approved, once, and stock and credit say the same."""
        what = "every order and its saga have ended"
        wait_until(lambda: not self._unfinished(), what, deadline_seconds=900)
        statuses = self._statuses()
        wrong = {i: s for i, s in statuses.items() if s != "APPROVED"}
        if self.placed.failures or wrong or set(statuses) != self.placed.order_ids:
            raise Failed(
                f"{len(self.placed.failures)} calls failed {self.placed.failures[:3]}, "
                f"{len(self.placed.order_ids - set(statuses))} orders lost, "
                f"{len(set(statuses) - self.placed.order_ids)} orders nobody knows of, "
                f"{len(wrong)} not approved {list(wrong.items())[:3]}"
            )
        stock, credit = self._stock(), self._credit()
        orders = len(statuses)
        want = {"consumed": orders * AMOUNT, "charged": orders * AMOUNT * PRICE}
        have = {"consumed": stock["consumed"], "charged": credit["charged"]}
        if have != want:
            raise Failed(f"The books do not agree for {orders} orders: {have}, not {want}")
        return f"{orders} orders, all approved; {have['consumed']} pieces sold, {have['charged']} charged"

    def close(self) -> None:
        self._stopping.set()
        for calls in self._calls.values():
            calls.close()

    def _order_on(self, pause_seconds: float) -> None:
        calls = Calls(self.kubectl, "order-service", PORTS["order-service"])
        try:
            while not self._stopping.is_set():
                begin = time.monotonic()
                try:
                    self.place(calls)
                except Failed as failure:
                    with self._lock:
                        self.placed.failures.append(str(failure))
                took = time.monotonic() - begin
                with self._lock:
                    self.placed.slowest_seconds = max(self.placed.slowest_seconds, took)
                self._stopping.wait(pause_seconds)
        finally:
            with self._lock:
                self.placed.failed_attempts += calls.failed_attempts
            calls.close()

    def _ask(self, service: str, method: str, request: dict) -> dict:
        return self._calls[service].call(method, request)

    def _statuses(self) -> dict[str, str]:
        """Of all this customer's orders."""
        found, token = {}, ""
        while True:
            request = {"userId": self.user_id, "pageSize": 500, "pageToken": token}
            page = self._ask("order-service", "order.v1.OrderService/ListOrders", request)
            found |= {o["orderId"]: o["status"] for o in page.get("orders", [])}
            token = page.get("nextPageToken", "")
            if not token:
                return found

    def _unfinished(self) -> bool:
        # An approved order's saga goes on until stock and credit are settled.
        return (
            "PENDING" in self._statuses().values()
            or self._stock()["reserved"] != 0
            or self._credit()["held"] != 0
        )

    def _stock(self) -> dict[str, int]:
        request = {"productId": self.product_id}
        found = self._ask("product-service", "product.v1.ProductService/GetProduct", request)
        product = found["product"]
        return {what: int(product.get(what, 0)) for what in ("reserved", "consumed")}

    def _credit(self) -> dict[str, int]:
        request = {"userId": self.user_id}
        found = self._ask("customer-service", "customer.v1.CustomerService/GetCustomer", request)
        customer = found["customer"]
        return {what: int(customer.get(f"{what}MinorUnits", 0)) for what in ("held", "charged")}
