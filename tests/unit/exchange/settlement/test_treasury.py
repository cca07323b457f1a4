# The desk over the real withdrawal service; chain and signers are simulated.
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from threading import Barrier, BrokenBarrierError

import pytest
from simulators.chain import COIN, SIM
from simulators.withdrawal_house import NOW_S, House

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import IdempotencyConflict, NodeUnavailable, UnknownAsset
from custody.withdrawals.errors import ApprovalRefused
from custody.withdrawals.facts import Kind
from custody.withdrawals.request import TREASURY
from custody.withdrawals.states import WithdrawalState
from exchange.settlement.scale import AssetScale, ScaleBook
from exchange.settlement.treasury import DEFAULT_BAND, NothingToMove, Tiers, TreasuryDesk

QUANTUM = 100
NOW_MS = NOW_S * 1000


def coins(units):
    return Amount(units, COIN)


class Tables:
    """Numbers the desk reads: what lies hot and cold, and what is owed in quanta."""

    def __init__(self, hot, cold, owed_quanta):
        self.hot, self.cold, self.owed_quanta, self.dust, self.asked = hot, cold, owed_quanta, 0, []

    def owed(self, number):
        self.asked.append(number)
        return self.owed_quanta


def open_desk(tables, house, tiers=None):
    tiers = tiers or Tiers(
        Address(SIM, house.cold), lambda: coins(tables.hot), lambda: coins(tables.cold), lambda: tables.dust
    )
    scales = ScaleBook([AssetScale(COIN, 3, 2), AssetScale(Asset("XXX", 8, ChainId("x")), 4, 0)])
    return TreasuryDesk({"SIM": tiers}, scales, tables.owed, house.service)


@pytest.fixture
def house():
    return House()


def ask(desk, key="move-1", officer="ann"):
    return desk.rebalance(officer, "SIM", key, NOW_MS)


@pytest.mark.parametrize("symbol", ["XXX", "sim", ""])
def test_refuses_an_asset_without_wallets(house, symbol):
    desk = open_desk(Tables(1, 1, 1), house)
    for call in (desk.holdings, lambda name: desk.rebalance("ann", name, "k", NOW_MS)):
        with pytest.raises(UnknownAsset, match="known: SIM"):
            call(symbol)
    assert desk.assets == ("SIM",)


@pytest.mark.parametrize("hot", [0, 1_999_999, 2_000_000])
def test_nothing_moves_while_hot_is_within_its_cap(house, hot):
    desk = open_desk(Tables(hot, 98_000_000, 1_000_000), house)
    with pytest.raises(NothingToMove, match="within the cap"):
        ask(desk)
    assert house.service.list(frozenset(WithdrawalState)) == ()


def test_a_node_that_does_not_answer_moves_nothing(house):
    def down():
        raise NodeUnavailable("simulated: no answer")

    desk = open_desk(Tables(0, 0, 1), house, Tiers(Address(SIM, house.cold), down, down, lambda: 0))
    with pytest.raises(NodeUnavailable):
        ask(desk)
    assert house.service.list(frozenset(WithdrawalState)) == ()


def test_everything_beyond_the_target_moves_to_the_last_unit(house):
    tables = Tables(2_000_001, 97_999_999, 1_000_000)
    move = ask(open_desk(tables, house))
    # Owed: 1,000,000 quanta of 100 units; the target is 1.5 % of it.
    assert move.amount == coins(2_000_001 - 1_500_000)
    assert (move.kind, move.customer, move.to) == (Kind.TREASURY, TREASURY, Address(SIM, house.cold))
    assert move.initiator == "ann"
    assert tables.asked == [3]


def test_a_house_that_owes_nothing_keeps_nothing_hot(house):
    assert ask(open_desk(Tables(777, 0, 0), house)).amount == coins(777)


def test_the_same_key_is_the_same_move_and_another_amount_under_it_a_conflict(house):
    tables = Tables(3_000_000, 0, 1_000_000)
    desk = open_desk(tables, house)
    first = ask(desk)
    assert ask(desk).id == first.id
    tables.hot += 1
    with pytest.raises(IdempotencyConflict):
        ask(desk)
    assert len(house.service.list(frozenset(WithdrawalState))) == 1


def test_a_move_charges_no_customer_and_waits_for_approvals_of_others(house):
    books = dict(house.ledger.available)
    move = ask(open_desk(Tables(900_000, 0, 0), house))
    house.step()
    with pytest.raises(ApprovalRefused):
        house.approve(move.id, "ann")  # who asked does not approve
    house.approve(move.id, "bob")
    house.settle()
    assert house.network.paid(house.cold) == []
    house.approve(move.id, "cid")
    house.settle()
    assert house.network.paid(house.cold) == [900_000]
    assert house.ledger.available == books


def test_holdings_show_tiers_debt_and_the_cold_share(house):
    held = open_desk(Tables(100, 300, 3), house).holdings("SIM")
    assert (held.hot, held.cold, held.owed, held.cold_ppm) == (coins(100), coins(300), coins(3 * QUANTUM), 750_000)
    assert (held.dust, held.difference) == (coins(0), coins(100))
    assert (DEFAULT_BAND.cap_ppm, DEFAULT_BAND.target_ppm) == (20_000, 15_000)


@pytest.mark.parametrize("missing", [-1, 1])
def test_holdings_tell_a_difference_of_one_unit_between_chain_and_books(house, missing):
    tables = Tables(1_000, 9_037 - missing, 100)
    tables.dust = 37
    assert open_desk(tables, house).holdings("SIM").difference == coins(-missing)
    tables.cold += missing
    assert open_desk(tables, house).holdings("SIM").difference == coins(0)


def test_two_officers_who_ask_at_once_move_the_excess_once(tmp_path):
    house, meet = House(url=f"sqlite:///{tmp_path}/house.sqlite"), Barrier(2)

    def hot():
        with suppress(BrokenBarrierError):
            meet.wait(timeout=0.2)  # both read the balance together, unless one is made to wait
        return coins(10_000_000)

    tiers = Tiers(Address(SIM, house.cold), hot, lambda: coins(0), lambda: 0)
    desk = open_desk(Tables(0, 0, 1_000_000), house, tiers)

    def ask_or_refusal(key):
        try:
            return ask(desk, key)
        except NothingToMove as refusal:
            return refusal

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(ask_or_refusal, ("move-1", "move-2")))
    assert sorted(isinstance(answer, NothingToMove) for answer in answers) == [False, True]
