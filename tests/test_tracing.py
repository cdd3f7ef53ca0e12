"""One order is followed by one trace id, from the caller's metadata through everybody's log."""

import re

import pytest

from devtools import programs
from tests.support import kafka_log
from tests.support.deadline import wait_until
from tests.support.shop import Shop
from tests.test_messages import SAGA_TOPICS

TRACE_ID, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{PARENT}-01"
TRACESTATE = "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"
DEBUG = ["--log_level=debug"]
SYSTEM_FLAGS = {program.name: DEBUG for program in programs.ALL}
_FIELD = re.compile(r' (\w+)=("[^"]*"|\S+)')
# A line of each, at least, for an order that is approved: who says what, and how often.
EXPECTED = {
    "order-service": {"order taken": 1, "saga ended": 1},
    "product-service": {"command done": 2},  # ReserveStock, ConfirmStock
    "customer-service": {"command done": 2},  # ValidateCustomer, CaptureCredit
    "kitchen-service": {"command done": 1},
    "outbox-relay": {"event goes to Kafka": 10},
}


def lines_of(system, trace_id: str) -> dict[str, list[dict]]:
    """By program, the lines with that trace id: their fields, and the text before as `msg`."""
    found: dict[str, list[dict]] = {}
    for program in programs.ALL:
        found[program.name] = []
        for line in system.deployment.log(program.name).read_text(errors="replace").splitlines():
            if f" trace_id={trace_id}" in line:
                fields = {key: text.strip('"') for key, text in _FIELD.findall(line)}
                fields["msg"] = line.partition(f" {program.name}: ")[2].partition("=")[0]
                fields["msg"] = fields["msg"].rpartition(" ")[0]
                fields["level"] = line.split()[1]
                found[program.name].append(fields)
    return found


def place(system, request, *metadata: tuple[str, str]):
    return system.order.CreateOrder(request, timeout=30, metadata=metadata).order


def test_one_order_in_everybodys_log(system):
    shop = Shop(system)
    order = place(
        system,
        shop.request(lines={shop.plenty: 3}),
        ("traceparent", TRACEPARENT),
        ("tracestate", TRACESTATE),
    )
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"

    def counts() -> dict[str, dict[str, int]]:
        found = lines_of(system, TRACE_ID)
        return {
            name: {
                message: sum(line["msg"] == message for line in found[name]) for message in wanted
            }
            for name, wanted in EXPECTED.items()
        }

    def complete() -> bool:
        """What is sent again after a lost connection has its lines again."""
        found = counts()
        return all(found[name][m] >= n for name, some in EXPECTED.items() for m, n in some.items())

    wait_until(complete, lambda: f"{counts()}")
    for name, lines in lines_of(system, TRACE_ID).items():
        for line in lines:
            assert line.get("tx_id", line.get("key")) == order.tx_id, (name, line)


def test_tracestate_goes_with_it(system):
    shop = Shop(system)
    order = place(
        system,
        shop.request(),
        ("traceparent", TRACEPARENT.replace("0af7", "0af8")),
        ("tracestate", TRACESTATE.split(",")[0]),
        ("tracestate", TRACESTATE.split(",")[1]),
    )
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
    topics = [system.topic(name) for name in SAGA_TOPICS]
    records = [r for r in kafka_log.read_to_end(system.kafka, *topics) if r.key == order.tx_id]
    assert [record.headers["tracestate"] for record in records] == [TRACESTATE] * 10


@pytest.mark.parametrize(
    "metadata",
    [
        [("tracestate", TRACESTATE)],  # of nobody
        [("traceparent", "nonsense"), ("tracestate", TRACESTATE)],
        [("traceparent", TRACEPARENT), ("tracestate", "a=" + "x" * 511)],
    ],
)
def test_a_tracestate_that_counts_for_nothing(system, metadata):
    shop = Shop(system)
    order = place(system, shop.request(), *metadata)
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
    topics = [system.topic(name) for name in SAGA_TOPICS]
    records = [r for r in kafka_log.read_to_end(system.kafka, *topics) if r.key == order.tx_id]
    assert len(records) == 10
    assert not any("tracestate" in record.headers for record in records)


def test_a_refusal_can_be_found_by_its_trace(system):
    trace_id = TRACE_ID.replace("0af7", "0af9")
    shop = Shop(system)
    order = place(
        system,
        shop.request(lines={shop.plenty: 101}),
        ("traceparent", f"00-{trace_id}-{PARENT}-01"),
    )
    assert system.wait_saga_end(order.tx_id).state == "COMPENSATED"
    (refusal,) = (
        line
        for line in lines_of(system, trace_id)["kitchen-service"]
        if line["msg"] == "command refused"
    )
    assert (refusal["outcome"], refusal["level"]) == ("KITCHEN_REJECTED", "INFO")


def test_an_accepted_ticket_goes_on_with_the_orders_trace(make_system):
    """The answer comes from a person, later: what it belongs to was kept with the ticket."""
    flags = {name: list(value) for name, value in SYSTEM_FLAGS.items()}
    flags["kitchen-service"] = [*DEBUG, "--acceptance=manual"]
    system = make_system(flags=flags)
    shop = Shop(system)
    order = place(system, shop.request(), ("traceparent", TRACEPARENT), ("tracestate", TRACESTATE))
    kitchen = system.messages("kitchen")
    pending = kitchen.ListTicketsRequest()
    (ticket,) = wait_until(
        lambda: list(system.kitchen.ListTickets(pending, timeout=10).tickets), "a ticket"
    )
    system.kitchen.AcceptTicket(kitchen.AcceptTicketRequest(ticket_id=ticket.ticket_id), timeout=10)
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
    topic = system.topic("kitchen-to-order-kitchen-status")
    (reply,) = (r for r in kafka_log.read_to_end(system.kafka, topic) if r.key == order.tx_id)
    assert (reply.headers["traceparent"], reply.headers["tracestate"]) == (TRACEPARENT, TRACESTATE)
