"""Orders on their whole way: how many sagas a second, how long one takes, and what they cost.

Method. The system is the release build with its default settings on its own Postgres (fsync on)
and Kafka, everything on this machine.

- Throughput: order_load places orders with 64 callers, each placing its next order when the last
  one is answered. A saga counts when it has ended (COMPLETED: stock and credit settled too), and
  the clock runs from the first call to the last saga's end. All orders are approved; 100 products
  and 1,000 customers take turns.
- Floor: sagas_floor runs the same transactions with the services' own handlers, in the batch sizes
  that the throughput run had on average, on databases of the same schema, in one process: the same
  SQL (the rows are counted), but no gRPC, no Kafka, no relay (which is stopped meanwhile).
  Throughput and floor alternate; medians.
- Latency: one order at a time on the idle system, from the call until WatchOrder tells of the
  approval.
- Stages: means, from /metrics of the programs, over the idle run and over the throughput runs.

    ./dev bench sagas                  3 times 10,000 orders; ORDER_SAGA_BENCH_ORDERS for more
"""

import argparse
import os
import re
import statistics
import time
from pathlib import Path

from bench._system import PRODUCTS, USERS, deployment_of_the_run, run
from devtools import metrics, ports, programs
from tests.support.deadline import wait_until
from tests.support.system import System, remove

WARM_UP, ONE_BY_ONE = 500, 300
ROWS_OF_A_SAGA = {  # what the floor must write too, or it is none
    "order-service": {"orders": 1, "order_products": 2, "saga_log": 10, "outbox": 5},
    "product-service": {
        "reservations": 1,
        "reservation_lines": 2,
        "command_replies": 2,
        "outbox": 2,
    },
    "customer-service": {"credit_holds": 1, "command_replies": 2, "outbox": 2},
    "kitchen-service": {"tickets": 1, "ticket_lines": 2, "command_replies": 1, "outbox": 1},
}
DOORS = {  # whose batches, by sagas_floor's flag
    "reply_batch": "order-service",
    "product_batch": "product-service",
    "customer_batch": "customer-service",
    "kitchen_batch": "kitchen-service",
}


