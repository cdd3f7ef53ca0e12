"""How fast orders are taken, with 1 caller and with 64, against pgbench writing the same rows.

Method. Only order-service runs (release build, default settings), without a relay: the calls and
their transactions are measured, not the sagas behind them. pgbench runs bench/create_order.sql, which
writes the same rows by the same number of statements, prepared, with as many clients as there are
callers; it commits each order for itself, order-service commits what waits together. Both on the
same Postgres (fsync on), alternated; medians.

    ./dev bench create-order
"""

import argparse
import os
import re
import statistics
import subprocess
from pathlib import Path

from bench._system import PRODUCTS, USERS, deployment_of_the_run, run
from devtools import postgres, programs
from tests.support.system import remove

SQL = Path(__file__).with_suffix(".sql")
ORDER_SERVICE = programs.SERVICES[0]


def take_orders(deployment: programs.Deployment, callers: int, orders: int) -> float:
    """Orders a second."""
    load = run(
        "order_load",
        address=deployment.grpc_address("order-service"),
        orders=orders,
        callers=callers,
        products=PRODUCTS,
        users=USERS,
    )
    return orders / load["seconds"]


def floor(deployment: programs.Deployment, clients: int, orders: int) -> float:
    database = deployment.database(ORDER_SERVICE)
    command = [postgres.binaries() / "pgbench", "--no-vacuum", "--protocol=prepared"]
    command += [f"--client={clients}", f"--jobs={min(2, clients)}"]
    command += [f"--transactions={orders // clients}", f"--file={SQL}"]
    command += [deployment.cluster.conninfo(database, ORDER_SERVICE.role)]
    printed = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return float(re.search(r"^tps = ([\d.]+)", printed, re.MULTILINE)[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = int(os.environ.get("ORDER_SAGA_BENCH_ORDERS", 20_000))
    parser.add_argument("--orders", type=int, default=default, help="with 64 callers")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    deployment = deployment_of_the_run()
    try:
        deployment.create_databases()
        deployment.migrate(ORDER_SERVICE)
        deployment.start("order-service")
        deployment.wait_ready("order-service")
        take_orders(deployment, 8, 500)  # connections, prepared statements
        for callers, orders in ((1, options.orders // 10), (64, options.orders)):
            ours, floors = [], []
            for _ in range(options.rounds):
                ours.append(take_orders(deployment, callers, orders))
                floors.append(floor(deployment, callers, orders))
                print(f"{callers} callers: {ours[-1]:,.0f}/s, pgbench {floors[-1]:,.0f}/s")
            rate, bare = statistics.median(ours), statistics.median(floors)
            suffix = "" if callers == 64 else f"_{callers}"
            print(f"figure create_order{suffix}_per_second {rate:.0f} orders/s")
            print(f"figure pgbench_{callers}_per_second {bare:.0f} orders/s")
            print(f"ratio create_order_{callers}_vs_pgbench {rate / bare:.3f}")
    finally:
        remove(deployment)


if __name__ == "__main__":
    main()
