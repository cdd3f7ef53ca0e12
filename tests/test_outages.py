"""Postgres and Kafka killed with -9 under load, and away when the programs start."""

import grpc
import pytest

from devtools import metrics
from tests.support import kafka_log
from tests.support.deadline import wait_until
from tests.support.load import Load
from tests.support.shop import Shop

SERVICES = ["order-service", "product-service", "customer-service", "kitchen-service"]
PROGRAMS = [*SERVICES, "outbox-relay"]
ORDERS = 200


def ready(system, program: str) -> tuple[int, str]:
    """/readyz: the status and what it says."""
    return metrics.get(system.deployment.http_address(program), "/readyz")


def waits(system, program: str) -> bool:
    log = system.deployment.log(program).read_text()
    return "waits for" in log or "waiting for" in log


def test_postgres_is_killed_under_load(own_servers, make_system):
    system = make_system(servers=own_servers)
    shop = Shop(system)
    requests = shop.mixed_requests(ORDERS)
    with Load(system, requests) as load:
        load.wait_answered(60)
        own_servers.postgres.kill()
        load.wait_failed_attempt()
        for service in SERVICES:
            wait_until(lambda s=service: ready(system, s)[0] == 503, f"{service} knows of it")
            assert "Postgres" in ready(system, service)[1]
        own_servers.postgres.start()
    assert set(load.failed_attempts) == {grpc.StatusCode.UNAVAILABLE}
    shop.wait_sagas_end(load.orders)
    shop.check_books(load.orders, requests)
    for program in PROGRAMS:
        system.deployment.wait_ready(program)


def waits_for_a_standby(postgres) -> bool:
    """Whether a commit does."""
    return "SyncRep" in str(postgres.sql("SELECT wait_event FROM pg_stat_activity"))


def test_replies_that_are_faster_than_the_commits_they_follow(own_servers, make_system):
    """Postgres streams a commit once it is on disk, and shows it when a synchronous standby has it."""
    system = make_system(servers=own_servers)
    shop = Shop(system)
    first = system.place_request(shop.request())
    assert system.wait_saga_end(first.tx_id).state == "COMPLETED"
    replies = system.topic("product-to-order-product-stock")
    before = kafka_log.count(system.kafka, replies)

    own_servers.postgres.sql("ALTER SYSTEM SET synchronous_standby_names = 'one_that_is_away'")
    own_servers.postgres.sql("SELECT pg_reload_conf()")
    try:
        # Not every process hears of it at once: a canary that waits for the standby tells.
        wait_until(lambda: waits_for_a_standby(own_servers.postgres), "a commit waits")
        call = system.order.CreateOrder.future(shop.request(), timeout=60)
        wait_until(lambda: kafka_log.count(system.kafka, replies) > before, "the first reply")
        log = system.deployment.log("order-service")
        wait_until(lambda: "faster than its saga" in log.read_text(), "it is seen too early")
    finally:
        own_servers.postgres.sql("ALTER SYSTEM RESET synchronous_standby_names")
        own_servers.postgres.sql("SELECT pg_reload_conf()")
    assert system.wait_saga_end(call.result().order.tx_id).state == "COMPLETED"


def test_kafka_is_killed_under_load_and_the_relay_meanwhile(own_servers, make_system):
    system = make_system(servers=own_servers)
    shop = Shop(system)
    requests = shop.mixed_requests(ORDERS)
    with Load(system, requests) as load:
        load.wait_answered(60)
        own_servers.kafka.kill()
    assert not load.failed_attempts, "orders are taken while Kafka is away"
    system.kill9("relay")
    system.start("relay", wait=False)
    own_servers.kafka.start()
    shop.wait_sagas_end(load.orders)
    shop.check_books(load.orders, requests)


def test_programs_that_start_before_their_servers_wait_for_them(own_servers, make_system):
    system = make_system(servers=own_servers)
    shop = Shop(system)
    for program in PROGRAMS:
        assert system.stop(program) == 0
    own_servers.postgres.stop()
    own_servers.kafka.stop()
    for program in PROGRAMS:
        system.start(program, wait=False)
    for program in PROGRAMS:
        wait_until(lambda p=program: ready(system, p)[0] == 503, f"{program} is up, but not ready")
        wait_until(lambda p=program: waits(system, p), f"{program} says that it waits")
    with pytest.raises(grpc.RpcError) as refused:
        system.place_request(shop.request())
    assert refused.value.code() == grpc.StatusCode.UNAVAILABLE
    # Who waits can be stopped all the same.
    for program in ("kitchen-service", "outbox-relay"):
        assert system.stop(program) == 0
        system.start(program, wait=False)

    own_servers.start()
    for program in PROGRAMS:
        system.deployment.wait_ready(program)
    order = system.place_request(shop.request())
    assert system.wait_saga_end(order.tx_id).state == "COMPLETED"
