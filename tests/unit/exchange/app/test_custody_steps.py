# Steps over real stores and the real ledger; chain, wallet and signers are simulated.
from types import SimpleNamespace

import pytest
from simulators.blocks import CHAIN as BENT
from simulators.blocks import BentChain, Payment, rules
from simulators.chain import COIN as SIM_COIN
from simulators.chain import chain as sim_chain
from simulators.settlement_world import CONFIG, StepClock
from simulators.withdrawal_house import House

from custody.chains.port import SignedTx
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.errors import InvariantBroken, NodeUnavailable
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.store.sweeps import SqlSweepStore
from custody.wallets.deposit import Deposit, DepositState
from custody.wallets.scanner import DepositScanner
from custody.wallets.sweep import Sweep, SweepState
from custody.withdrawals.states import AttemptState, PaymentState
from exchange.app.core import Core
from exchange.app.custody_steps import ChainBoard, FeeBooks, FeesNotBooked, deposit_dust, scan_step, sweep_step
from exchange.app.home import Home
from exchange.app.xrpl_moves import TicketRecords
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.ledger import HOUSE, HoldRecords, SettlementLedger
from exchange.settlement.scale import AssetScale, ScaleBook

BENT_COIN = Asset("BENT", 8, BENT.id)
BENT_SCALE = AssetScale(BENT_COIN, 1, 2)
QUANTA = {"BENT": 100}


@pytest.fixture
def books(tmp_path):
    """A ledger that counts SIM in base units and BENT in hundreds of them."""
    core = Core.open(Home(tmp_path), StepClock(), CONFIG)
    scales = ScaleBook([AssetScale(SIM_COIN, 0, 0), BENT_SCALE])
    ledger = SettlementLedger(core, scales, HoldRecords(list, {}.__getitem__))
    yield SimpleNamespace(ledger=ledger, accounts=AccountDesk(core, scales), core=core)
    core.close()


@pytest.fixture
def database(tmp_path):
    return open_database(f"sqlite:///{tmp_path}/custody.db")


@pytest.fixture
def deposits(database):
    return SqlDepositStore(database, AssetBook([BENT_COIN, SIM_COIN]), quanta=QUANTA)


@pytest.fixture
def sweeps(database):
    return SqlSweepStore(database, AssetBook([BENT_COIN, SIM_COIN]))


def fund_house(books, units, txid="house"):
    block = BentChain().tip()
    asset = SIM_COIN
    books.ledger.credit(Deposit(txid, 0, HOUSE, Amount(units, asset), block, DepositState.CREDITING))


def house_units(books):
    view = books.accounts.balances(HOUSE).get("SIM")
    return 0 if view is None else view.available.units


def paid_house(tmp_path, *units):
    house = House(url=f"sqlite:///{tmp_path}/house.sqlite")
    for number, each in enumerate(units):
        house.ask(each, key=f"key-{number}")
    house.settle()
    return house


# The board -----------------------------------------------------------------------------


def board_of(*chains):
    return ChainBoard([SimpleNamespace(chain=chain, evidence="simulator", sources="one source") for chain in chains])


def test_a_chain_that_was_never_scanned_and_one_that_is_down_say_so():
    board = board_of(BENT, sim_chain())
    board.watch(lambda: {"sim": "no answer", "fees": "poor"})
    first, second = board.chains()
    assert (first.chain, first.height, first.state, first.error) == ("sim", -1, "down", "no answer")
    assert (second.chain, second.state, second.error, second.evidence) == ("simchain", "ok", "", "simulator")
    assert second.notice == "one source"
    assert board.problems() == {"sim": "no answer", "fees": "poor"}


def test_a_board_that_watches_nothing_has_no_problems():
    assert board_of(BENT).problems() == {}


# Scanning ------------------------------------------------------------------------------


def scanning(books, deposits):
    chain, board = BentChain(), board_of(BENT)
    scanner = DepositScanner(chain, deposits, books.ledger, rules({"BENT": 500}, tolerated_reorg=3))
    return chain, board, scan_step(scanner, deposits, board, lambda: 1_800_000_000)


def test_a_node_that_is_down_moves_no_height(books, deposits):
    chain, board, step = scanning(books, deposits)
    step()
    chain.down = True
    with pytest.raises(NodeUnavailable):
        step()
    assert board.chains()[0].height == 0


