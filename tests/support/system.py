"""The five real programs for one test, with databases and topics of their own.

    def test_order(system):
        system.ensure_goods()
        order = system.place(user_id=1, lines={1: 4})
        assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
        assert system.get_order(order.order_id).status == "APPROVED"

Every program may be killed and started again: system.kill9("relay"), system.start("relay").
"""

import subprocess
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType

import grpc
import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from psycopg.rows import dict_row

from devtools import postgres, programs
from devtools.parallel import together
from tests.support import protos
from tests.support.deadline import wait_until

TOPICS = (
    "order-to-product-product-stock",
    "product-to-order-product-stock",
    "order-to-customer-validation",
    "customer-to-order-customer-validation",
    "order-to-kitchen-status",
    "kitchen-to-order-kitchen-status",
    "order-to-test",
)
ENDED = ("COMPLETED", "COMPENSATED")
CURRENCY = "KRW"


@dataclass
class OrderView:
    """An order as a test wants to read it."""

    order_id: str
    tx_id: str
    status: str
    reason: str
    total: int
    version: int


@dataclass
class SagaView:
    """A saga's state by name, e.g. COMPENSATED."""

    tx_id: str
    state: str
    step: str
    reason: str
    events: list = field(default_factory=list)


class System:
    """See the module. Made by the fixtures `system` and `make_system`."""

    def __init__(self, deployment: programs.Deployment):
        self.deployment = deployment
        self._channels: list[grpc.Channel] = []
        self.order = self._stub("order-service", "OrderService")
        self.product = self._stub("product-service", "ProductService")
        self.customer = self._stub("customer-service", "CustomerService")
        self.kitchen = self._stub("kitchen-service", "KitchenService")
        admin = self.channel(deployment.admin_address())
        self.admin = protos.services("saga/v1/admin").SagaAdminServiceStub(admin)

    def start_all(self) -> None:
        """Migrates, starts all five and waits until they are ready."""
        self.deployment.prepare()
        for program in programs.ALL:
            self.deployment.start(program.name)
        together(*(lambda p=p: self.deployment.wait_ready(p.name) for p in programs.ALL))

    def start(self, name: str, *, wait: bool = True) -> None:
        """Starts a program that was stopped or killed: "relay", "order-service", …"""
        self.deployment.start(name)
        if wait:
            self.deployment.wait_ready(name)

    def stop(self, name: str, *, seconds: float = 20) -> int:
        """SIGTERM, and the exit code; fails if the program does not drain and end by itself."""
        child = self.deployment.children[programs.find(name).name]
        child.terminate()
        try:
            return child.wait(seconds)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"{name} did not end within {seconds:g} s of SIGTERM") from None

    def kill9(self, name: str) -> None:
        self.deployment.kill9(name)

    def close(self) -> None:
        """Ends everything at once, and drops the databases with their slots, and the topics."""
        for channel in self._channels:
            channel.close()
        remove(self.deployment)

    def ensure_goods(
        self,
        products: dict[int, int] | None = None,
        customers: dict[int, int] | None = None,
        *,
        price: int = 1_000,
    ) -> None:
        """Creates products {id: available} at one price, and customers {id: credit limit}."""
        product = protos.messages("product/v1/product_service")
        customer = protos.messages("customer/v1/customer_service")
        for product_id, available in (products or {123: 1_000_000, 124: 1_000_000}).items():
            self.product.CreateProduct(
                product.CreateProductRequest(
                    product_id=product_id,
                    name=f"Product {product_id}",
                    unit_price=self.money(price),
                    available=available,
                )
            )
        for user_id, limit in (customers or {1234: 1_000_000_000_000}).items():
            self.customer.CreateCustomer(
                customer.CreateCustomerRequest(
                    user_id=user_id, name=f"Customer {user_id}", credit_limit=self.money(limit)
                )
            )

    def place(
        self,
        *,
        user_id: int = 1234,
        lines: dict[int, int],
        request_id: str = "",
        wait_seconds: float = 0,
    ) -> OrderView:
        """CreateOrder with {product id: amount}; answers as soon as it is committed."""
        request = self.create_order_request(
            user_id=user_id, lines=lines, request_id=request_id, wait_seconds=wait_seconds
        )
        return self.place_request(request)

    def create_order_request(
        self,
        *,
        user_id: int = 1234,
        lines: dict[int, int],
        request_id: str = "",
        wait_seconds: float = 0,
    ):
        order = self.messages("order")
        request = order.CreateOrderRequest(
            user_id=user_id,
            order_products=[
                order.OrderProduct(product_id=product, amount=amount)
                for product, amount in lines.items()
            ],
            request_id=request_id,
        )
        if wait_seconds:
            request.wait_timeout.FromMilliseconds(round(wait_seconds * 1000))
        return request

    def place_request(self, request) -> OrderView:
        return self._order_view(self.order.CreateOrder(request, timeout=30).order)

    def get_order(self, order_id: str) -> OrderView:
        request = self.messages("order").GetOrderRequest(order_id=order_id)
        return self._order_view(self.order.GetOrder(request, timeout=10).order)

    def get_saga(self, tx_id: str) -> SagaView:
        admin = protos.messages("saga/v1/admin")
        saga = self.admin.GetSaga(admin.GetSagaRequest(tx_id=tx_id), timeout=10).saga
        state = admin.Saga.State.Name(saga.state)
        return SagaView(saga.tx_id, state, saga.step, saga.reason, list(saga.events))

    def wait_saga_end(self, tx_id: str, *, seconds: float = 60) -> SagaView:
        """The saga's end, which may come after the order's: settle and compensation go on."""
        last: list[SagaView] = []

        def ended() -> SagaView | None:
            last[:] = [self.get_saga(tx_id)]
            return last[0] if last[0].state in ENDED else None

        return wait_until(ended, lambda: f"the end of saga {tx_id}; it is {last}", seconds=seconds)

    def sql(self, database: str, statement: str, parameters: tuple = ()) -> list[dict]:
        """Rows as dicts, as superuser. `database` is the service's role: "order_service"."""
        with self.connect(database) as connection:
            cursor = connection.cursor(row_factory=dict_row).execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    def connect(self, database: str, user: str = postgres.SUPERUSER) -> psycopg.Connection:
        """A connection of the test's own, in autocommit. `database` as for sql()."""
        service = next(s for s in programs.SERVICES if s.role == database)
        conninfo = self.deployment.cluster.conninfo(self.deployment.database(service), user)
        return psycopg.connect(conninfo, autocommit=True)

    def stock(self, product_id: int) -> tuple[int, int, int]:
        """(available, reserved, consumed)"""
        request = protos.messages("product/v1/product_service").GetProductRequest(
            product_id=product_id
        )
        product = self.product.GetProduct(request, timeout=10).product
        return product.available, product.reserved, product.consumed

    def credit(self, user_id: int) -> tuple[int, int]:
        """(held, charged)"""
        request = protos.messages("customer/v1/customer_service").GetCustomerRequest(
            user_id=user_id
        )
        customer = self.customer.GetCustomer(request, timeout=10).customer
        return customer.held_minor_units, customer.charged_minor_units

    def topic(self, name: str) -> str:
        """The topic's name on this broker."""
        return self.deployment.topic_prefix + name

    @property
    def kafka(self) -> str:
        return self.deployment.kafka

    @staticmethod
    def messages(service: str) -> ModuleType:
        """The messages of a service's RPCs: messages("order").CreateOrderRequest"""
        return protos.messages(f"{service}/v1/{service}_service")

    @staticmethod
    def money(minor_units: int):
        money = protos.messages("money/v1/money").Money
        return money(currency_code=CURRENCY, minor_units=minor_units)

    def _order_view(self, order) -> OrderView:
        status = self.messages("order").Order.Status.Name(order.status)
        return OrderView(
            order.order_id,
            order.tx_id,
            status,
            order.reason,
            order.total.minor_units,
            order.version,
        )

    def _stub(self, program: str, service: str):
        short = program.split("-")[0]
        module = protos.services(f"{short}/v1/{short}_service")
        return getattr(module, f"{service}Stub")(
            self.channel(self.deployment.grpc_address(program))
        )

    def channel(self, address: str) -> grpc.Channel:
        """Closed with the system."""
        # A program that is killed and started again must be found again at once.
        options = [
            ("grpc.max_reconnect_backoff_ms", 200),
            ("grpc.initial_reconnect_backoff_ms", 50),
        ]
        channel = grpc.insecure_channel(address, options=options)
        self._channels.append(channel)
        return channel


