# Fees over real stores and the real ledger; chain, wallet and signers are simulated.
from types import SimpleNamespace

import pytest
from simulators.blocks import BENT_COIN, BentChain
from simulators.blocks import CHAIN as BENT
from simulators.chain import COIN as SIM_COIN
from simulators.chain import chain as sim_chain
from simulators.withdrawal_house import House
from sqlmodel import Session

from custody.chains.port import SignedTx
from custody.primitives.amount import Amount
from custody.primitives.errors import InvariantBroken, NodeUnavailable
from custody.store.database import open_database
from custody.store.fee_queue import DueKind, SqlFeeQueue, fee_is_due
from custody.wallets.deposit import Deposit, DepositState
from custody.wallets.sweep import Sweep, SweepState
from custody.withdrawals.states import AttemptState
from exchange.app.fee_books import FeeBooks, FeesNotBooked
from exchange.app.xrpl_moves import TicketRecords
from exchange.settlement.ledger import HOUSE


def fund_house(books, units, txid="house"):
    block = BentChain().tip()
    asset = SIM_COIN
    books.ledger.credit(Deposit(txid, 0, HOUSE, Amount(units, asset), block, DepositState.CREDITING))


def house_units(books):
    view = books.accounts.balances(HOUSE).get("SIM")
    return 0 if view is None else view.available.units


def paid_house(tmp_path, *units):
    house = House(url=f"sqlite:///{tmp_path}/custody.db")
    for number, each in enumerate(units):
        house.ask(each, key=f"key-{number}")
    house.settle()
    return house


def part(chain, fee_paid=None, sweeps=None):
    # What the fee books look at of a chain's parts.
    return SimpleNamespace(chain=chain, fee_paid=fee_paid, sweeps=sweeps)


def taken(signed):
    return signed.fee_max


def fee_books(books, house, sweeps):
    stores = SimpleNamespace(withdrawals=house.store, sweeps=sweeps, fees=SqlFeeQueue(house.engine))
    return FeeBooks(books.ledger, stores)


PAYING = part(sim_chain(), fee_paid=taken)


def test_a_fee_the_house_cannot_pay_waits_and_is_booked_once_it_can(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000)
    fees = fee_books(books, house, sweeps)
    for _ in range(3):
        with pytest.raises(FeesNotBooked, match="1 in all"):
            fees.step([PAYING])
    assert fees.has_stepped(sim_chain().id)
    fund_house(books, 100)
    fees.step([PAYING])
    fees.step([PAYING])
    assert house_units(books) == 90


def test_one_fee_that_cannot_be_paid_keeps_no_other_one_waiting(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000, 2_000)
    block = BentChain().tip()
    books.ledger.credit(Deposit("house", 0, HOUSE, Amount(10_000, BENT_COIN), block, DepositState.CREDITING))
    sweeps.save_sweep(BENT, a_sweep(1, SweepState.FINAL, 200))
    fees = fee_books(books, house, sweeps)
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

    fees = fee_books(books, house, sweeps)
    with pytest.raises(FeesNotBooked, match="1 in all: no receipt now"):
        fees.step([part(sim_chain(), fee_paid=sometimes)])
    assert (house_units(books), fees.has_stepped(sim_chain().id)) == (90, False)
    silent[:] = ["another"]
    fees.step([part(sim_chain(), fee_paid=sometimes)])
    assert (house_units(books), fees.has_stepped(sim_chain().id)) == (80, True)


def test_a_broken_invariant_is_no_fee_that_waits(tmp_path, books, sweeps):
    def broken(signed):
        raise InvariantBroken("on purpose")

    with pytest.raises(InvariantBroken):
        fee_books(books, paid_house(tmp_path, 1_000), sweeps).step([part(sim_chain(), fee_paid=broken)])


def test_the_fee_of_every_final_payment_is_booked_once_also_after_a_restart(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000, 2_000, 3_000)
    fund_house(books, 100)
    for _ in range(2):
        fees = fee_books(books, house, sweeps)
        fees.step([PAYING])
        fees.step([PAYING])
        assert house_units(books) == 70
        assert fees.dust("SIM") == 0


def test_what_failed_on_chain_is_refunded_and_its_fee_is_booked_all_the_same(tmp_path, books, sweeps):
    house = House(url=f"sqlite:///{tmp_path}/custody.db")
    withdrawal_id = house.ask(1_000).id
    house.step()
    house.network.failed |= set(house.network.pool)
    house.settle()
    assert house.state(withdrawal_id) == "refunded"
    fund_house(books, 100)
    for _ in range(2):
        fee_books(books, house, sweeps).step([PAYING])
        assert house_units(books) == 90


def test_what_left_its_block_and_died_took_no_fee(tmp_path, books, sweeps):
    house = House(url=f"sqlite:///{tmp_path}/custody.db")
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
    fee_books(books, house, sweeps).step([PAYING])
    assert house_units(books) == 100


