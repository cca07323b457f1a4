import pytest
from simulators.settlement_world import BTC_SCALE, ETH, GWEI_10, btc, btc_eth, deposit_of, eth

from custody.primitives.errors import NotFound
from exchange.engine.codes import SystemAccount
from exchange.settlement.accounts import BalanceView
from exchange.settlement.ledger import HOUSE
from exchange.settlement.trading import OrderRequest, TradingDesk


def test_a_customer_without_an_account_is_not_found_and_gets_none_by_asking(world):
    before = world.seq
    with pytest.raises(NotFound, match="'nobody'"):
        world.accounts.balances("nobody")
    assert world.seq == before


def test_an_emptied_account_shows_nothing(world):
    deposit = world.fund("alice", btc(5))
    world.ledger.reverse(deposit)
    assert world.accounts.balances("alice") == {}
    assert world.owed() == []


def test_free_and_held_are_told_apart_in_base_units(world):
    world.fund("alice", eth(10 * GWEI_10 + 5))
    world.fund("alice", btc(3))
    world.hold("wd-1", "alice", eth(4 * GWEI_10))
    assert world.accounts.balances("alice") == {
        "ETH": BalanceView(eth(6 * GWEI_10), eth(4 * GWEI_10)),
        "BTC": BalanceView(btc(3), btc(0)),
    }


def test_what_is_held_for_an_order_shows_as_held(world):
    world.fund("alice", eth(10**20))
    desk = TradingDesk(world.core, [], session=1)
    desk.set_market(btc_eth(), is_open=True)
    desk.place(OrderRequest("alice", "BTC/ETH", "buy", "30", "0.5"))
    assert world.units("alice", ETH) == (85 * 10**18, 15 * 10**18)


def test_liabilities_name_everyone_we_owe_and_add_up_to_clearing(world):
    world.fund("alice", btc(100))
    world.fund("bob", eth(7 * GWEI_10))
    world.fund(HOUSE, btc(11))
    world.hold("wd-1", "alice", btc(60))
    found = world.accounts.liabilities(lambda: "ab" * 32)
    assert sorted(found.rows) == [("alice", 0, 100), ("bob", 1, 7), ("house", 0, 11)]
    assert dict(found.controls) == {0: 111, 1: 7}
    assert (found.seq, found.head) == (world.accounts.ledger().seq, "ab" * 32)
    assert world.accounts.owed_quanta(BTC_SCALE.number) == 111
    assert world.accounts.owed_quanta(7) == 0


def test_fees_and_fund_are_liabilities_under_the_names_of_the_house(world):
    desk = TradingDesk(world.core, [], session=1)
    desk.set_market(btc_eth(), is_open=True)
    world.fund("alice", eth(10**20))
    world.fund("bob", btc(10**8))
    desk.place(OrderRequest("bob", "BTC/ETH", "sell", "30", "0.5"))
    desk.place(OrderRequest("alice", "BTC/ETH", "buy", "30", "0.5"))
    rows = {(name, asset): quanta for name, asset, quanta in world.owed()}
    # 0.05 % of 0.5 BTC and of 15 ETH, a tenth of it to the fund.
    assert rows["house:fees", 0] == 22_500
    assert rows["house:fund", 0] == 2_500
    assert rows["house:fees", 1] == 67_500_0
    assert rows["house:fund", 1] == 7_500_0
    for asset, total in ((0, 10**8), (1, 10**10)):
        assert sum(quanta for (_, number), quanta in rows.items() if number == asset) == total
        assert world.accounts.owed_quanta(asset) == total
    assert not any(name == f"house:{SystemAccount.CLEARING.name.lower()}" for name, _ in rows)


def test_the_ledger_view_moves_with_every_booking_and_only_then(world):
    first = world.accounts.ledger()
    assert world.accounts.ledger() == first
    deposit = deposit_of("alice", btc(1))
    world.ledger.credit(deposit)
    second = world.accounts.ledger()
    assert second.seq > first.seq
    assert second.state_hash != first.state_hash
    assert len(bytes.fromhex(second.state_hash)) == 32


def test_the_ledger_view_tells_what_recovery_found(world):
    world.fund("alice", btc(1))
    before = world.accounts.ledger().state_hash
    world.reopen()
    world.fund("alice", btc(1))
    assert world.accounts.ledger().recovered_hash == before