def remove(deployment: programs.Deployment) -> None:
    """Kills the programs, and drops their topics, and their databases with their slots."""
    for program in programs.ALL:
        deployment.kill9(program.name)
    if not deployment.cluster.is_ready():
        return  # the test's own server, which it has stopped

    def drop(name: str) -> None:
        wait_until(lambda: _drop_slots(deployment, name), f"the slots of {name} stay active")
        deployment.cluster.sql(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    # At once: each waits for a checkpoint, which they share.
    together(
        lambda: _delete_topics(deployment),
        *(lambda s=s: drop(deployment.database(s)) for s in programs.SERVICES),
    )


def _delete_topics(deployment: programs.Deployment) -> None:
    """They would cost the shared broker 168 partitions a system."""
    client = AdminClient({"bootstrap.servers": deployment.kafka})
    prefix = deployment.topic_prefix
    try:
        names = [n for n in client.list_topics(timeout=10).topics if n.startswith(prefix)]
    except KafkaException:
        return  # the test's own broker, which it has stopped
    if names:
        for done in client.delete_topics(names).values():
            done.result(timeout=30)


def _drop_slots(deployment: programs.Deployment, database: str) -> bool:
    """True once the database has no slot; one whose relay has just died is active for a moment."""
    deployment.cluster.sql(
        "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
        f"WHERE database = '{database}' AND NOT active"
    )
    left = f"SELECT count(*) FROM pg_replication_slots WHERE database = '{database}'"
    return deployment.cluster.sql(left) == "0"


def make_deployment(
    cluster: postgres.Cluster, kafka: str, binaries: Path, folder: Path, **more
) -> programs.Deployment:
    """With databases and topics of its own; nothing exists yet. See remove()."""
    name = uuid.uuid4().hex[:8]
    return programs.Deployment(
        binaries=binaries,
        folder=folder / name,
        cluster=cluster,
        kafka=kafka,
        listeners=programs.free_listeners(),
        database_suffix=f"_{name}",
        topic_prefix=f"t{name}-",
        **more,
    )


def make(
    cluster: postgres.Cluster,
    kafka: str,
    binaries: Path,
    folder: Path,
    flags: dict[str, list[str]],
) -> System:
    """A system that is not started yet."""
    return System(make_deployment(cluster, kafka, binaries, folder, flags=flags))
