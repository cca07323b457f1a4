# Laws of the seam: whatever is credited, reversed, held, ended and paid, in whatever order and over restarts,
# no unit appears or is lost. The model below is written from the rules, in base units, without an engine.
import tempfile
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulators.journal_traffic import StepClock
from simulators.settlement_world import BTC, ETH, NOTE, SequencerPort, deposit_of, scale_book

from custody.primitives.amount import Amount
from custody.primitives.errors import Conflict, InsufficientFunds, LimitExceeded
from custody.primitives.ids import CustomerId
from exchange.engine.engine import Engine
from exchange.engine.reference import ReferenceEngine
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.ledger import HOUSE, HoldRecords, SettlementLedger
from exchange.settlement.scale import AMOUNT_CAP_QUANTA

SCALES = scale_book()
CAP_UNITS = {BTC: AMOUNT_CAP_QUANTA, ETH: AMOUNT_CAP_QUANTA * 10**10}
customers = st.sampled_from(["alice", "bob", HOUSE])
assets = st.sampled_from([BTC, ETH])
# Around the quantum of ETH, so that dust and lack of funds are common; and sometimes all the engine can count.
units = st.one_of(st.integers(0, 5 * 10**10), st.integers(0, 50), st.just("cap"))
which = st.integers(0, 20)
steps = st.one_of(
    st.tuples(st.just("credit"), customers, assets, units),
    st.tuples(st.just("hold"), customers, assets, st.integers(1, 50)),
    st.tuples(st.just("fee"), assets, units),
    st.tuples(st.sampled_from(["credit again", "reverse", "post", "void", "hold again", "fee again"]), which),
    st.tuples(st.just("restart")),
)