def test_a_scanned_deposit_is_credited_and_the_board_follows(books, deposits):
    chain, board, step = scanning(books, deposits)
    place = Address(BENT.id, "place-0")
    deposits.add_address(place, "alice", 0)
    chain.mine(Payment("tx-1", 0, place, Amount(1_234, BENT_COIN)), count=3)
    step()
    assert (board.chains()[0].height, board.chains()[0].behind) == (3, 0)
    assert books.accounts.balances("alice")["BENT"].available == Amount(1_200, BENT_COIN)
    assert deposit_dust(deposits, BENT_SCALE) == 34


def test_dust_counts_credited_deposits_and_nothing_before_or_after(books, deposits):
    chain, _, step = scanning(books, deposits)
    place = Address(BENT.id, "place-0")
    deposits.add_address(place, "alice", 0)
    chain.mine(Payment("tx-1", 0, place, Amount(599, BENT_COIN)))
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 0  # seen, not credited
    chain.mine()
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 99
    chain.mine(Payment("tx-2", 0, place, Amount(601, BENT_COIN)), count=2)
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 100  # one final by now, one credited
    chain.reorg(2)
    chain.mine(count=5)
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 99


def test_a_token_of_the_same_chain_does_not_count_as_dust_of_the_coin(books, deposits, database):
    token = Asset("TOK", 8, BENT.id, "contract")
    store = SqlDepositStore(database, AssetBook([BENT_COIN, SIM_COIN, token]), quanta=QUANTA)
    chain, _, step = scanning(books, deposits)
    place = Address(BENT.id, "place-0")
    deposits.add_address(place, "alice", 0)
    chain.mine(Payment("tx-1", 0, place, Amount(1_234, BENT_COIN)), count=3)
    step()
    assert deposit_dust(store, BENT_SCALE) == 34
    assert deposit_dust(store, AssetScale(token, 2, 2)) == 0


def test_what_is_too_small_to_be_credited_is_dust_as_long_as_the_chain_holds_it(books, deposits):
    chain, _, step = scanning(books, deposits)
    place = Address(BENT.id, "place-0")
    deposits.add_address(place, "alice", 0)
    chain.mine(Payment("tx-1", 0, place, Amount(499, BENT_COIN)))
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 499
    chain.reorg(1)
    chain.mine(count=2)
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 0
    chain.mine(Payment("tx-1", 0, place, Amount(499, BENT_COIN)), count=5)
    step()
    assert deposit_dust(deposits, BENT_SCALE) == 499
    assert books.accounts.owed_quanta(1) == 0


# Sweeping ------------------------------------------------------------------------------


def test_only_accounts_with_a_final_deposit_are_swept(books, deposits):
    chain, _, step = scanning(books, deposits)
    places = {name: Address(BENT.id, f"place-{name}") for name in ("alice", "bob", "carol", "nobody")}
    for index, (name, place) in enumerate(places.items()):
        deposits.add_address(place, name, index)
    chain.mine(Payment("tx-1", 0, places["carol"], Amount(1_000, BENT_COIN)))
    chain.mine(
        Payment("tx-2", 0, places["carol"], Amount(1_000, BENT_COIN)),
        Payment("tx-3", 0, places["alice"], Amount(1_000, BENT_COIN)),
    )
    chain.mine(count=3)
    chain.mine(Payment("tx-4", 0, places["bob"], Amount(1_000, BENT_COIN)), count=2)
    step()
    assert books.accounts.balances("bob")["BENT"].available == Amount(1_000, BENT_COIN)  # credited, not final
    asked = []
    sweeper = SimpleNamespace(step=lambda indexes: asked.append(list(indexes)))
    sweep_step(sweeper, BENT, deposits)()
    sweep_step(sweeper, sim_chain(), deposits)()
    assert asked == [[0, 2], []]


def part(chain, fee_paid=None, sweeps=None):
    # What the fee books look at of a chain's parts.
    return SimpleNamespace(chain=chain, fee_paid=fee_paid, sweeps=sweeps)


def taken(signed):
    return signed.fee_max


PAYING = part(sim_chain(), fee_paid=taken)


# Fees ----------------------------------------------------------------------------------


def test_a_fee_the_house_cannot_pay_waits_and_is_booked_once_it_can(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000)
    fees = FeeBooks(books.ledger, house.store, sweeps)
    for _ in range(3):
        with pytest.raises(FeesNotBooked, match="1 in all"):
            fees.step([PAYING])
    assert fees.has_stepped
    fund_house(books, 100)
    fees.step([PAYING])
    fees.step([PAYING])
    assert house_units(books) == 90


