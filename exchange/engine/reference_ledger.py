"""The plain twin's money: balances, and transfers between them.

Written for reading: dictionaries, Python integers, one rule after the other. The compiled core must answer the same.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np

from exchange.engine.codes import AMOUNT_CAP, SystemAccount, TransferFlag, TransferResult
from exchange.engine.records import TRANSFER, Records
from exchange.engine.state import OUTCOME, EngineConfig

_ENDINGS = TransferFlag.POST | TransferFlag.VOID
_MODES = TransferFlag.PENDING | _ENDINGS
_ALL_FLAGS = int(_MODES | TransferFlag.LINKED)
_NEVER, _OPEN, _POSTED, _VOIDED = range(4)
_NO_ID = (0, (1 << 128) - 1)


@dataclass(slots=True)
class Purse:
    """One balance, see `views.Balance`."""

    available: int = 0
    order_hold: int = 0
    pending_out: int = 0


Purses = defaultdict[tuple[int, int], Purse]
"""Balances by (account, asset)."""


@dataclass(slots=True)
class Entry:
    """A recorded transfer and what became of it."""

    record: np.void
    id: int
    pending_id: int
    debit: int
    credit: int
    ledger: int
    amount: int
    flags: TransferFlag
    result: TransferResult = TransferResult.OK
    effect: int = 0
    target: int = -1
    state: int = _NEVER

    def content(self) -> bytes:
        """All fields that a repetition must repeat: everything but the time stamp."""
        copy = self.record.copy()
        copy["ts"] = 0
        return copy.tobytes()


def entry_of(record: np.void) -> Entry:
    """Read a TRANSFER record."""
    return Entry(
        record=record.copy(),
        id=int(record["id_hi"]) << 64 | int(record["id_lo"]),
        pending_id=int(record["pending_hi"]) << 64 | int(record["pending_lo"]),
        debit=int(record["debit"]),
        credit=int(record["credit"]),
        ledger=int(record["ledger"]),
        amount=int(record["amount"]),
        flags=TransferFlag(int(record["flags"]) & _ALL_FLAGS),
    )


@dataclass(slots=True)
class ReferenceLedger:
    """Transfers over the balances that trading uses as well."""

    config: EngineConfig
    purses: Purses
    entries: list[Entry] = field(default_factory=list)
    by_id: dict[int, int] = field(default_factory=dict)

    def apply(self, batch: Records) -> list[TransferResult]:
        """Apply the transfers chain by chain; a transfer without LINKED before it is a chain of one."""
        results: list[TransferResult] = []
        chain: list[np.void] = []
        for record in batch:
            chain.append(record)
            if not int(record["flags"]) & TransferFlag.LINKED:
                results += self._apply_chain(chain, is_open=False)
                chain = []
        if chain:
            results += self._apply_chain(chain, is_open=True)
        return results

    def _apply_chain(self, chain: list[np.void], *, is_open: bool) -> list[TransferResult]:
        before = len(self.entries)
        results: list[TransferResult] = []
        for position, record in enumerate(chain):
            entry = entry_of(record)
            result = self._judge(entry)
            if is_open and position == len(chain) - 1:
                result = TransferResult.CHAIN_OPEN
            if result == TransferResult.OK:
                self._book(entry)
            elif result != TransferResult.EXISTS:
                return self._fail_chain(chain, results, entry, (result, before), is_open=is_open)
            results.append(result)
        return results

    def _fail_chain(
        self,
        chain: list[np.void],
        results: list[TransferResult],
        entry: Entry,
        failure: tuple[TransferResult, int],
        *,
        is_open: bool,
    ) -> list[TransferResult]:
        result, before = failure
        while len(self.entries) > before:
            self._unbook(self.entries.pop())
        if result >= TransferResult.UNKNOWN_ACCOUNT:
            entry.result = result
            self._record(entry)
        failed = TransferResult.CHAIN_FAILED
        answers = [failed if earlier == TransferResult.OK else earlier for earlier in results]
        answers.append(result)
        answers += [failed] * (len(chain) - len(answers))
        if is_open:
            answers[-1] = TransferResult.CHAIN_OPEN
        return answers

    # Judging, in the order of the codes ---------------------------------------------------

    def _judge(self, entry: Entry) -> TransferResult:
        if any(int(word) for word in entry.record["reserved"]):
            return TransferResult.RESERVED_FIELD
        if int(entry.record["flags"]) > _ALL_FLAGS or (entry.flags & _MODES).bit_count() > 1:
            return TransferResult.INVALID_FLAGS
        if entry.id in _NO_ID:
            return TransferResult.INVALID_ID
        if entry.id in self.by_id:
            known = self.entries[self.by_id[entry.id]]
            if known.content() != entry.content():
                return TransferResult.EXISTS_DIFFERENT
            return TransferResult.EXISTS if known.result == TransferResult.OK else TransferResult.ALREADY_FAILED
        return self._judge_fields(entry)

    def _judge_fields(self, entry: Entry) -> TransferResult:  # noqa: PLR0911 - one return a reason
        if not all(0 <= account < self.config.max_accounts for account in (entry.debit, entry.credit)):
            return TransferResult.UNKNOWN_ACCOUNT
        if entry.debit == entry.credit:
            return TransferResult.SAME_ACCOUNT
        if entry.ledger >= self.config.max_assets:
            return TransferResult.UNKNOWN_LEDGER
        ends_pending = bool(entry.flags & _ENDINGS)
        if not (0 if ends_pending else 1) <= entry.amount <= AMOUNT_CAP:
            return TransferResult.INVALID_AMOUNT
        if bool(entry.pending_id) != ends_pending or entry.pending_id == entry.id:
            return TransferResult.INVALID_PENDING_ID
        if ends_pending:
            return self._judge_ending(entry)
        available = self.purses[entry.debit, entry.ledger].available
        if entry.debit == SystemAccount.CLEARING:
            return TransferResult.OVERFLOW if available - entry.amount < -AMOUNT_CAP else TransferResult.OK
        return TransferResult.FUNDS if entry.amount > available else TransferResult.OK

    def _judge_ending(self, entry: Entry) -> TransferResult:
        known = self.by_id.get(entry.pending_id)
        if known is None or self.entries[known].result != TransferResult.OK:
            return TransferResult.PENDING_NOT_FOUND
        pending = self.entries[known]
        if not pending.flags & TransferFlag.PENDING:
            return TransferResult.NOT_PENDING
        if (pending.debit, pending.credit, pending.ledger) != (entry.debit, entry.credit, entry.ledger):
            return TransferResult.PENDING_DIFFERENT
        is_partial = entry.amount not in (0, pending.amount)
        if entry.amount > pending.amount or (entry.flags & TransferFlag.VOID and is_partial):
            return TransferResult.EXCEEDS_PENDING
        if pending.state == _POSTED:
            return TransferResult.ALREADY_POSTED
        return TransferResult.ALREADY_VOIDED if pending.state == _VOIDED else TransferResult.OK

    # Booking --------------------------------------------------------------------------------

    def _book(self, entry: Entry) -> None:
        debit, credit = self.purses[entry.debit, entry.ledger], self.purses[entry.credit, entry.ledger]
        entry.effect = entry.amount
        if entry.flags & _ENDINGS:
            entry.target = self.by_id[entry.pending_id]
            pending = self.entries[entry.target]
            pending.state = _POSTED if entry.flags & TransferFlag.POST else _VOIDED
            entry.effect = (entry.amount or pending.amount) if entry.flags & TransferFlag.POST else 0
            debit.pending_out -= pending.amount
            debit.available += pending.amount - entry.effect
            credit.available += entry.effect
        elif entry.flags & TransferFlag.PENDING:
            entry.state = _OPEN
            debit.available -= entry.amount
            debit.pending_out += entry.amount
        else:
            debit.available -= entry.amount
            credit.available += entry.amount
        self._record(entry)

    def _unbook(self, entry: Entry) -> None:
        """Reverse `_book` for an entry that was just taken off the list."""
        del self.by_id[entry.id]
        debit, credit = self.purses[entry.debit, entry.ledger], self.purses[entry.credit, entry.ledger]
        if entry.flags & _ENDINGS:
            pending = self.entries[entry.target]
            pending.state = _OPEN
            debit.pending_out += pending.amount
            debit.available -= pending.amount - entry.effect
            credit.available -= entry.effect
        elif entry.flags & TransferFlag.PENDING:
            debit.available += entry.amount
            debit.pending_out -= entry.amount
        else:
            debit.available += entry.amount
            credit.available -= entry.amount

    def _record(self, entry: Entry) -> None:
        self.by_id[entry.id] = len(self.entries)
        self.entries.append(entry)

    # State ----------------------------------------------------------------------------------

    def export(self) -> tuple[Records, Records]:
        """Transfers and outcomes as rows."""
        transfers, outcomes = np.zeros(len(self.entries), TRANSFER), np.zeros(len(self.entries), OUTCOME)
        for row, entry in enumerate(self.entries):
            transfers[row] = entry.record
            outcomes[row] = (entry.effect, entry.target, entry.result, entry.state, (0,) * 6)
        return transfers, outcomes

    def load(self, transfers: Records, outcomes: Records) -> None:
        """Continue from exported rows."""
        self.entries, self.by_id = [], {}
        for record, outcome in zip(transfers, outcomes, strict=True):
            entry = entry_of(record)
            entry.effect, entry.target = int(outcome["effect"]), int(outcome["target"])
            entry.result, entry.state = TransferResult(int(outcome["result"])), int(outcome["state"])
            self._record(entry)
