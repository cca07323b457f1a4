"""Moving recorded deposits: credit what is deep enough and clean, take back what left the chain.

Rules:
    * Each booking is announced before the ledger is asked, a page at a time, and completed after a crash.
    * A silent screening holds every credit of the step: nothing passes unseen, nothing is asked in vain.
    * What the books refuse is set aside for officers; it never stops the deposits behind it.

Example:
    crediting = Crediting(chain, store, ledger, rules)
    moved = crediting.advance(last_scanned, guard, now_s)
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace

from custody.compliance.port import ScreeningQuestion, ScreeningUnavailable, ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.chain import BlockRef, Chain
from custody.primitives.errors import InsufficientFunds, InvalidAddress, InvalidInput, LimitExceeded
from custody.wallets.deposit import DEPOSIT, Deposit, DepositEvent, DepositState
from custody.wallets.deposit_rules import DepositRules
from custody.wallets.depths import DepthGuard
from custody.wallets.ports import CreditLedger, DepositStore

MAX_SENDERS = 1_000
"""A payment from more places is for people: each one is a question to the provider."""
PAGE = 500
"""Deposits announced, booked and saved together: two durable writes a page."""


class Crediting:
    """Books the deposits of one chain."""

    def __init__(self, chain: Chain, store: DepositStore, ledger: CreditLedger, rules: DepositRules) -> None:
        self._chain = chain
        self._store = store
        self._ledger = ledger
        self._rules = rules

    def complete(self) -> list[Deposit]:
        """Book what was announced before a crash."""
        announced = (DepositState.CREDITING, DepositState.REVERSING)
        return self._book(self._store.in_states(self._chain.id, announced))

    def advance(self, last: BlockRef, guard: DepthGuard, now_s: int) -> list[Deposit]:
        """Credit and finalise what lies deep enough.

        Args:
            last: Newest scanned block.
            guard: The depths of now.
            now_s: Now, seconds since 1970 UTC.
        """
        pending = self._store.in_states(self._chain.id, (DepositState.SEEN, DepositState.CREDITED))
        deep = [d for d in pending if last.height - d.block.height + 1 >= guard.credit_depth]
        seen = [d for d in deep if d.state is DepositState.SEEN]
        moved = self._credit(seen, guard, now_s)
        credited = [d for d in deep if d.state is DepositState.CREDITED]
        credited += [d for d in moved if d.state is DepositState.CREDITED]
        final = [
            _moved(deposit, DepositEvent.REACH_FINAL_DEPTH)
            for deposit in credited
            if last.height - deposit.block.height + 1 >= guard.final_depth and not guard.is_halted
        ]
        self._store.save(*final)
        by_key = {deposit.key: deposit for deposit in (*moved, *final)}
        return list(by_key.values())

    def take_back(self, deposits: Iterable[Deposit]) -> list[Deposit]:
        """Move deposits whose block is no longer in the main chain."""
        moved = [
            replace(_moved(deposit, DepositEvent.LOSE_BLOCK), not_before_s=0)
            for deposit in deposits
            if DEPOSIT.allows(deposit.state, DepositEvent.LOSE_BLOCK)
        ]
        self._store.save(*moved)
        booked = self._book([deposit for deposit in moved if deposit.state is DepositState.REVERSING])
        return [deposit for deposit in moved if deposit.state is not DepositState.REVERSING] + booked

    def _credit(self, deep: Sequence[Deposit], guard: DepthGuard, now_s: int) -> list[Deposit]:
        """Look at each deposit, oldest first, and book those nothing stands against."""
        ready: list[Deposit] = []
        aside: list[Deposit] = []
        silence = guard.paused
        for deposit in deep:
            waits = silence or self._delay(deposit, now_s)
            if not waits:
                try:
                    objection = self._objection(deposit)
                except ScreeningUnavailable as error:
                    waits = silence = f"waits for the screening: {error.message}"
                else:
                    if objection:
                        aside.append(replace(_moved(deposit, DepositEvent.HOLD_BACK), reason=objection))
                    else:
                        ready.append(replace(_moved(deposit, DepositEvent.REACH_CREDIT_DEPTH), reason=""))
            if waits and (waits != deposit.reason or self._starts_delay(deposit)):
                aside.append(replace(deposit, reason=waits, not_before_s=self._not_before_s(deposit, now_s)))
        self._store.save(*aside)
        return [*aside, *(done for page in _pages(ready) for done in self._announce_and_book(page))]

    def _announce_and_book(self, page: Sequence[Deposit]) -> list[Deposit]:
        self._store.save(*page)
        return self._book(page)

    def _book(self, announced: Sequence[Deposit]) -> list[Deposit]:
        done: list[Deposit] = []
        for page in _pages(announced):
            booked = [self._booked(deposit) for deposit in page]
            self._store.save(*booked)
            done += booked
        return done

    def _booked(self, deposit: Deposit) -> Deposit:
        is_credit = deposit.state is DepositState.CREDITING
        ask: Callable[[Deposit], None] = self._ledger.credit if is_credit else self._ledger.reverse
        try:
            ask(deposit)
        except InsufficientFunds as error:
            return replace(_moved(deposit, DepositEvent.FAIL_TO_BOOK), reason=error.message)
        except (LimitExceeded, InvalidInput) as error:
            if not is_credit:
                raise
            return replace(_moved(deposit, DepositEvent.FAIL_TO_BOOK), reason=f"the books refuse it: {error.message}")
        return replace(_moved(deposit, DepositEvent.BOOK), reason="")

    # Waiting and objections ------------------------------------------------------------

    def _starts_delay(self, deposit: Deposit) -> bool:
        large = self._rules.large.get(deposit.amount.asset.symbol)
        return large is not None and deposit.amount.units >= large.from_units and not deposit.not_before_s

    def _not_before_s(self, deposit: Deposit, now_s: int) -> int:
        """When a large deposit may be credited: counted once, from the first time it was deep enough."""
        large = self._rules.large.get(deposit.amount.asset.symbol)
        starts = large is not None and self._starts_delay(deposit)
        return now_s + large.delay_s if large is not None and starts else deposit.not_before_s

    def _delay(self, deposit: Deposit, now_s: int) -> str:
        until_s = self._not_before_s(deposit, now_s)
        return f"large deposit: waits until {until_s} s" if now_s < until_s else ""

    def _objection(self, deposit: Deposit) -> str:
        """Ask about every sender; empty if nothing stands against the credit.

        Raises:
            ScreeningUnavailable: The provider does not answer.
        """
        if deposit.is_released:
            return ""
        if len(deposit.senders) > MAX_SENDERS:
            return f"{len(deposit.senders)} senders; at most {MAX_SENDERS} are screened"
        for sender in deposit.senders:
            try:
                place = Address(self._chain.id, sender)
            except InvalidAddress as error:
                return f"a sender cannot be screened: {error.message}"
            question = ScreeningQuestion(deposit.key, deposit.customer, place, deposit.amount, deposit.memo)
            answer = self._rules.screening.screen(question)
            if answer.verdict is not ScreeningVerdict.CLEAR:
                return f"sender {sender}: {answer.reason} ({answer.source})"
        return ""


def _moved(deposit: Deposit, event: DepositEvent) -> Deposit:
    return replace(deposit, state=DEPOSIT.next(deposit.state, event))


def _pages(deposits: Sequence[Deposit]) -> Iterator[Sequence[Deposit]]:
    for start in range(0, len(deposits), PAGE):
        yield deposits[start : start + PAGE]
