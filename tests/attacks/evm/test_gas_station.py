"""Tokens on deposit accounts without coins: topped up, swept, budgeted. Real node, real store, the signers' decoder."""

from types import SimpleNamespace

import pytest
from simulators.anvil import ETH, AccountSigner, make_intent, mined_by_hand, running_house

from custody.chains.evm.abi import transfer_call
from custody.chains.evm.reader import MAX_IN_FLIGHT
from custody.chains.token_worth import TokenWorth
from custody.primitives.amount import Amount
from custody.primitives.asset import AssetBook
from custody.primitives.errors import InsufficientFunds, InvalidInput
from custody.store.database import open_database
from custody.store.gas_loans import SqlGasLoanStore
from custody.store.sweeps import SqlSweepStore
from custody.wallets.gas_loans import DAY_S, LentGas
from custody.wallets.sweep import Sweeper, SweepState
from exchange.app.evm_moves import SafeMoves
from exchange.app.gas_station import Station

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
PLACE = 5
RICH, POOR = TokenWorth(1, 10**18), TokenWorth(10**18, 1)


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


@pytest.fixture
def stores(tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/custody.db")
    return SimpleNamespace(
        sweeps=SqlSweepStore(database, AssetBook([ETH])), loans=SqlGasLoanStore(database), now_s=10**9
    )


def moves_of(house, stores, worth=RICH, daily_wei=10**16):
    worths = {} if worth is None else {house.token.key: worth}
    station = Station(worths, stores.loans, stores.sweeps, lambda: stores.now_s, daily_wei)
    return SafeMoves(house.reader, station)


def sweeper_of(house, stores, moves):
    return Sweeper(moves, stores.sweeps, AccountSigner(house.wallet), house.wallet.id)


def account(house, place=PLACE):
    return house.wallet.deposits.address(place)


def deposit_token(house, units=77, place=PLACE):
    house.anvil.send(house.token.contract, transfer_call(account(house, place), units))


def opened(house, sweeper, *places):
    """Open what there is, mine it and wait until it is final."""
    moves = sweeper.step(places)
    for move in moves:
        assert house.wait(move.tx.txid).succeeded
    house.anvil.mine(house.reader.chain.final_depth)
    return moves


def station_wei(house):
    return house.wei(house.wallet.station_address)


# E07: tokens that are worth nothing, or less than their gas, drain nothing.
@pytest.mark.parametrize("worth", [None, POOR, TokenWorth(77, 10**13)])
def test_e07_worthless_tokens_get_no_gas(house, stores, worth):
    deposit_token(house)
    before = station_wei(house)
    assert sweeper_of(house, stores, moves_of(house, stores, worth)).step([PLACE]) == ()
    assert (station_wei(house), house.wei(account(house)), stores.loans.loans(house.reader.chain)) == (before, 0, [])


# E07: an account that asks again and again gets no more than its budget in 24 hours; others are served.
def test_e07_one_account_gets_no_more_than_its_budget_a_day(house, stores):
    deposit_token(house)
    deposit_token(house, place=6)
    first = moves_of(house, stores).plan(PLACE)
    (loan,) = stores.loans.loans(house.reader.chain)
    assert loan.cost == first.value_wei + first.gas.fee_max_wei
    sweeper = sweeper_of(house, stores, moves_of(house, stores, daily_wei=loan.cost))
    opened(house, sweeper, PLACE)
    opened(house, sweeper)
    house.anvil.rpc.call("anvil_setBalance", account(house), "0x0")  # whatever it was spent on
    assert sweeper.step([PLACE]) == ()
    assert [move.index for move in opened(house, sweeper, 6)] == [6]
    stores.now_s += DAY_S - 1
    assert [move for move in sweeper.step([PLACE]) if move.index == PLACE] == []
    stores.now_s += 1
    assert [move.index for move in opened(house, sweeper, PLACE)] == [PLACE]


def test_a_signer_that_is_down_uses_up_no_budget(house, stores):
    deposit_token(house)
    moves = moves_of(house, stores)
    for _ in range(50):
        assert moves.plan(PLACE) is not None
    assert len(stores.loans.loans(house.reader.chain)) == 1


def test_a_station_with_a_full_queue_holds_up_no_other_sweep(house, stores):
    places = range(MAX_IN_FLIGHT + 1)
    for place in places:
        deposit_token(house, place=place)
    house.anvil.fund(account(house, 40), 10**18)
    with mined_by_hand(house.anvil):
        moves = sweeper_of(house, stores, moves_of(house, stores)).step([*places, 40])
    assert [move.index for move in moves] == [*places[:-1], 40]


def test_an_empty_station_says_so(house, stores):
    deposit_token(house)
    house.anvil.rpc.call("anvil_setBalance", house.wallet.station_address, "0x1")
    with pytest.raises(InsufficientFunds, match="gas station"):
        sweeper_of(house, stores, moves_of(house, stores)).step([PLACE])


def test_a_worth_is_a_ratio():
    with pytest.raises(InvalidInput):
        TokenWorth(0, 1)
    assert TokenWorth(3, 10).native_of(2) == 6


# The gas is ours: were it credited, a customer would get coins for sending tokens.
def test_gas_from_the_station_is_no_deposit_and_the_same_from_a_customer_is(house, stores):
    deposit_token(house)
    (move,) = opened(house, sweeper_of(house, stores, moves_of(house, stores)), PLACE)
    watched = frozenset({account(house)})
    assert house.wei(account(house)) > 0
    assert house.reader.deposits(watched, house.block_of(move.tx.txid)) == ()
    by_customer = house.anvil.fund(account(house), 321)
    assert [seen.amount.units for seen in house.reader.deposits(watched, house.block_of(by_customer))] == [321]


# E06: a top-up and a sweep that no miner takes; the withdrawal behind them has counters of its own.
def test_e06_a_stuck_sweep_delays_no_withdrawal(house, stores):
    deposit_token(house)
    house.anvil.fund(account(house, 6), 10**18)
    with mined_by_hand(house.anvil):
        stuck = sweeper_of(house, stores, moves_of(house, stores)).step([PLACE, 6])
        assert len(stuck) == 2
        assert moves_of(house, stores).lent().moving > 0
        for move in stuck:
            house.anvil.rpc.call("anvil_dropTransaction", move.tx.txid)
        signed = house.sign(house.plan(make_intent(ALICE, Amount(5, ETH))))
        house.broadcaster.broadcast(signed)
        house.anvil.mine()
        assert house.wait(signed.txid).succeeded
        assert [house.anvil.node.receipt(move.tx.txid) for move in stuck] == [None, None]
    assert house.wei(ALICE) == 5


def test_two_accounts_get_gas_at_once_under_two_counter_values(house, stores):
    for place in (PLACE, 6):
        deposit_token(house, place=place)
    with mined_by_hand(house.anvil):
        moves = sweeper_of(house, stores, moves_of(house, stores)).step([PLACE, 6])
        assert len({move.tx.conflict_key for move in moves}) == 2
        house.anvil.mine()
    assert all(house.wait(move.tx.txid).succeeded for move in moves)


def test_a_token_reaches_the_safe_from_an_account_without_coins(house, stores):
    deposit_token(house, 77)
    moves = moves_of(house, stores)
    sweeper = sweeper_of(house, stores, moves)
    before, station_before = house.tokens(house.wallet.safe), station_wei(house)
    (top_up,) = opened(house, sweeper, PLACE)
    lent = house.wei(account(house))
    assert sweeper.step([]) != ()
    (sweep,) = opened(house, sweeper, PLACE)
    assert house.tokens(house.wallet.safe) - before == 77
    sweeper.step([])
    fees = {each.tx.txid: each.fee.units for each in stores.sweeps.sweeps(house.reader.chain, (SweepState.FINAL,))}
    # What the station burnt is its own; what the account burnt came out of the wallet, and was lent to it.
    assert fees[top_up.tx.txid] == 0
    assert fees[sweep.tx.txid] == lent - house.wei(account(house)) > 0
    assert moves.lent() == LentGas(lent, 0)
    assert station_before - station_wei(house) > lent
    # What is left of the gas may come home too; no more is lent.
    opened(house, sweeper, PLACE)
    assert len(stores.loans.loans(house.reader.chain)) == 1


def test_coins_are_swept_after_the_tokens(house, stores):
    deposit_token(house)
    house.anvil.fund(account(house), 10**18)
    sweeper = sweeper_of(house, stores, moves_of(house, stores))
    (first,) = opened(house, sweeper, PLACE)
    assert (house.tokens(account(house)), first.tx.fee_max.asset) == (0, ETH)
    sweeper.step([])
    opened(house, sweeper, PLACE)
    assert house.wei(account(house)) < 10**16
    assert stores.loans.loans(house.reader.chain) == []
