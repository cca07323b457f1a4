"""Network fees in the books: the house is charged with what the chains took.

Example:
    FeeBooks(ledger, stores).step(parts)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import Protocol

from custody.primitives.amount import Amount
from custody.primitives.chain import Chain, ChainId
from custody.primitives.errors import InvariantBroken, Refused, ToolkitError, Unavailable
from custody.store.fee_queue import DueKind, SqlFeeQueue
from custody.store.sweeps import SqlSweepStore
from custody.store.withdrawals import SqlWithdrawalStore
from custody.wallets.sweep import Sweep
from custody.withdrawals.states import AttemptState
from exchange.app.chain_parts import ChainParts
from exchange.settlement.ledger import SettlementLedger

MOST_TOLD = 3
"""Problems of one step that are spelled out; the rest is counted."""


class FeesNotBooked(Unavailable):
    """Some network fees could not be charged to the house; they are tried again."""

    code = "fees_not_booked"


class FeeNotKnown(Refused):
    """The bytes of a payment were lost, and with them what it cost; people look it up on chain."""

    code = "fee_not_known"


class FeeStores(Protocol):
    """The records of custody that are read and written."""

    @property
    def withdrawals(self) -> SqlWithdrawalStore: ...  # noqa: D102
    @property
    def sweeps(self) -> SqlSweepStore: ...  # noqa: D102
    @property
    def fees(self) -> SqlFeeQueue: ...  # noqa: D102


class FeeBooks:
    """Charges the house with network fees that were paid out of wallets which count as reserves.

    Payments on UTXO chains, Tron, the XRP Ledger and from a FROST group's address take their fee from the hot wallet,
    sweeps from the deposit account. Gas senders and Solana fee payers hold a float of their own that is no reserve.
    """

    def __init__(self, ledger: SettlementLedger, stores: FeeStores) -> None:
        self._ledger = ledger
        self._stores = stores
        self._stepped: set[ChainId] = set()

    def step(self, parts: Iterable[ChainParts]) -> None:
        """Book every fee of a final transaction that is not booked yet, of one that failed on chain, too.

        A repetition changes nothing. A fee that cannot be booked now keeps no other one waiting.

        Raises:
            FeesNotBooked: The house account cannot pay one (fund it), or a node does not tell one now; all others are
                booked, and the next step tries these again.
        """
        problems = list[ToolkitError]()
        for part in parts:
            here = list[ToolkitError]()
            for name in self._stores.fees.due(DueKind.PAYMENT, part.chain.id):
                with _noted(here):
                    self._book_payment(part, name)
            for move in self.due_sweeps(part.chain):  # sweeps, tickets
                with _noted(here):
                    self._book_sweep(part.chain.id, move)
            # A fee that the house cannot pay is known, and missing; one that no node tells makes the dust a guess.
            if not any(isinstance(each, Unavailable) for each in here):
                self._stepped.add(part.chain.id)
            problems += here
        if problems:
            told = "; ".join(sorted({each.message for each in problems})[:MOST_TOLD])
            raise FeesNotBooked(f"fees not booked, {len(problems)} in all: {told}", fees=len(problems))

    def has_stepped(self, chain: ChainId) -> bool:
        """Tell whether every fee of a chain that was due at the start was looked at: its dust is known then."""
        return chain in self._stepped

    def due_payments(self, chain: ChainId) -> frozenset[str]:
        """Payments of a chain that ended, and whose fees are not booked yet."""
        return frozenset(self._stores.fees.due(DueKind.PAYMENT, chain))

    def due_sweeps(self, chain: Chain) -> list[Sweep]:
        """Sweeps of a chain that are final, and whose fees are not booked yet."""
        return self._stores.sweeps.of_transactions(chain, self._stores.fees.due(DueKind.SWEEP, chain.id))

    def booked(self, subjects: Collection[str]) -> frozenset[str]:
        """Those of these transactions ("chain/txid") whose fee is booked."""
        return self._stores.fees.booked(subjects)

    def dust(self, symbol: str) -> int:
        """Base units by which booked fees exceed what the chain took."""
        return self._stores.fees.dust(symbol)

    def _book_payment(self, part: ChainParts, payment_id: str) -> None:
        """Book what the attempt that a block holds took; nothing where a float paid."""
        dust: dict[str, Amount] = {}
        if part.fee_paid is not None:
            for attempt in self._stores.withdrawals.attempts(payment_id):
                if attempt.signed is not None and attempt.state is AttemptState.MINED:
                    subject = f"{part.chain.id}/{attempt.signed.txid}"
                    if not attempt.signed.raw:  # people proved that it was paid; until then at most its cap is missing
                        raise FeeNotKnown(f"fee of payment {payment_id} is not known: its bytes were lost ({subject})")
                    dust[subject] = self._ledger.book_fee(subject, part.fee_paid(attempt.signed))
        self._stores.fees.done(DueKind.PAYMENT, part.chain.id, payment_id, dust)

    def _book_sweep(self, chain: ChainId, move: Sweep) -> None:
        subject = f"{chain}/{move.tx.txid}"
        dust = {} if move.fee is None else {subject: self._ledger.book_fee(subject, move.fee)}
        self._stores.fees.done(DueKind.SWEEP, chain, move.tx.txid, dust)


@contextmanager
def _noted(problems: list[ToolkitError]) -> Iterator[None]:
    """Keep what goes wrong inside, and go on behind it; our own bugs go further up."""
    try:
        yield
    except InvariantBroken:
        raise
    except ToolkitError as error:
        problems.append(error)
