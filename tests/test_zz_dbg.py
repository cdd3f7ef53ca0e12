import time, pytest, sys
from tests.support.shop import Shop
@pytest.mark.parametrize("i", range(6))
def test_x(make_system,i):
    system=make_system()
    shop=Shop(system)
    order=system.place(user_id=shop.rich, lines={shop.plenty:4})
    m=system.messages("kitchen"); r=m.ListTicketsRequest(page_size=500)
    t0=time.monotonic()
    while time.monotonic()-t0<20:
        system.kitchen.ListTickets(r, timeout=10)
        system.credit(shop.rich)
        time.sleep(0.05)
