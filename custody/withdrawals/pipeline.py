"""The pipeline: every open withdrawal one durable step further, until nothing moves.

Rules:
    * All that is known is in the store: a pipeline made over an existing store continues where the last one
      stopped, wherever that was.
    * One record's trouble never stops the others; only a broken invariant stops everything.
    * Nothing of a chain moves until the records were compared with what its signers remember.
    * Two pipelines may run over one store: the slower one finds the record changed and does nothing.

Example:
    pipeline = Pipeline(parts)
    for progress in pipeline.step(now_s=clock.now_s()):
        log(progress)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from custody.primitives.chain import ChainId
from custody.primitives.errors import InvariantBroken, ToolkitError
from custody.withdrawals.assigning import assign
from custody.withdrawals.boot_gate import BootGate
from custody.withdrawals.bumping import speed_up
from custody.withdrawals.deciding import claim, count_votes, is_ready, judge, release, send_back
from custody.withdrawals.endings import release_hold, settle
from custody.withdrawals.facts import Tier
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.records import Payment, Withdrawal
from custody.withdrawals.sending import follow
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.signing import open_signing, sign
from custody.withdrawals.states import LIVE_PAYMENTS, PaymentState, WithdrawalState

MAX_PASSES = 32
"""Passes of one step: twice the longest way from request to settlement."""
WAITING = frozenset({WithdrawalState.APPROVED, WithdrawalState.AWAITING_LIQUIDITY})
UNDECIDED = frozenset(
    {
        WithdrawalState.HELD,
        WithdrawalState.SCREENING,
        WithdrawalState.DECIDED,
        WithdrawalState.AWAITING_APPROVAL,
        WithdrawalState.FINAL,
    }
)


@dataclass(frozen=True, slots=True)
class Progress:
    """One thing that happened.

    Attributes:
        record: Id of the withdrawal or payment.
        before, after: States; equal where the record could not move.
        problem: Code and message of what kept it; empty if it moved.
    """

    record: str
    before: str
    after: str
    problem: str = ""


@dataclass(slots=True)
class _Step:
    """What one step remembers between its passes."""

    now_s: int
    stuck: set[tuple[str, int]] = field(default_factory=set)  # (record id, version) that did not move
    sent: set[str] = field(default_factory=set)
    progress: list[Progress] = field(default_factory=list)
    moved: bool = False


class Pipeline:
    """Moves withdrawals from HELD to SETTLED, or to the end the evidence supports."""

    def __init__(self, parts: PipelineParts) -> None:
        self._parts = parts
        self._store = parts.store
        self._order = SignerOrder()
        self._gate = BootGate(parts)

    def try_open(self) -> list[str]:
        """Compare the records with the signers' memories, as every step does until all chains are open.

        Returns:
            What keeps a chain closed; empty if none is.
        """
        return self._gate.try_open()

    def step(self, now_s: int) -> list[Progress]:
        """Move every open record as far as it goes now.

        Args:
            now_s: Now, seconds since 1970 UTC.

        Returns:
            What moved, and what could not and why, in order.

        Raises:
            InvariantBroken: A bug; nothing further is touched.
        """
        step = _Step(now_s)
        step.progress += [Progress("boot gate", "closed", "closed", problem) for problem in self.try_open()]
        self._order.next_step()
        for _ in range(MAX_PASSES):
            step.moved = False
            self._pass(step)
            if not step.moved:
                break
        return step.progress

    def _pass(self, step: _Step) -> None:
        is_open = self._gate.is_open
        for withdrawal in self._store.unreleased():
            if is_open(withdrawal.to.chain):
                self._try_withdrawal(withdrawal, step, self._release_hold)
        for withdrawal in self._store.withdrawals(UNDECIDED):
            if is_open(withdrawal.to.chain):
                self._try_withdrawal(withdrawal, step, self._advance)
        self._assign_all(step)
        for payment in self._store.payments(LIVE_PAYMENTS):
            if is_open(payment.chain):
                self._try_payment(payment, step)

    def _release_hold(self, withdrawal: Withdrawal, _step: _Step) -> None:
        release_hold(withdrawal, self._store, self._parts.ledger)

    def _advance(self, withdrawal: Withdrawal, step: _Step) -> None:
        match withdrawal.state:
            case WithdrawalState.HELD:
                claim(withdrawal, self._parts)
            case WithdrawalState.SCREENING:
                judge(withdrawal, self._parts, step.now_s)
            case WithdrawalState.DECIDED:
                release(withdrawal, self._parts, step.now_s)
            case WithdrawalState.AWAITING_APPROVAL:
                count_votes(withdrawal, self._parts, step.now_s)
            case _:
                settle(withdrawal, self._store, self._parts.ledger, self._parts.now_ms())

    def _try_withdrawal(self, withdrawal: Withdrawal, step: _Step, action: Callable[[Withdrawal, _Step], None]) -> None:
        if (withdrawal.id, withdrawal.version) in step.stuck:
            return
        self._note_withdrawal(withdrawal, step, _problem_of(lambda: action(withdrawal, step)))

    def _try_payment(self, payment: Payment, step: _Step) -> None:
        key = (payment.id, payment.version)
        if key in step.stuck:
            return
        problem = _problem_of(lambda: self._work(payment, step))
        after = self._store.payment(payment.id)
        problem = problem or (after.note if after.note != payment.note else "")
        self._note(step, key, after.version, Progress(payment.id, payment.state, after.state, problem))

    def _work(self, payment: Payment, step: _Step) -> None:
        match payment.state:
            case PaymentState.OPEN:
                open_signing(payment, self._parts, step.now_s)
            case PaymentState.SIGNING:
                sign(payment, self._parts, self._order, step.now_s)
            case _:
                follow(payment, self._parts, step.sent)
                followed = self._store.payment(payment.id)
                if followed.version == payment.version:  # nothing new of it
                    speed_up(followed, self._parts, self._order, step.now_s)

    def _assign_all(self, step: _Step) -> None:
        ready: dict[tuple[ChainId, Tier], list[Withdrawal]] = {}
        for withdrawal in self._store.withdrawals(WAITING):
            if not self._gate.is_open(withdrawal.to.chain):
                continue
            if (withdrawal.id, withdrawal.version) not in step.stuck and withdrawal.source is not None:
                ready.setdefault((withdrawal.to.chain, withdrawal.source), []).append(withdrawal)
        for (chain, tier), waiting in ready.items():
            kept = [each for each in waiting if self._is_kept(each, step)]
            for batch in self._batches(kept, chain):
                self._assign(batch, chain, tier, step)

    def _is_kept(self, withdrawal: Withdrawal, step: _Step) -> bool:
        """Tell whether it may be paid now; what lost its basis is decided again, what has a problem waits."""
        kept: list[Withdrawal] = []

        def judge_again(each: Withdrawal, step: _Step) -> None:
            if is_ready(each, self._parts, step.now_s):
                kept.append(each)
            else:
                send_back(each, self._parts)

        problem = _problem_of(lambda: judge_again(withdrawal, step))
        if not kept:
            self._note_withdrawal(withdrawal, step, problem)
        return bool(kept)

    def _batches(self, waiting: list[Withdrawal], chain: ChainId) -> Iterator[list[Withdrawal]]:
        """Cut into batches, oldest first; one that is not full waits for company in its window."""
        batching, now_ms = self._parts.batching_on(chain), self._parts.now_ms()
        for start in range(0, len(waiting), batching.max_items):
            batch = waiting[start : start + batching.max_items]
            waited_ms = now_ms - min(withdrawal.moved_at_ms for withdrawal in batch)
            # A clock that was set back makes nobody wait longer than the window.
            if len(batch) == batching.max_items or not 0 <= waited_ms < batching.window_ms:
                yield batch

    def _assign(self, batch: list[Withdrawal], chain: ChainId, tier: Tier, step: _Step) -> None:
        problem = _problem_of(lambda: assign(batch, self._parts.lanes.paying(chain, tier), self._parts, self._order))
        for withdrawal in batch:
            self._note_withdrawal(withdrawal, step, problem)

    def _note_withdrawal(self, before: Withdrawal, step: _Step, problem: str) -> None:
        after = self._store.withdrawal(before.id)
        progress = Progress(before.id, before.state, after.state, problem)
        self._note(step, (before.id, before.version), after.version, progress)

    def _note(self, step: _Step, key: tuple[str, int], version: int, progress: Progress) -> None:
        if version != key[1]:
            step.moved = True
        else:
            step.stuck.add(key)
        if progress.before != progress.after or progress.problem:
            step.progress.append(progress)


def _problem_of(action: Callable[[], None]) -> str:
    """Run one record's action; return what kept it, or "" if nothing did."""
    try:
        action()
    except InvariantBroken:
        raise
    except ToolkitError as error:
        return f"{error.code}: {error.message}"
    return ""