def test_one_fee_that_cannot_be_paid_keeps_no_other_one_waiting(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000, 2_000)
    block = BentChain().tip()
    books.ledger.credit(Deposit("house", 0, HOUSE, Amount(10_000, BENT_COIN), block, DepositState.CREDITING))
    sweeps.save_sweep(BENT, a_sweep(1, SweepState.FINAL, 200))
    fees = FeeBooks(books.ledger, house.store, sweeps)
    with pytest.raises(FeesNotBooked, match="2 in all: NETWORK_FEE"):
        fees.step([PAYING, part(BENT, sweeps=object())])
    assert books.accounts.balances(HOUSE)["BENT"].available == Amount(10_000 - 200, BENT_COIN)
    fund_house(books, 10, txid="for one of them")
    with pytest.raises(FeesNotBooked, match="1 in all"):
        fees.step([PAYING, part(BENT, sweeps=object())])
    assert house_units(books) == 0
    fund_house(books, 10, txid="for the other")
    fees.step([PAYING, part(BENT, sweeps=object())])
    assert house_units(books) == 0


def test_one_fee_that_no_node_tells_keeps_no_other_one_waiting_and_the_dust_is_not_known_yet(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000, 2_000)
    fund_house(books, 100)
    silent = []

    def sometimes(signed):
        if not silent:
            silent.append(signed.txid)
        if signed.txid in silent:
            raise NodeUnavailable("no receipt now")
        return signed.fee_max

    fees = FeeBooks(books.ledger, house.store, sweeps)
    with pytest.raises(FeesNotBooked, match="1 in all: no receipt now"):
        fees.step([part(sim_chain(), fee_paid=sometimes)])
    assert (house_units(books), fees.has_stepped) == (90, False)
    silent[:] = ["another"]
    fees.step([part(sim_chain(), fee_paid=sometimes)])
    assert (house_units(books), fees.has_stepped) == (80, True)


def test_a_broken_invariant_is_no_fee_that_waits(tmp_path, books, sweeps):
    def broken(signed):
        raise InvariantBroken("on purpose")

    with pytest.raises(InvariantBroken):
        FeeBooks(books.ledger, paid_house(tmp_path, 1_000).store, sweeps).step([part(sim_chain(), fee_paid=broken)])


def test_the_fee_of_every_final_payment_is_booked_once_also_after_a_restart(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000, 2_000, 3_000)
    fund_house(books, 100)
    for _ in range(2):
        fees = FeeBooks(books.ledger, house.store, sweeps)
        fees.step([PAYING])
        fees.step([PAYING])
        assert house_units(books) == 70
        assert fees.dust("SIM") == 0


def test_what_failed_on_chain_is_refunded_and_its_fee_is_booked_all_the_same(tmp_path, books, sweeps):
    house = House(url=f"sqlite:///{tmp_path}/house.sqlite")
    withdrawal_id = house.ask(1_000).id
    house.step()
    house.network.failed |= set(house.network.pool)
    house.settle()
    assert house.state(withdrawal_id) == "refunded"
    fund_house(books, 100)
    for _ in range(2):
        FeeBooks(books.ledger, house.store, sweeps).step([PAYING])
        assert house_units(books) == 90


def test_what_left_its_block_and_died_took_no_fee(tmp_path, books, sweeps):
    house = House(url=f"sqlite:///{tmp_path}/house.sqlite")
    withdrawal_id = house.ask(1_000).id
    house.step()
    house.network.mine()
    house.step()
    assert house.state(withdrawal_id) == "mined"
    house.network.reorg(1)
    house.network.spend_outside("coin-000")
    house.network.mine(9)
    house.settle()
    assert house.state(withdrawal_id) == "refunded"
    fund_house(books, 100)
    FeeBooks(books.ledger, house.store, sweeps).step([PAYING])
    assert house_units(books) == 100


def test_the_books_equal_the_chain_after_fees(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000, 2_000)
    before = sum(house.network.coins.values())
    fund_house(books, 100)
    FeeBooks(books.ledger, house.store, sweeps).step([PAYING])
    left_on_chain = sum(house.network.unspent().values())
    assert before - left_on_chain == 3_000 + (100 - house_units(books))