class Snapshot:
    """The metrics and the CPU time of all programs at one moment."""

    def __init__(self, system: System):
        self._samples = {}
        self.cpu_seconds = {}
        # order-service has a second group, for the canaries.
        self.groups = {p.name: system.deployment.topic_prefix + p.name for p in programs.ALL}
        for program in programs.ALL:
            address = system.deployment.http_address(program.name)
            for name, labels, value in metrics.parse(metrics.get(address, "/metrics")[1]):
                self._samples[program.name, name, tuple(sorted(labels.items()))] = value
            self.cpu_seconds[program.name] = cpu_seconds(system.deployment.pid(program.name))
        for name, port in (
            ("Postgres", system.deployment.cluster.port),
            ("Kafka", int(system.kafka.rpartition(":")[2])),
        ):
            self.cpu_seconds[name] = family_cpu_seconds(ports.holder(port).pid)

    def total(self, program: str, name: str, **labels: str) -> float:
        """The sum over all samples of that name that have these labels."""
        return sum(
            value
            for (of, called, has), value in self._samples.items()
            if (of, called) == (program, name) and labels.items() <= dict(has).items()
        )

    def mean_since(self, before: "Snapshot", program: str, histogram: str, **labels: str) -> float:
        def grown(suffix: str) -> float:
            name = histogram + suffix
            return self.total(program, name, **labels) - before.total(program, name, **labels)

        return grown("_sum") / grown("_count") if grown("_count") else 0.0


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def family_cpu_seconds(parent: int) -> float:
    """With its children, those that have ended too."""
    total = cpu_seconds(parent)
    fields = Path(f"/proc/{parent}/stat").read_text().rpartition(")")[2].split()
    total += (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            if stat.read_text().rpartition(")")[2].split()[1] == str(parent):
                total += cpu_seconds(int(stat.parent.name))
        except OSError:
            continue  # it has just ended, and will be counted by its parent
    return total


def peak_mb(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+)", status)[1]) / 1024


def fill(deployment: programs.Deployment) -> None:
    """Goods that never run out, in the databases of a deployment."""
    product, customer = (deployment.database(service) for service in programs.SERVICES[1:3])
    deployment.cluster.sql(
        "INSERT INTO products (product_id, name, unit_price_minor, currency, available) "
        f"SELECT n, 'Product ' || n, 1000, 'KRW', 1e12 FROM generate_series(1, {PRODUCTS}) n",
        product,
    )
    deployment.cluster.sql(
        "INSERT INTO customers (user_id, name, status, credit_limit_minor, currency) "
        f"SELECT n, 'Customer ' || n, 'ACTIVE', 1e14, 'KRW' FROM generate_series(1, {USERS}) n",
        customer,
    )


def check_rows(deployment: programs.Deployment, sagas: int) -> None:
    for service in programs.SERVICES:
        for table, rows in ROWS_OF_A_SAGA[service.name].items():
            canaries = " WHERE aggregatetype <> 'CANARY'" if table == "outbox" else ""
            found = deployment.cluster.sql(
                f"SELECT count(*) FROM {table}{canaries}", deployment.database(service)
            )
            if int(found) != rows * sagas:
                raise SystemExit(f"{service.name}: {found} rows in {table} after {sagas} sagas")


def completed(system: System) -> float:
    text = metrics.get(system.deployment.http_address("order-service"), "/metrics")[1]
    return sum(
        value
        for name, labels, value in metrics.parse(text)
        if name == "saga_finished_total" and labels["outcome"] == "completed"
    )


def place(system: System, orders: int, callers: int) -> tuple[float, dict[str, float]]:
    """Sagas a second, and what order_load says."""
    before = completed(system)
    begin = time.monotonic()
    load = run(
        "order_load",
        address=system.deployment.grpc_address("order-service"),
        orders=orders,
        callers=callers,
        products=PRODUCTS,
        users=USERS,
    )
    wait_until(
        lambda: completed(system) >= before + orders,
        lambda: f"{completed(system) - before:.0f} of {orders} sagas ended",
        seconds=300,
        pause_seconds=0.02,
    )
    return orders / (time.monotonic() - begin), load


def floor(deployment: programs.Deployment, sagas: int, batches: dict[str, int]) -> float:
    """Sagas a second, without what lies between the transactions."""
    databases = {
        f"{service.role.removesuffix('_service')}_database": deployment.cluster.conninfo(
            deployment.database(service), service.role
        )
        for service in programs.SERVICES
    }
    done = run(
        "sagas_floor", sagas=sagas, products=PRODUCTS, users=USERS, **batches, **databases
    )
    return sagas / done["seconds"]


def batch_sizes(before: Snapshot, after: Snapshot) -> dict[str, int]:
    """Calls or messages in a transaction, on average."""
    sizes = {"create_batch": after.mean_since(before, "order-service", "group_commit_calls")}
    for flag, program in DOORS.items():
        group = after.groups[program]
        sizes[flag] = after.mean_since(before, program, "inbox_batch_messages", group=group)
    return {flag: max(1, round(size)) for flag, size in sizes.items()}


def print_stages(suffix: str, before: Snapshot, after: Snapshot) -> None:
    create = after.mean_since(
        before, "order-service", "grpc_server_handling_seconds", grpc_method="CreateOrder"
    )
    print(f"figure create_order_commit_mean_ms{suffix} {create * 1000:.3f} ms")
    for service in programs.SERVICES:
        ack = after.mean_since(
            before, programs.RELAY.name, "outbox_commit_to_ack_seconds", source=service.name
        )
        batch = after.mean_since(
            before, service.name, "inbox_batch_seconds", group=after.groups[service.name]
        )
        name = service.role
        print(f"figure commit_to_ack_mean_ms{suffix}_{name} {ack * 1000:.3f} ms")
        print(f"figure inbox_batch_mean_ms{suffix}_{name} {batch * 1000:.3f} ms")


def all_orders(options: argparse.Namespace) -> int:
    return WARM_UP + ONE_BY_ONE + options.rounds * (options.orders + 1)


def measure(system: System, bare: programs.Deployment, options: argparse.Namespace) -> None:
    place(system, WARM_UP, 8)  # caches, connections, prepared statements

    before = Snapshot(system)
    address = system.deployment.grpc_address("order-service")
    idle = run(
        "order_load",
        address=address,
        orders=ONE_BY_ONE,
        watch="true",
        products=PRODUCTS,
        users=USERS,
    )
    idle_after = Snapshot(system)

    start = Snapshot(system)
    rates, floors = [], []
    for _ in range(options.rounds):
        before_round = Snapshot(system)
        rate, load = place(system, options.orders, options.callers)
        after_round = Snapshot(system)
        batches = batch_sizes(before_round, after_round)
        system.stop("relay")  # it would read what the floor writes
        bare_rate = floor(bare, options.orders, batches)
        system.start("relay")
        place(system, 1, 1)  # it has read it, and goes on
        rates.append(rate)
        floors.append(bare_rate)
        print(
            f"sagas {rate:,.0f}/s, floor {bare_rate:,.0f}/s with transactions of {batches}; "
            f"CreateOrder {options.orders / load['seconds']:,.0f}/s, "
            f"p99 {load['create_order_p99_ms']:.0f} ms"
        )
        for name, cpu in after_round.cpu_seconds.items():
            used = (cpu - before_round.cpu_seconds[name]) / options.orders * 1e6
            print(f"  {name}: {used:.0f} µs of CPU a saga")
    wait_until(lambda: completed(system) >= all_orders(options), "the last saga's end")
    check_rows(system.deployment, all_orders(options))
    check_rows(bare, options.rounds * options.orders)
    print_stages("_idle", before, idle_after)
    print_stages("_loaded", start, after_round)
    print(f"figure order_to_approved_p50_ms {idle['order_to_approved_p50_ms']:.2f} ms")
    print(f"figure order_to_approved_p99_ms {idle['order_to_approved_p99_ms']:.2f} ms")
    print(f"figure create_order_idle_p50_ms {idle['create_order_p50_ms']:.2f} ms")
    for program in programs.ALL:
        peak = peak_mb(system.deployment.pid(program.name))
        print(f"figure service_peak_rss_mb_{program.role} {peak:.1f} MB")
    print(f"figure sagas_per_second {statistics.median(rates):.0f} sagas/s")
    print(f"figure sagas_sql_floor_per_second {statistics.median(floors):.0f} sagas/s")
    print(f"ratio sagas_vs_sql_floor {statistics.median(rates) / statistics.median(floors):.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = int(os.environ.get("ORDER_SAGA_BENCH_ORDERS", 10_000))
    parser.add_argument("--orders", type=int, default=default, help="in each round")
    parser.add_argument("--callers", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    system = System(deployment_of_the_run())
    bare = deployment_of_the_run()
    try:
        system.start_all()
        bare.prepare()
        for service in programs.SERVICES:  # nobody reads them: they would only keep the log
            bare.cluster.sql(f"SELECT pg_drop_replication_slot('outbox_{bare.database(service)}')")
        fill(system.deployment)
        fill(bare)
        measure(system, bare, options)
    finally:
        system.close()
        remove(bare)


if __name__ == "__main__":
    main()