def test_the_books_equal_the_chain_after_fees(tmp_path, books, sweeps):
    house = paid_house(tmp_path, 1_000, 2_000)
    before = sum(house.network.coins.values())
    fund_house(books, 100)
    fee_books(books, house, sweeps).step([PAYING])
    left_on_chain = sum(house.network.unspent().values())
    assert before - left_on_chain == 3_000 + (100 - house_units(books))


def test_what_is_not_final_or_pays_its_fee_elsewhere_is_not_booked(tmp_path, books, sweeps):
    fund_house(books, 100)
    house = House(url=f"sqlite:///{tmp_path}/custody.db")
    house.ask(1_000)
    house.step()
    house.network.mine()
    house.step()
    fee_books(books, house, sweeps).step([PAYING])
    house.settle()
    fee_books(books, house, sweeps).step([part(BENT, fee_paid=taken)])  # another chain's
    assert house_units(books) == 100
    fee_books(books, house, sweeps).step([part(sim_chain(), sweeps=object())])
    fee_books(books, house, sweeps).step([PAYING])
    assert house_units(books) == 100  # a float paid it


def test_of_several_attempts_of_a_payment_only_the_mined_one_took_a_fee(books, database, sweeps):
    def attempt(number, state, fee):
        signed = None if fee is None else SignedTx(f"tx-{number}", b"raw", "key", Amount(fee, SIM_COIN))
        return SimpleNamespace(signed=signed, state=state)

    attempts = [
        attempt(0, AttemptState.REPLACED, 10),
        attempt(1, AttemptState.EVICTED, 20),
        attempt(2, AttemptState.BUILT, None),
        attempt(3, AttemptState.MINED, 40),
    ]
    with Session(database) as session:
        fee_is_due(session, sim_chain().id, DueKind.PAYMENT, "pay-1")
        session.commit()
    house = SimpleNamespace(store=SimpleNamespace(attempts=lambda payment_id: attempts), engine=database)
    fund_house(books, 100)
    fee_books(books, house, sweeps).step([PAYING])
    assert house_units(books) == 60


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
    fees = fee_books(books, house, sweeps)
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
        fees = fee_books(books, house, sweeps)
        fees.step([part(BENT)])
        assert books.accounts.balances(HOUSE)["BENT"].available == Amount(10_000 - 100, BENT_COIN)
        assert fees.dust("BENT") == 64


def test_tickets_that_came_too_late_cost_nothing(tmp_path, books, sweeps):
    records = TicketRecords(sweeps, BENT)
    tickets = SignedTx("tickets-1", b"raw", "key", Amount(36, BENT_COIN))
    records.keep(tickets)
    records.end(tickets, None)
    assert records.waiting() is None
    fees = fee_books(books, paid_house(tmp_path), sweeps)
    fees.step([part(BENT)])
    assert fees.dust("BENT") == 0


def test_a_fee_that_was_lost_with_the_bytes_is_never_booked_as_nothing(books, database, sweeps):
    lost = SignedTx("tx", b"", "key", Amount(40, SIM_COIN))
    attempts = [SimpleNamespace(signed=lost, state=AttemptState.MINED)]
    with Session(database) as session:
        fee_is_due(session, sim_chain().id, DueKind.PAYMENT, "pay-1")
        session.commit()
    house = SimpleNamespace(store=SimpleNamespace(attempts=lambda payment_id: attempts), engine=database)
    fund_house(books, 100)
    fees = fee_books(books, house, sweeps)
    with pytest.raises(FeesNotBooked, match="bytes were lost"):
        fees.step([PAYING])
    assert house_units(books) == 100
    assert fees.due_payments(sim_chain().id) == {"pay-1"}
    assert fees.has_stepped(sim_chain().id)


def test_a_node_that_tells_no_fee_keeps_only_its_own_chain_in_doubt(tmp_path, books, sweeps):
    def silent(signed):
        raise NodeUnavailable("no receipt now")

    fees = fee_books(books, paid_house(tmp_path, 1_000), sweeps)
    with pytest.raises(FeesNotBooked):
        fees.step([part(sim_chain(), fee_paid=silent), part(BENT, fee_paid=taken)])
    assert (fees.has_stepped(sim_chain().id), fees.has_stepped(BENT.id)) == (False, True)


def test_two_processes_book_a_fee_once(tmp_path):
    url = f"sqlite:///{tmp_path}/x.db"
    one, other = SqlFeeQueue(open_database(url)), SqlFeeQueue(open_database(url))
    for queue in (one, other, one):
        queue.done(DueKind.PAYMENT, BENT.id, "pay-1", {"sim/tx": Amount(7, BENT_COIN)})
    assert (one.dust("BENT"), other.booked(["sim/tx", "sim/ty"])) == (7, {"sim/tx"})
