"""Tokens on deposit accounts without TRX: topped up, swept, budgeted. Ledger SIMULATOR, real store, signers' decoder."""

from dataclasses import replace
from types import SimpleNamespace

import pytest
from simulators.tron import COIN, SOLID, TRX, AccountSigner, make_intent

from custody.chains.token_worth import TokenWorth
from custody.chains.tron.reader import FeeAboveSigned
from custody.chains.tron.sweep import TOKEN_SWEEP_BYTES, reserve_sun
from custody.primitives.asset import AssetBook
from custody.primitives.chain import Finality
from custody.primitives.errors import InsufficientFunds, SignerUnavailable
from custody.store.database import open_database
from custody.store.gas_loans import SqlGasLoanStore
from custody.store.sweeps import SqlSweepStore
from custody.wallets.gas_loans import DAY_S, LentGas
from custody.wallets.sweep import Sweeper, SweepState
from exchange.app.gas_station import Station
from exchange.app.tron_moves import DAILY_LOAN_SUN, TronMoves

pytestmark = pytest.mark.node

PLACE = 5
RICH = TokenWorth(1, COIN)
EXPIRED = 21  # blocks of three seconds each


class Bench(SimpleNamespace):
    """Stores, clock, lane and sweeper over one ledger."""

    def __init__(self, house, folder):
        database = open_database(f"sqlite:///{folder}/custody.db")
        super().__init__(
            house=house, sweeps=SqlSweepStore(database, AssetBook([TRX])), loans=SqlGasLoanStore(database), now_s=10**9
        )

    def moves(self, worth=RICH, daily=DAILY_LOAN_SUN):
        worths = {} if worth is None else {self.house.usdt.key: worth}
        return TronMoves(self.house.reader, Station(worths, self.loans, self.sweeps, lambda: self.now_s, daily))

    def sweeper(self, signer=None, **changes):
        wallet = self.house.wallet
        return Sweeper(self.moves(**changes), self.sweeps, signer or AccountSigner(wallet), wallet.id)

    def run(self, *places, **changes):
        """Open what there is, seal it and wait until it is final and followed."""
        opened = self.sweeper(**changes).step(places)
        self.house.simulator.mine(1 + SOLID)
        self.sweeper(**changes).step([])
        return opened

    def fees(self):
        return {each.tx.txid: each.fee.units for each in self.sweeps.sweeps(self.house.reader.chain, [*SweepState])}

    def recorded(self):
        return self.loans.loans(self.house.reader.chain)


@pytest.fixture
def station(house, tmp_path):
    return Bench(house, tmp_path)


def deposit_token(house, units=77, place=PLACE):
    """Paid by the hot wallet, so that the event and the balance are those of a real transfer."""
    house.pay(make_intent(house.wallet.deposits.address(place), units, house.usdt, withdrawal_id=f"d{place}{units}"))
    house.simulator.mine(1 + SOLID)


def account(house, place=PLACE):
    return house.wallet.deposits.address(place)


def tokens(house, address):
    return house.node.balance(address, house.usdt)


def test_a_token_reaches_the_wallet_from_an_account_that_never_had_trx(house, station):
    deposit_token(house)
    wallet, float_before = house.wallet.address.text, house.sun(house.wallet.station_address)
    before = tokens(house, wallet)
    (lent,) = station.run(PLACE)
    assert house.sun(account(house)) == reserve_sun(house.wallet, house.usdt)
    assert station.moves().lent() == LentGas(house.sun(account(house)), 0)
    (swept,) = station.run(PLACE)
    assert (tokens(house, account(house)), tokens(house, wallet)) == (0, before + 77)
    left = house.sun(account(house))
    # What the station paid is its own; what the account burnt came out of the wallet, and was lent to it.
    assert station.fees() == {lent.tx.txid: 0, swept.tx.txid: reserve_sun(house.wallet, house.usdt) - left}
    assert float_before - house.sun(house.wallet.station_address) > reserve_sun(house.wallet, house.usdt)
    # What was not burnt comes home as TRX, and nothing more is lent.
    hot = house.sun(wallet)
    station.run(PLACE)
    assert house.sun(wallet) > hot + left - COIN
    assert len(station.recorded()) == 1


def test_the_bytes_of_a_token_sweep_stay_below_what_is_reserved_for_them(house, station):
    deposit_token(house)
    station.run(PLACE)
    move = station.moves().plan(PLACE)
    size = (move.fee.units - move.plan.payment.fee_limit_sun) // house.wallet.params.prices.per_byte
    assert TOKEN_SWEEP_BYTES - 100 < size <= TOKEN_SWEEP_BYTES


# The TRX is ours: were it credited, a customer would get coins for sending tokens.
def test_trx_from_the_station_is_no_deposit_and_the_same_from_a_customer_is(house, station):
    deposit_token(house)
    station.sweeper().step([PLACE])
    watched = frozenset({account(house)})
    house.simulator.fund(account(house), 321)
    block = house.reader.block_at(house.simulator.mine(1))
    assert [(seen.amount.asset, seen.amount.units) for seen in house.reader.deposits(watched, block)] == [(TRX, 321)]
    assert house.sun(account(house)) > 321


