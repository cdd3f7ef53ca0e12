"""The seed's order: what it needs, placing it, following it, and three orders that go wrong."""

import json
import re
import shlex
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone

from devtools import console, folders, grpcurl, metrics, processes
from devtools.parallel import together
from devtools.processes import Failed
from devtools.programs import ALL, RELAY, SERVICES, Deployment

SEED_ORDER = folders.ROOT / "examples" / "order.json"

CURRENCY = "KRW"
PRODUCTS = {123: ("Bibimbap kit", 9500), 124: ("Kimchi 500 g", 5000)}
STOCK, STOCK_AT_LEAST = 10_000, 1_000
CREDIT, CREDIT_AT_LEAST = 2_000_000_000, 1_000_000_000
POOR_CUSTOMER, POOR_LIMIT = 1235, 1_000

_ENDED = ("COMPLETED", "COMPENSATED")


@dataclass
class Outcome:
    """How the order ended. `approved_ms`: from the order's commit to the decision APPROVED."""

    order_id: str
    status: str
    reason: str
    approved_ms: float | None


def ensure_goods(deployment: Deployment) -> None:
    """Products with stock and customers with credit, however often this was run."""
    products = deployment.grpc_address("product-service")
    customers = deployment.grpc_address("customer-service")
    together(
        *(lambda p=p: _ensure_product(products, p, *PRODUCTS[p]) for p in PRODUCTS),
        lambda: _ensure_customer(customers, 1234, "Kim Cheol-su", CREDIT, CREDIT_AT_LEAST),
        lambda: _ensure_customer(customers, POOR_CUSTOMER, "Lee Young-hee", POOR_LIMIT, 0),
    )


def place_and_follow(deployment: Deployment, *, deadline_seconds: float = 60) -> Outcome:
    """Places examples/order.json word for word and prints its saga until that has ended."""
    address = deployment.grpc_address("order-service")
    console.say(f"\n{shell_command(address, '@')} < examples/order.json")
    answer = grpcurl.call(address, "order.v1.OrderService/CreateOrder", SEED_ORDER.read_text())
    order = answer["order"]
    request = {"orderId": order["orderId"]}
    begin = parse_time(order["createTime"])
    console.say(f"  order {order['orderId']}  tx {order['txId']}  {order['status']}\n")

    approved_ms = None
    for event in _saga_events(deployment, order["txId"], deadline_seconds):
        after_ms = (parse_time(event["eventTime"]) - begin) * 1000
        console.say(f"  {after_ms:8.1f} ms  {describe(event)}")
        if (event["kind"], event.get("step"), event.get("status")) == (
            "REPLY",
            "kitchen-status",
            "APPROVED",
        ):
            approved_ms = approved_ms or after_ms

    order = grpcurl.call(address, "order.v1.OrderService/GetOrder", request)["order"]
    return Outcome(order["orderId"], order["status"], order.get("reason", ""), approved_ms)


def describe(event: dict) -> str:
    """One line about an event of SagaAdminService.GetSaga."""
    arrow = {"COMMAND": "→", "REPLY": "←"}.get(event["kind"], "·")
    words = [event.get("step", "").ljust(20), arrow, event.get("command", "").ljust(17)]
    if event["kind"] != "COMMAND":
        words += [event.get("status", ""), event.get("outcome", ""), event.get("message", "")]
    elif event.get("status") == "REJECTED":
        words.append("(undo)")
    if event["kind"] == "STALE_REPLY":
        words.append("(stale: changes nothing)")
    if event.get("attempt", 1) > 1:
        words.append(f"(attempt {event['attempt']})")
    return " ".join(word for word in words if word).rstrip()


@dataclass
class Lag:
    """What one database has committed and Kafka has not acknowledged; None: nobody says."""

    database: str
    events: float | None
    oldest_seconds: float | None

    def row(self) -> list[str]:
        if self.events is None or self.oldest_seconds is None:
            return [self.database, "not known", "the relay does not say"]
        oldest = f"oldest {self.oldest_seconds * 1000:.0f} ms"
        return [self.database, f"{self.events:.0f} unpublished", oldest]


def outbox_lag(deployment: Deployment) -> list[Lag]:
    """For each database, from the relay's metrics."""
    samples = metrics.parse(metrics.get(deployment.http_address(RELAY.name), "/metrics")[1])

    def value(source: str, name: str) -> float | None:
        return next(
            (v for n, labels, v in samples if (n, labels.get("source")) == (name, source)), None
        )

    return [
        Lag(
            deployment.database(service),
            value(service.name, "outbox_unpublished_events"),
            value(service.name, "outbox_oldest_unpublished_age_seconds"),
        )
        for service in SERVICES
    ]


def settled_outbox_lag(deployment: Deployment, *, patience_seconds: float = 3) -> list[Lag]:
    """outbox_lag() once it speaks of now: a relay that has just started first shows the past."""
    deadline = time.monotonic() + patience_seconds
    while True:
        lags = outbox_lag(deployment)
        if all((lag.oldest_seconds or 0) < 1 for lag in lags) or time.monotonic() > deadline:
            return lags
        processes.pause(0.1)


