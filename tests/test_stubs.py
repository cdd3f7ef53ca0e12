"""proto/ compiles for Python too, and its JSON names are the seed's."""

from google.protobuf import json_format

from devtools import order_demo
from tests.support import protos


def test_the_seeds_json_is_a_create_order_request():
    request = protos.messages("order/v1/order_service").CreateOrderRequest()
    json_format.Parse(order_demo.SEED_ORDER.read_text(), request)
    assert request.user_id == 1234
    assert [(p.product_id, p.amount) for p in request.order_products] == [(123, 4), (124, 5)]


def test_every_service_has_a_stub():
    assert protos.services("saga/v1/admin").SagaAdminServiceStub
    for name in ("order", "product", "customer", "kitchen"):
        assert protos.services(f"{name}/v1/{name}_service")
