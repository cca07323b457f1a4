"""Steps of the background work that touch custody: deposits, withdrawals, sweeps, fees."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence

from custody.monitor.breaker import FileBreaker
from custody.primitives.amount import Amount
from custody.primitives.chain import Chain
from custody.primitives.errors import VerificationFailed
from custody.store.deposits import SqlDepositStore
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.deposit import DepositState
from custody.wallets.scanner import DepositScanner
from custody.wallets.sweep import Sweeper, SweepState
from custody.withdrawals.states import AttemptState, PaymentState
from exchange.app.chain_parts import ChainParts
from exchange.settlement.ledger import SettlementLedger
from exchange.settlement.rooms import ChainStatus
from exchange.settlement.scale import AssetScale


class ChainBoard:
    """Where each deposit scanner stands, for the status page."""

    def __init__(self, parts: Iterable[ChainParts]) -> None:
        self._evidence = {part.chain.id: part.evidence for part in parts}
        self._problems: Callable[[], Mapping[str, str]] = dict
        self._scanned: dict[str, tuple[int, int]] = {}
        self._lock = threading.Lock()

    def watch(self, problems: Callable[[], Mapping[str, str]]) -> None:
        """Take the problems of the background work from here."""
        self._problems = problems

    def note(self, chain: Chain, height: int, behind: int) -> None:
        """Remember how far a scanner came."""
        with self._lock:
            self._scanned[chain.id] = (height, behind)

    def chains(self) -> Sequence[ChainStatus]:
        """One row a chain."""
        problems = self.problems()
        with self._lock:
            scanned = dict(self._scanned)
        rows = []
        for chain, evidence in self._evidence.items():
            height, behind = scanned.get(chain, (-1, 0))
            error = problems.get(chain, "")
            rows.append(ChainStatus(chain, evidence, height, behind, "down" if error else "ok", error))
        return rows

    def problems(self) -> Mapping[str, str]:
        """Last problem of every loop that has one."""
        return self._problems()


def scan_step(scanner: DepositScanner, store: SqlDepositStore, board: ChainBoard) -> Callable[[], object]:
    """Make the step that scans one chain."""

    def step() -> object:
        progress = scanner.step()
        tip = store.scanned_tip(scanner.chain.id)
        board.note(scanner.chain, tip.height if tip else -1, progress.behind)
        return progress

    return step


def sweep_step(sweeper: Sweeper, chain: Chain, deposits: SqlDepositStore) -> Callable[[], object]:
    """Make the step that sweeps deposit accounts which received something final."""

    def step() -> object:
        paid = {deposit.customer for deposit in deposits.in_states(chain.id, (DepositState.FINAL,))}
        places = (deposits.address_of(chain.id, customer) for customer in sorted(paid))
        return sweeper.step([place[1] for place in places if place is not None])

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


class FeeBooks:
    """Charges the house with network fees that were paid out of wallets which count as reserves.

    UTXO payments take their fee from the hot wallet, sweeps from the deposit account. Gas senders and
    Solana fee payers hold a float of their own that is no reserve.
    """

    def __init__(self, ledger: SettlementLedger, withdrawals: SqlWithdrawalStore, sweeps: SqlSweepStore) -> None:
        self._ledger = ledger
        self._withdrawals = withdrawals
        self._sweeps = sweeps
        self._booked: dict[str, Amount] = {}

    def step(self, utxo: Iterable[Chain], swept: Iterable[Chain]) -> None:
        """Book every fee of a final transaction that is not booked yet; a repetition changes nothing.

        Raises:
            InsufficientFunds: The house account cannot pay; fund it.
        """
        chains = {chain.id for chain in utxo}
        for payment in self._withdrawals.payments({PaymentState.FINAL}):
            if payment.chain in chains:
                for attempt in self._withdrawals.attempts(payment.id):
                    if attempt.signed is not None and attempt.state is AttemptState.MINED:
                        self._book(f"{payment.chain}/{attempt.signed.txid}", attempt.signed.fee_max)
        for chain in swept:
            for sweep in self._sweeps.sweeps(chain, (SweepState.FINAL,)):
                if sweep.fee is not None:
                    self._book(f"{chain.id}/{sweep.tx.txid}", sweep.fee)

    def dust(self, symbol: str) -> int:
        """Base units by which booked fees exceed what the chain took."""
        booked = tuple(self._booked.values())  # a copy: another thread may be booking
        return sum(dust.units for dust in booked if dust.asset.symbol == symbol)

    def _book(self, subject: str, fee: Amount) -> None:
        if subject not in self._booked:
            self._booked[subject] = self._ledger.book_fee(subject, fee)


def deposit_dust(deposits: SqlDepositStore, scale: AssetScale) -> int:
    """What the chain holds of an asset's deposits and nobody was credited with, in base units.

    The remainders below one quantum, and whatever is too small to be credited at all.
    """

    def units(*states: DepositState) -> list[int]:
        found = deposits.in_states(scale.asset.chain, states)
        return [deposit.amount.units for deposit in found if deposit.amount.asset == scale.asset]

    remainders = sum(each % scale.quantum for each in units(DepositState.CREDITED, DepositState.FINAL))
    return remainders + sum(units(DepositState.IGNORED))