def commands_to_try(deployment: Deployment) -> list[tuple[str, str]]:
    """What it shows, and the command."""
    address = deployment.grpc_address("order-service")

    def order(user: int, product: int, amount: int) -> str:
        lines = [{"productId": product, "amount": amount}]
        request = {"userId": user, "orderProducts": lines, "waitTimeout": "5s"}
        return shell_command(address, json.dumps(request, separators=(",", ":")))

    return [
        ("Out of stock: rejected by the first step, nothing to undo", order(1234, 124, 1_000_000)),
        ("Over the credit limit: the stock is released again", order(POOR_CUSTOMER, 123, 4)),
        (
            "More than 100 items: the kitchen rejects, credit and stock are released",
            order(1234, 123, 101),
        ),
    ]


def shell_command(address: str, request: str) -> str:
    """A CreateOrder that a person can paste."""
    linked = folders.ROOT / ".cache" / "grpcurl"
    client = ".cache/grpcurl" if linked.exists() else str(grpcurl.path())
    return (
        f"{client} -plaintext -d {shlex.quote(request)} {address} order.v1.OrderService/CreateOrder"
    )


def link_grpcurl() -> None:
    """.cache/grpcurl of the checkout: a short name to type."""
    link = folders.ROOT / ".cache" / "grpcurl"
    link.parent.mkdir(exist_ok=True)
    if link.is_symlink() and link.resolve() != grpcurl.path().resolve():
        link.unlink()
    if not link.exists():
        link.symlink_to(grpcurl.path())


def parse_time(text: str) -> float:
    """Seconds since 1970 of protobuf's JSON form of a Timestamp."""
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?Z", text)
    if not found:
        raise ValueError(f"{text} is no UTC timestamp")
    whole = datetime.fromisoformat(found[1]).replace(tzinfo=timezone.utc)
    return whole.timestamp() + float(found[2] or 0)


def _saga_events(deployment: Deployment, tx_id: str, deadline_seconds: float) -> Iterator[dict]:
    """The saga's events as they come, until it has ended."""
    deadline = time.monotonic() + deadline_seconds
    seen = 0
    while True:
        saga = grpcurl.call(
            deployment.admin_address(), "saga.v1.SagaAdminService/GetSaga", {"txId": tx_id}
        )["saga"]
        events = saga.get("events", [])
        yield from events[seen:]
        seen = len(events)
        if saga["state"] in _ENDED:
            return
        if time.monotonic() > deadline:
            stopped = [p.name for p in ALL if deployment.pid(p.name) is None]
            raise Failed(
                f"The saga did not end within {deadline_seconds:.0f} s: it is {saga['state']} at the "
                f"step {saga.get('step')}"
                + (f"; {' and '.join(stopped)} ended" if stopped else ""),
                fix="Look at ./dev status and the logs of the relay and of that step's service.",
                log=deployment.log(RELAY.name),
            )
        processes.pause(0.02)


def _ensure_product(address: str, product_id: int, name: str, price: int) -> None:
    service = "product.v1.ProductService"
    try:
        product = grpcurl.call(address, f"{service}/GetProduct", {"productId": product_id})[
            "product"
        ]
    except grpcurl.CallFailed as failure:
        _raise_unless_missing(failure)
        money = {"currencyCode": CURRENCY, "minorUnits": price}
        request = {"productId": product_id, "name": name, "unitPrice": money, "available": STOCK}
        grpcurl.call(address, f"{service}/CreateProduct", request)
        return
    available = int(product.get("available", 0))
    if available < STOCK_AT_LEAST:
        request = {"productId": product_id, "delta": STOCK - available}
        grpcurl.call(address, f"{service}/AdjustStock", request)


def _ensure_customer(address: str, user_id: int, name: str, credit: int, at_least: int) -> None:
    service = "customer.v1.CustomerService"
    limit = {"currencyCode": CURRENCY, "minorUnits": credit}
    try:
        customer = grpcurl.call(address, f"{service}/GetCustomer", {"userId": user_id})["customer"]
    except grpcurl.CallFailed as failure:
        _raise_unless_missing(failure)
        grpcurl.call(
            address,
            f"{service}/CreateCustomer",
            {"userId": user_id, "name": name, "creditLimit": limit},
        )
        return
    taken = int(customer.get("heldMinorUnits", 0)) + int(customer.get("chargedMinorUnits", 0))
    free = int(customer["creditLimit"].get("minorUnits", 0)) - taken
    if free < at_least or customer.get("status") != "ACTIVE":
        limit["minorUnits"] = taken + credit
        request = {"userId": user_id, "status": "ACTIVE", "creditLimit": limit}
        grpcurl.call(address, f"{service}/UpdateCustomer", request)


def _raise_unless_missing(failure: grpcurl.CallFailed) -> None:
    if failure.code != "NotFound":
        raise failure
