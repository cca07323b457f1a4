# B10 at the withdrawal: a frozen account pays nothing, and value that can still be reversed waits.
from types import SimpleNamespace

import pytest
from simulators.blocks import BentChain
from simulators.settlement_world import BTC, ETH, SettlementWorld, deposit_of
from simulators.withdrawal_house import House

from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.wallets.deposit import DepositState
from custody.wallets.standing import standing_of
from custody.withdrawals.facts import Circumstances, Destination, DestinationKind, Tier
from exchange.app.house_facts import standings

PLACE = Destination(DestinationKind.ONE_TIME)


def known(**changes):
    return Circumstances("alice", 2, Tier.HOT, PLACE, **changes)


def test_b10_a_frozen_account_is_refused_and_gets_its_hold_back():
    house = House()
    withdrawal = house.ask(1_000)
    house.circumstances[withdrawal.id] = known(frozen="a deposit left the chain")
    house.step()
    assert house.state(withdrawal.id).value == "rejected"
    assert "the account is frozen" in house.service.get(withdrawal.id).reason
    assert house.ledger.held() == 0
    assert house.network.paid("sim1dest") == []


def test_b10_a_freeze_between_approval_and_signature_bites():
    house = House()
    withdrawal = house.ask(60_000)
    house.step()
    house.approve(withdrawal.id, "ann", "bob")
    house.circumstances[withdrawal.id] = known(frozen="a deposit left the chain")
    house.settle()
    assert house.state(withdrawal.id).value == "rejected"
    assert house.network.paid("sim1dest") == []


def test_b10_value_that_can_be_reversed_waits_and_is_paid_once_it_is_final():
    house = House()
    withdrawal = house.ask(1_000)
    house.circumstances[withdrawal.id] = known(unsettled="deposits of SIM are not final yet")
    problems = [each.problem for each in house.step()]
    assert any("credit_not_final" in problem for problem in problems)
    assert house.state(withdrawal.id).value == "screening"
    house.circumstances.clear()
    house.settle()
    assert house.network.paid("sim1dest") == [1_000]


# The facts themselves, over the real ledger.
@pytest.fixture
def world(tmp_path):
    made = SettlementWorld(tmp_path)
    deposits = SqlDepositStore(open_database("sqlite://"), AssetBook([BTC, ETH]))
    yield SimpleNamespace(
        made=made, deposits=deposits, standing=standings(deposits, made.accounts, made.scales), seen=BentChain().tip()
    )
    made.close()


def credited(world, amount, txid, state=DepositState.CREDITED):
    deposit = deposit_of("alice", amount, txid)
    world.made.ledger.credit(deposit)
    world.deposits.save(type(deposit)(deposit.txid, 0, "alice", amount, deposit.block, state))


def test_b10_a_reversible_credit_must_still_lie_in_the_account(world):
    credited(world, Amount(10_000, BTC), "old", DepositState.FINAL)
    credited(world, Amount(500, BTC), "new")
    assert world.standing("alice").unsettled == ""
    world.made.ledger.hold("wd-1", "alice", Amount(10_000, BTC), b'{"kind":"withdrawal"}')
    assert world.standing("alice").unsettled == ""  # the old value leaves, the new one stays
    world.made.ledger.hold("wd-2", "alice", Amount(1, BTC), b'{"kind":"again"}')
    assert world.standing("alice").unsettled == "deposits of BTC are not final yet"


def test_b10_a_remainder_that_was_never_credited_holds_up_nothing(world):
    credited(world, Amount(10**10 + 7, ETH), "new")
    assert world.standing("alice").unsettled == ""


def test_b10_a_credit_of_one_asset_holds_up_every_asset_it_may_have_bought(world):
    credited(world, Amount(500, BTC), "new")
    assert standing_of(world.deposits, "alice", {"BTC": 499, "ETH": 10**18}, {"BTC": 1}).unsettled
    assert not standing_of(world.deposits, "alice", {"BTC": 500}, {"BTC": 1}).unsettled
    assert not standing_of(world.deposits, "bob", {}, {}).unsettled