def test_what_is_not_final_or_pays_its_fee_elsewhere_is_not_booked(tmp_path, books, sweeps):
    fund_house(books, 100)
    house = House(url=f"sqlite:///{tmp_path}/house.sqlite")
    house.ask(1_000)
    house.step()
    house.network.mine()
    house.step()
    FeeBooks(books.ledger, house.store, sweeps).step([PAYING])
    house.settle()
    FeeBooks(books.ledger, house.store, sweeps).step([part(BENT, fee_paid=taken), part(sim_chain(), sweeps=object())])
    assert house_units(books) == 100
    FeeBooks(books.ledger, house.store, sweeps).step([PAYING])
    assert house_units(books) == 90


def test_of_several_attempts_of_a_payment_only_the_mined_one_took_a_fee(books, sweeps):
    def attempt(number, state, fee):
        signed = None if fee is None else SignedTx(f"tx-{number}", b"raw", "key", Amount(fee, SIM_COIN))
        return SimpleNamespace(signed=signed, state=state)

    attempts = [
        attempt(0, AttemptState.REPLACED, 10),
        attempt(1, AttemptState.EVICTED, 20),
        attempt(2, AttemptState.BUILT, None),
        attempt(3, AttemptState.MINED, 40),
    ]
    asked = []

    def payments(states):
        asked.append(states)
        return [SimpleNamespace(id="pay-1", chain=sim_chain().id)]

    store = SimpleNamespace(payments=payments, attempts=lambda payment_id: attempts)
    fund_house(books, 100)
    FeeBooks(books.ledger, store, sweeps).step([PAYING])
    assert house_units(books) == 60
    assert asked == [{PaymentState.FINAL, PaymentState.VOID}]


def a_sweep(number, state, fee):
    tx = SignedTx(f"sweep-{number}", b"raw", f"key-{number}", Amount(500, BENT_COIN))
    return Sweep(tx, number, state, None if fee is None else Amount(fee, BENT_COIN))


def test_only_final_sweeps_are_charged_what_the_chain_took_and_their_dust_is_told(tmp_path, books, sweeps):
    house = paid_house(tmp_path)
    block = BentChain().tip()
    books.ledger.credit(Deposit("house", 0, HOUSE, Amount(10_000, BENT_COIN), block, DepositState.CREDITING))
    for number, (state, fee) in enumerate(
        [(SweepState.FINAL, 101), (SweepState.FINAL, 200), (SweepState.STORED, None), (SweepState.DEAD, None)]
    ):
        sweeps.save_sweep(BENT, a_sweep(number, state, fee))
    fees = FeeBooks(books.ledger, house.store, sweeps)
    fees.step([part(BENT, sweeps=object())])
    fees.step([part(BENT, sweeps=object())])
    assert books.accounts.balances(HOUSE)["BENT"].available == Amount(10_000 - 400, BENT_COIN)
    assert (fees.dust("BENT"), fees.dust("SIM")) == (99, 0)


def test_fees_of_the_wallets_own_moves_are_booked_once_and_told_after_every_restart(tmp_path, books, sweeps):
    house = paid_house(tmp_path)
    block = BentChain().tip()
    books.ledger.credit(Deposit("house", 0, HOUSE, Amount(10_000, BENT_COIN), block, DepositState.CREDITING))
    records = TicketRecords(sweeps, BENT)
    tickets = SignedTx("tickets-1", b"raw", "key", Amount(36, BENT_COIN))
    records.keep(tickets)
    assert TicketRecords(sweeps, BENT).waiting() == tickets
    records.end(tickets, tickets.fee_max)
    assert records.waiting() is None
    for _ in range(2):
        fees = FeeBooks(books.ledger, house.store, sweeps)
        fees.step([part(BENT)])
        assert books.accounts.balances(HOUSE)["BENT"].available == Amount(10_000 - 100, BENT_COIN)
        assert fees.dust("BENT") == 64


def test_tickets_that_came_too_late_cost_nothing(tmp_path, books, sweeps):
    records = TicketRecords(sweeps, BENT)
    tickets = SignedTx("tickets-1", b"raw", "key", Amount(36, BENT_COIN))
    records.keep(tickets)
    records.end(tickets, None)
    assert records.waiting() is None
    fees = FeeBooks(books.ledger, paid_house(tmp_path).store, sweeps)
    fees.step([part(BENT)])
    assert fees.dust("BENT") == 0
