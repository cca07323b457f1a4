"""Steps of the background work that touch custody: deposits, withdrawals, sweeps, fees."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from custody.monitor.breaker import FileBreaker
from custody.primitives.amount import Amount
from custody.primitives.chain import Chain, ChainId
from custody.primitives.errors import InvariantBroken, ToolkitError, Unavailable, VerificationFailed
from custody.store.deposits import SqlDepositStore
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.cases import OPEN_CASES
from custody.wallets.clean_coins import sweepable
from custody.wallets.deposit import DepositState, uncredited_units
from custody.wallets.scanner import DepositScanner
from custody.wallets.sweep import Sweeper, SweepState
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.states import AttemptState, PaymentState
from exchange.app.chain_parts import ChainParts
from exchange.app.house_evidence import HouseNotes
from exchange.settlement.ledger import SettlementLedger
from exchange.settlement.rooms import ChainStatus
from exchange.settlement.scale import AssetScale

MOST_TOLD = 3
"""Problems of one step that are spelled out; the rest is counted."""
_ENDED_ON_CHAIN = frozenset({PaymentState.FINAL, PaymentState.VOID})
"""What took a fee for good: paid, or executed and failed; of both, the attempt in a block is marked."""
REST_S = 1.0
"""Longest pause of a scanner whose chain stands still."""


class ChainBoard:
    """Where each deposit scanner stands, for the status page."""

    def __init__(self, parts: Iterable[ChainParts]) -> None:
        self._parts = {part.chain.id: (part.evidence, part.sources) for part in parts}
        self._problems: Callable[[], Mapping[str, str]] = dict
        self._scanned: dict[str, tuple[int, int, str]] = {}
        self._lock = threading.Lock()

    def watch(self, problems: Callable[[], Mapping[str, str]]) -> None:
        """Take the problems of the background work from here."""
        self._problems = problems

    def note(self, chain: Chain, height: int, behind: int, notice: str) -> None:
        """Remember how far a scanner came, and what people should know about it."""
        with self._lock:
            self._scanned[chain.id] = (height, behind, notice)

    def chains(self) -> Sequence[ChainStatus]:
        """One row a chain."""
        problems = self.problems()
        with self._lock:
            scanned = dict(self._scanned)
        rows = []
        for chain, (evidence, sources) in self._parts.items():
            height, behind, notice = scanned.get(chain, (-1, 0, ""))
            error = problems.get(chain, "")
            notes = f"{sources}; {notice}" if notice else sources
            rows.append(ChainStatus(chain, evidence, height, behind, "down" if error else "ok", error, notes))
        return rows

    def problems(self) -> Mapping[str, str]:
        """Last problem of every loop that has one."""
        return self._problems()


def scan_step(
    scanner: DepositScanner, store: SqlDepositStore, board: ChainBoard, now_s: Callable[[], int]
) -> Callable[[], object]:
    """Make the step that scans one chain; `now_s` reads a clock, seconds since 1970 UTC.

    Between two blocks only time and officers move a deposit: then it looks once in `REST_S`.
    """
    looked_s = -REST_S

    def step() -> object:
        nonlocal looked_s
        if time.monotonic() - looked_s < REST_S and not scanner.sees_news():
            return None
        progress = scanner.step(now_s())
        looked_s = time.monotonic()
        tip = store.scanned_tip(scanner.chain.id)
        cases = Counter(case.state.value for case in store.in_states(scanner.chain.id, OPEN_CASES))
        notes = [progress.paused, *(f"{count} {state}" for state, count in sorted(cases.items()))]
        board.note(scanner.chain, tip.height if tip else -1, progress.behind, "; ".join(filter(None, notes)))
        return progress

    return step


def sweep_step(sweeper: Sweeper, chain: Chain, deposits: SqlDepositStore) -> Callable[[], object]:
    """Make the step that sweeps deposit accounts which received something final and hold nothing set aside."""

    def step() -> object:
        positions = deposits.positions(chain.id)
        return sweeper.step(sorted(positions[text] for text in sweepable(deposits, chain.id) if text in positions))

    return step


def pay_step(pipeline: Pipeline, chain: ChainId, now_s: Callable[[], int]) -> Callable[[], bool]:
    """Make the step that pays on one chain; `now_s` reads a clock, seconds since 1970 UTC."""

    def step() -> bool:
        pipeline.pay(chain, now_s())
        return pipeline.is_gathering(chain)

    return step


def guarded_step(step: Callable[[], object], chain: Chain, breaker: FileBreaker) -> Callable[[], object]:
    """Make a step whose failed verification stops all signing on its chain, before the failure goes on."""

    def guarded() -> object:
        try:
            return step()
        except VerificationFailed as found:
            breaker.open(f"chain:{chain.id}", f"{found.code}: {found.message}")
            raise

    return guarded


def noted_watch(
    watch: Callable[[], object], chain: Chain, notes: HouseNotes, now_s: Callable[[], int]
) -> Callable[[], object]:
    """Make a watch of the wallets on chain tell the gates what it saw; `now_s` reads a clock, seconds since 1970."""

    def noted() -> object:
        try:
            seen = watch()
        except VerificationFailed as found:
            notes.note_contracts(chain.id, now_s(), found.message)
            raise
        notes.note_contracts(chain.id, now_s(), "")
        return seen

    return noted


class FeesNotBooked(Unavailable):
    """Some network fees could not be charged to the house; they are tried again."""

    code = "fees_not_booked"


@contextmanager
def _noted(problems: list[ToolkitError]) -> Iterator[None]:
    """Keep what goes wrong inside, and go on behind it; our own bugs go further up."""
    try:
        yield
    except InvariantBroken:
        raise
    except ToolkitError as error:
        problems.append(error)


class FeeBooks:
    """Charges the house with network fees that were paid out of wallets which count as reserves.

    Payments on UTXO chains, Tron, the XRP Ledger and from a FROST group's address take their fee from the hot wallet,
    sweeps from the deposit account. Gas senders and Solana fee payers hold a float of their own that is no reserve.
    """

    def __init__(self, ledger: SettlementLedger, withdrawals: SqlWithdrawalStore, sweeps: SqlSweepStore) -> None:
        self._ledger = ledger
        self._withdrawals = withdrawals
        self._sweeps = sweeps
        self._booked: dict[str, Amount] = {}
        self._done: set[str] = set()  # payments whose fees are booked: the list of ended ones only grows
        self.has_stepped = False

    def step(self, parts: Iterable[ChainParts]) -> None:
        """Book every fee of a final transaction that is not booked yet, of one that failed on chain, too.

        A repetition changes nothing. A fee that cannot be booked now keeps no other one waiting.

        Raises:
            FeesNotBooked: The house account cannot pay one (fund it), or a node does not tell one now; all others are
                booked, and the next step tries these again.
        """
        by_chain, problems = {part.chain.id: part for part in parts}, list[ToolkitError]()
        for payment in self._withdrawals.payments(_ENDED_ON_CHAIN):
            paid = by_chain[payment.chain].fee_paid if payment.chain in by_chain else None
            if paid is not None and payment.id not in self._done:
                with _noted(problems):
                    for attempt in self._withdrawals.attempts(payment.id):
                        if attempt.signed is not None and attempt.state is AttemptState.MINED:
                            self._book(f"{payment.chain}/{attempt.signed.txid}", paid(attempt.signed))
                    self._done.add(payment.id)
        for part in by_chain.values():
            for move in self._sweeps.sweeps(part.chain, (SweepState.FINAL,)):  # sweeps, tickets
                if move.fee is not None:
                    with _noted(problems):
                        self._book(f"{part.chain.id}/{move.tx.txid}", move.fee)
        # A fee that the house cannot pay is known, and missing; one that no node tells makes the dust a guess.
        self.has_stepped = self.has_stepped or not any(isinstance(each, Unavailable) for each in problems)
        if problems:
            told = "; ".join(sorted({each.message for each in problems})[:MOST_TOLD])
            raise FeesNotBooked(f"fees not booked, {len(problems)} in all: {told}", fees=len(problems))

    def is_booked(self, subject: str) -> bool:
        """Tell whether the fee of a transaction ("chain/txid") is booked, as far as this process knows."""
        return subject in self._booked

    def dust(self, symbol: str) -> int:
        """Base units by which booked fees exceed what the chain took."""
        booked = tuple(self._booked.values())  # a copy: another thread may be booking
        return sum(dust.units for dust in booked if dust.asset.symbol == symbol)

    def _book(self, subject: str, fee: Amount) -> None:
        if subject not in self._booked:
            self._booked[subject] = self._ledger.book_fee(subject, fee)


def deposit_dust(deposits: SqlDepositStore, scale: AssetScale) -> int:
    """What the chain holds of an asset's deposits and nobody was credited with, in base units.

    The remainders below one quantum, whatever is too small to be credited at all, and what waits for officers;
    less what was credited, spent, and then left the chain. Negative if that is more.
    """
    found = deposits.units_in(scale.asset.chain, tuple(DepositState))
    symbol, quantum = scale.asset.symbol, scale.quantum
    return sum(uncredited_units(state, units, quantum) for state, asset, units in found if asset == symbol)
