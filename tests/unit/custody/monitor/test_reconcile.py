import pytest

from custody.monitor.reconcile import Books, Margins, OutOfBalance, verify_balanced
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId

BTC = Asset("BTC", 8, ChainId("bitcoin"))


def books(on_chain, owed, dust=0, in_flight=0):
    return Books(*(Amount(units, BTC) for units in (on_chain, owed, dust, in_flight)))


@pytest.mark.parametrize(
    "case", [books(99, 100), books(101, 100), books(100, 100, dust=1), books(100, 100, in_flight=1)]
)
def test_refuses_one_unit_of_difference_in_either_direction(case):
    with pytest.raises(OutOfBalance, match=r"BTC: chain differs from the books by -?0\.00000001 BTC"):
        verify_balanced(case)


def test_accepts_exact_balance_with_dust_and_flight():
    verify_balanced(books(95, 100, dust=2, in_flight=7))


@pytest.mark.parametrize(
    ("margins", "unexplained"),
    [
        (Margins(-1, -1, 0, 0), -1),
        (Margins(1, 1, 0, 0), 1),
        (Margins(-8, -8, 7, 100), -1),  # what comes in explains nothing that is missing
        (Margins(8, 8, 100, 7), 1),
        (Margins(-7, -7, 7, 0), 0),
        (Margins(7, 7, 0, 7), 0),
        (Margins(0, 0, 0, 0), 0),
        (Margins(-5, 0, 0, 0), 0),  # booked while the chain was read
        (Margins(-5, -2, 0, 0), -2),
    ],
)
def test_what_is_on_its_way_explains_exactly_itself(margins, unexplained):
    assert margins.unexplained == unexplained
