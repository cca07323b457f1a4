import pytest

from custody.monitor.reconcile import Books, OutOfBalance, verify_balanced
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
