import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulators.blocks import MemoryDeposits

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput, VerificationFailed
from custody.wallets.addresses import AddressDesk
from custody.wallets.treasury import PPM, TreasuryBand, cold_share_ppm, plan_sweep_to_cold

BTC = Asset("BTC", 8, ChainId("bitcoin"))
BAND = TreasuryBand(cap_ppm=20_000, target_ppm=15_000)


@pytest.mark.parametrize(("cap", "target"), [(10, 11), (PPM + 1, 0), (10, -1)])
def test_refuses_a_band_that_is_none(cap, target):
    with pytest.raises(InvalidInput):
        TreasuryBand(cap_ppm=cap, target_ppm=target)


def test_nothing_moves_at_the_cap_and_one_unit_above_it_does():
    owed = Amount(1_000_000, BTC)
    assert plan_sweep_to_cold(Amount(20_000, BTC), owed, BAND).units == 0
    assert plan_sweep_to_cold(Amount(20_001, BTC), owed, BAND).units == 5_001


@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_after_the_move_hot_is_within_the_cap(hot, owed):
    move = plan_sweep_to_cold(Amount(hot, BTC), Amount(owed, BTC), BAND).units
    assert 0 <= move <= hot
    assert (hot - move) * PPM <= owed * BAND.cap_ppm


def test_cold_share_is_rounded_down_and_nothing_counts_as_cold():
    assert cold_share_ppm(Amount(0, BTC), Amount(0, BTC)) == PPM
    assert cold_share_ppm(Amount(2, BTC), Amount(1, BTC)) == 666_666


def test_an_address_that_fails_the_cross_check_is_never_recorded_or_shown():
    store = MemoryDeposits()

    def differ(index, address):
        raise VerificationFailed(f"second library derives another address at {index}")

    desk = AddressDesk(BTC.chain, lambda i: Address(BTC.chain, f"a{i}"), differ, store)
    with pytest.raises(VerificationFailed):
        desk.address_for("alice")
    assert store.addresses == {}


def test_a_customer_keeps_the_address_and_two_customers_never_share_one():
    desk = AddressDesk(BTC.chain, lambda i: Address(BTC.chain, f"a{i}"), lambda i, a: None, MemoryDeposits())
    alice, bob = desk.address_for("alice"), desk.address_for("bob")
    assert alice != bob
    assert desk.address_for("alice") == alice