# E07: tokens that are worth nothing, or less than their energy, drain nothing.
@pytest.mark.parametrize("worth", [None, TokenWorth(10**18, 1), TokenWorth(77, 31 * COIN)])
def test_e07_worthless_tokens_get_no_trx(house, station, worth):
    deposit_token(house)
    before = house.sun(house.wallet.station_address)
    assert station.sweeper(worth=worth).step([PLACE]) == ()
    assert (house.sun(house.wallet.station_address), house.sun(account(house)), station.recorded()) == (before, 0, [])


# E07: an account that asks again and again gets no more than its budget in 24 hours; others are served.
def test_e07_one_account_gets_no_more_than_its_budget_a_day(house, station):
    deposit_token(house)
    deposit_token(house, place=6)
    station.run(PLACE)
    (loan,) = station.recorded()
    assert loan.cost > loan.lent == reserve_sun(house.wallet, house.usdt)
    station.run(PLACE, worth=None)  # the TRX goes home without the token
    assert station.run(PLACE, daily=loan.cost) == ()
    assert [move.index for move in station.run(PLACE, 6, daily=loan.cost)] == [6]
    station.now_s += DAY_S - 1
    assert [move.index for move in station.run(PLACE, daily=loan.cost)] == []
    station.now_s += 1
    assert [move.index for move in station.run(PLACE, daily=loan.cost)] == [PLACE]


def test_a_signer_that_is_down_and_bytes_that_expire_use_up_no_budget(house, station):
    class Down(AccountSigner):
        def sign(self, request):
            raise SignerUnavailable("sender")

    deposit_token(house)
    for _ in range(20):
        with pytest.raises(SignerUnavailable):
            station.sweeper(Down(house.wallet)).step([PLACE])
        house.simulator.mine(1)
    assert len(station.recorded()) == 1
    budget = station.recorded()[0].cost
    (lost,) = station.sweeper(daily=budget).step([PLACE])
    house.simulator.forget()
    house.simulator.mine(EXPIRED + SOLID)
    assert station.moves().finality(lost.tx.txid, lost.tx.conflict_key) is Finality.DEAD
    died, again = station.sweeper(daily=budget).step([PLACE])
    assert (died.state, again.state) == (SweepState.DEAD, SweepState.STORED)
    assert station.moves().lent().moving == reserve_sun(house.wallet, house.usdt)


def test_an_empty_station_says_so_and_counts_what_is_on_its_way(house, station):
    for place in range(40):
        house.simulator.mint(house.usdt.contract, account(house, place), 77)
    house.simulator.mine(1)
    with pytest.raises(InsufficientFunds, match="gas station"):
        station.sweeper().step(range(40))
    waiting = station.sweeps.sweeps(house.reader.chain, (SweepState.STORED,))
    assert len(waiting) == 1_000 * COIN // station.recorded()[0].cost


def test_trx_is_swept_after_the_tokens(house, station):
    deposit_token(house)
    house.simulator.fund(account(house), 500 * COIN)
    house.simulator.mine(1)
    station.run(PLACE)
    assert (tokens(house, account(house)), station.recorded()) == (0, [])
    station.run(PLACE)
    assert house.sun(account(house)) < COIN


# One node says what a payment cost: what its bytes cannot have cost is not booked.
def test_a_fee_above_the_signed_one_is_refused_and_the_sweep_stays_open(house, station):
    deposit_token(house)
    house.simulator.fund(account(house), 500 * COIN)
    house.simulator.mine(1)
    (swept,) = station.sweeper().step([PLACE])
    house.simulator.mine(1 + SOLID)
    info = house.node.info(swept.tx.txid, solid=True)
    path, most = "/walletsolidity/gettransactioninfobyid", swept.tx.fee_max.units
    house.simulator.fault(lies={path: {**info, "fee": most + 1}})
    with pytest.raises(FeeAboveSigned):
        station.sweeper().step([])
    with pytest.raises(FeeAboveSigned):
        house.reader.fee_paid(swept.tx)
    assert [each.state for each in station.sweeps.sweeps(house.reader.chain, [*SweepState])] == [SweepState.STORED]
    house.simulator.fault(lies={path: {**info, "fee": most}})
    assert house.reader.fee_paid(swept.tx).units == most
    house.simulator.fault(lies={})
    station.sweeper().step([])
    assert station.fees() == {swept.tx.txid: info["fee"]}


# A call that succeeded and brought nothing: nobody knows what it did, and nothing is called swept.
def test_a_token_sweep_without_an_arrival_is_not_final(house, station):
    deposit_token(house)
    house.simulator.fund(account(house), 500 * COIN)
    house.simulator.mine(1)
    (swept,) = station.sweeper().step([PLACE])
    house.simulator.mine(1 + SOLID)
    finality = station.moves().finality
    assert finality(swept.tx.txid, swept.tx.conflict_key) is Finality.FINAL
    assert house.reader.finality(swept.tx.txid, swept.tx.conflict_key) is Finality.UNKNOWN  # no payment of the wallet
    info = house.node.info(swept.tx.txid, solid=True)
    house.simulator.fault(lies={"/walletsolidity/gettransactioninfobyid": {**info, "log": []}})
    assert finality(swept.tx.txid, swept.tx.conflict_key) is Finality.UNKNOWN


def test_a_loan_to_another_account_is_not_mistaken_for_a_fee(house, station):
    deposit_token(house)
    (lent,) = station.run(PLACE)
    other = replace(lent.tx, conflict_key=lent.tx.conflict_key[:-1] + "x")
    assert station.moves().fee_paid(lent.tx).units == 0
    assert station.moves().fee_paid(other).units > 0