class Seam:
    """The real thing and the model, side by side."""

    def __init__(self, folder, make_engine):
        self.folder, self.make_engine, self.clock = folder, make_engine, StepClock()
        self.charged = {}
        self.deposits, self.holds, self.fees = [], [], []
        self.credited, self.reversed, self.refused = set(), set(), set()
        self.ends = {}
        self.free, self.held = defaultdict(int), defaultdict(int)  # (customer, asset) -> base units
        self.flows = {asset: {"in": 0, "dust": 0, "paid": 0, "fees": 0} for asset in (BTC, ETH)}
        self.fees_booked = set()
        self.start()

    def start(self):
        self.port = SequencerPort(self.folder, self.make_engine, self.clock)
        self.ledger = SettlementLedger(self.port, SCALES, HoldRecords(list, self.charged.__getitem__))
        self.desk = AccountDesk(self.port, SCALES)

    def restart(self):
        before = self.port.engine.balances
        rows = list(before())
        self.port.close()
        self.start()
        assert list(self.port.engine.balances()) == rows

    def pick(self, made, index):
        return index % len(made) if made else None

    # Steps -----------------------------------------------------------------------------

    def credit(self, customer, asset, amount):
        amount = CAP_UNITS[asset] if amount == "cap" else amount
        self.deposits.append(deposit_of(customer, Amount(amount, asset), f"tx-{len(self.deposits)}"))
        self.credit_again(len(self.deposits) - 1)

    def credit_again(self, index):
        at = self.pick(self.deposits, index)
        if at is None:
            return
        deposit = self.deposits[at]
        asset, flows = deposit.amount.asset, self.flows[deposit.amount.asset]
        quantum = SCALES.of(asset.symbol).quantum
        booked = deposit.amount.units // quantum * quantum
        if at not in self.credited and at in self.refused:
            with pytest.raises(InsufficientFunds):
                self.ledger.credit(deposit)
        elif at not in self.credited and booked and self.owed(asset) + booked > CAP_UNITS[asset]:
            with pytest.raises(LimitExceeded):
                self.ledger.credit(deposit)
            self.refused.add(at)
        else:
            self.ledger.credit(deposit)
            if at not in self.credited:
                self.credited.add(at)
                self.free[deposit.customer, asset] += booked
                flows["in"] += deposit.amount.units
                flows["dust"] += deposit.amount.units - booked

    def reverse(self, index):
        at = self.pick(sorted(self.credited), index)
        if at is None:
            return
        at = sorted(self.credited)[at]
        deposit = self.deposits[at]
        asset, flows = deposit.amount.asset, self.flows[deposit.amount.asset]
        quantum = SCALES.of(asset.symbol).quantum
        booked = deposit.amount.units // quantum * quantum
        if (
            at not in self.reversed
            and booked
            and (("reversal", at) in self.refused or self.free[deposit.customer, asset] < booked)
        ):
            with pytest.raises(InsufficientFunds):
                self.ledger.reverse(deposit)
            self.refused.add(("reversal", at))
            return
        self.ledger.reverse(deposit)
        if at not in self.reversed:
            self.reversed.add(at)
            self.free[deposit.customer, asset] -= booked
            flows["in"] -= deposit.amount.units
            flows["dust"] -= deposit.amount.units - booked

    def hold(self, customer, asset, quanta):
        scale = SCALES.of(asset.symbol)
        step = 10**9 if asset == BTC else 1  # of the size of the deposits
        self.holds.append((f"wd-{len(self.holds)}", CustomerId(customer), scale.amount(quanta * step)))
        self.charged[self.holds[-1][0]] = self.holds[-1][1:]
        self.hold_again(len(self.holds) - 1, first=True)

    def hold_again(self, index, *, first=False):
        at = self.pick(self.holds, index)
        if at is None:
            return
        name, customer, amount = self.holds[at]
        key = (customer, amount.asset)
        if name in self.refused or (first and self.free[key] < amount.units):
            with pytest.raises(InsufficientFunds):
                self.ledger.hold(name, customer, amount, NOTE)
            self.refused.add(name)
            return
        self.ledger.hold(name, customer, amount, NOTE)
        if first:
            self.free[key] -= amount.units
            self.held[key] += amount.units

    def end(self, index, how):
        open_or_ended = [hold for hold in self.holds if hold[0] not in self.refused]
        at = self.pick(open_or_ended, index)
        if at is None:
            return
        name, customer, amount = open_or_ended[at]
        if self.ends.get(name, how) != how:
            with pytest.raises(Conflict):
                getattr(self.ledger, how)(name)
            return
        getattr(self.ledger, how)(name)
        if name not in self.ends:
            self.ends[name] = how
            self.held[customer, amount.asset] -= amount.units
            if how == "void":
                self.free[customer, amount.asset] += amount.units
            else:
                self.flows[amount.asset]["paid"] += amount.units

    def fee(self, asset, amount):
        self.fees.append(
            (f"{asset.chain}/tx-{len(self.fees)}", Amount(CAP_UNITS[asset] if amount == "cap" else amount, asset))
        )
        self.fee_again(len(self.fees) - 1)

    def fee_again(self, index):
        at = self.pick(self.fees, index)
        if at is None:
            return
        subject, fee = self.fees[at]
        quantum = SCALES.of(fee.asset.symbol).quantum
        booked = -(-fee.units // quantum) * quantum
        if subject not in self.fees_booked and self.free[HOUSE, fee.asset] < booked:
            with pytest.raises(InsufficientFunds):
                self.ledger.book_fee(subject, fee)
            return
        dust = self.ledger.book_fee(subject, fee)
        assert dust.units == booked - fee.units
        if subject not in self.fees_booked:
            self.fees_booked.add(subject)
            self.free[HOUSE, fee.asset] -= booked
            self.flows[fee.asset]["fees"] += fee.units
            self.flows[fee.asset]["dust"] += dust.units

    def take(self, step):
        kind, *rest = step
        if kind == "restart":
            self.restart()
        elif kind in ("post", "void"):
            self.end(*rest, kind)
        else:
            getattr(self, kind.replace(" ", "_"))(*rest)

    # Laws ------------------------------------------------------------------------------

    def owed(self, asset):
        return sum(amount for (_, of), amount in (*self.free.items(), *self.held.items()) if of == asset)

    def verify(self):
        rows = list(self.port.engine.balances())
        liabilities = self.desk.liabilities(lambda: "head").rows
        for asset in (BTC, ETH):
            scale, flows = SCALES.of(asset.symbol), self.flows[asset]
            assert sum(free + held for _, number, free, held in rows if number == scale.number) == 0
            owed = sum(quanta for _, number, quanta in liabilities if number == scale.number) * scale.quantum
            assert owed + flows["dust"] == flows["in"] - flows["paid"] - flows["fees"]
            assert owed == self.desk.owed_quanta(scale.number) * scale.quantum == self.owed(asset)
            for customer in ("alice", "bob", HOUSE):
                account = self.port.directory.find(CustomerId(customer))
                row = None if account is None else self.port.engine.balance(account, scale.number)
                found = (0, 0) if row is None else (row.available * scale.quantum, row.held * scale.quantum)
                assert found == (self.free[customer, asset], self.held[customer, asset])


@pytest.mark.parametrize("make_engine", [Engine, ReferenceEngine])
@settings(max_examples=60, deadline=None)
@given(history=st.lists(steps, max_size=30))
def test_no_unit_appears_or_is_lost_between_deposits_books_payments_and_fees(make_engine, history):
    with tempfile.TemporaryDirectory() as folder:
        seam = Seam(Path(folder), make_engine)
        for step in history:
            seam.take(step)
            seam.verify()
        seam.port.close()


@settings(max_examples=25, deadline=None)
@given(history=st.lists(steps, max_size=20))
def test_both_engines_keep_the_same_books(history):
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as two:
        seams = [Seam(Path(one), Engine), Seam(Path(two), ReferenceEngine)]
        for seam in seams:
            for step in history:
                seam.take(step)
            seam.port.close()
        assert seams[0].port.engine.state_hash() == seams[1].port.engine.state_hash()
