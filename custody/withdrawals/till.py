"""The payments of one chain: from APPROVED to SETTLED.

Rules:
    * Everything that waits for this chain's node and its signers happens here, so that one chain's silence delays
      no other: each till may run in a thread of its own.
    * Requests are taken oldest first, a bounded page at a time.
    * A payment on its way is looked up again when a block came, and every `look_again_ms` besides; between the two,
      the nodes have nothing new to say about it.

Example:
    till = Till(parts, gate, chain)
    till.one_pass(step)
"""

from __future__ import annotations

from collections.abc import Iterator

from custody.chains.port import WalletBusy
from custody.primitives.chain import ChainId
from custody.withdrawals.assigning import assign
from custody.withdrawals.boot_gate import BootGate
from custody.withdrawals.bumping import speed_up
from custody.withdrawals.deciding import is_ready, send_back
from custody.withdrawals.endings import settle
from custody.withdrawals.facts import Tier
from custody.withdrawals.paging import Pager
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.progress import Progress, Step, problem_of
from custody.withdrawals.quiet import Quiet
from custody.withdrawals.records import Payment, Withdrawal
from custody.withdrawals.sending import follow
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.signing import open_signing, sign
from custody.withdrawals.states import LIVE_PAYMENTS, PaymentState, WithdrawalState

WAITING = (WithdrawalState.APPROVED, WithdrawalState.AWAITING_LIQUIDITY)


class Till:
    """Pays what is approved, follows it, and books it."""

    def __init__(self, parts: PipelineParts, gate: BootGate, chain: ChainId) -> None:
        self._parts = parts
        self._store = parts.store
        self._gate = gate
        self._chain = chain
        self._order = SignerOrder()
        self._busy: set[Tier] = set()  # whose wallets can take no more in this step
        self._batched_ms: int | None = None  # when the last batch was cut
        self.is_gathering = False
        """Whether a batch waited for company at the last pass: only time will move it."""
        self._quiet = Quiet(parts, chain)
        self._waiting = [Pager(parts.store, state, chain) for state in WAITING]
        self._final = Pager(parts.store, WithdrawalState.FINAL, chain)

    def begin(self) -> None:
        """Begin a step."""
        self._busy.clear()
        self._order.next_step()
        self._quiet.next_step()
        for pager in (*self._waiting, self._final):
            pager.next_step()

    def one_pass(self, step: Step) -> None:
        """Try every record at hand once; nothing while the chain is closed."""
        self.is_gathering = False
        if not self._gate.is_open(self._chain):
            return
        for withdrawal in self._final.page():
            step.try_withdrawal(withdrawal, self._store, lambda each=withdrawal: self._settle(each))  # type: ignore[misc]
        self._assign_all(step)
        # What a block holds already is only followed: it never keeps somebody from being sent.
        live = self._store.payments(LIVE_PAYMENTS, self._chain)
        for payment in sorted(live, key=lambda each: each.state is PaymentState.MINED):
            self._try_payment(payment, step)

    def _settle(self, withdrawal: Withdrawal) -> None:
        settle(withdrawal, self._store, self._parts.ledger, self._parts.now_ms())

    def _try_payment(self, payment: Payment, step: Step) -> None:
        key = (payment.id, payment.version)
        if key in step.stuck or self._quiet.is_quiet(payment):
            return
        problem = problem_of(lambda: self._work(payment, step))
        after = self._store.payment(payment.id)
        problem = problem or (after.note if after.note != payment.note else "")
        step.note(key, after.version, Progress(payment.id, payment.state, after.state, problem))

    def _work(self, payment: Payment, step: Step) -> None:
        match payment.state:
            case PaymentState.OPEN:
                open_signing(payment, self._parts, step.now_s)
            case PaymentState.SIGNING:
                sign(payment, self._parts, self._order, step.now_s)
            case _:
                self._follow(payment, step)

    def _follow(self, payment: Payment, step: Step) -> None:
        self._quiet.about_to_look()
        follow(payment, self._parts, step.sent)
        followed = self._store.payment(payment.id)
        if followed.version == payment.version:  # nothing new of it
            speed_up(followed, self._parts, self._order, step.now_s)
            if self._store.payment(payment.id).version == payment.version:
                self._quiet.note(payment)

    def _assign_all(self, step: Step) -> None:
        if not self._lanes_with_room():
            return  # nobody is looked at in vain: a queue behind full lanes may be long
        by_source: dict[Tier, list[Withdrawal]] = {}
        for withdrawal in (each for pager in self._waiting for each in pager.page()):
            tier = withdrawal.source
            if tier is not None and tier not in self._busy and (withdrawal.id, withdrawal.version) not in step.stuck:
                by_source.setdefault(tier, []).append(withdrawal)
        for tier, waiting in by_source.items():
            waiting.sort(key=lambda each: (each.requested_at_ms, each.id))
            for batch in self._batches(waiting):
                kept = [each for each in batch if self._is_kept(each, step)]
                if kept:
                    self._assign(kept, tier, step)
                if tier in self._busy:
                    break
                if not self._lanes_with_room():
                    return

    def _lanes_with_room(self) -> bool:
        backlog = self._store.backlog()
        most = self._parts.batching_on(self._chain).max_in_flight
        lanes = (lane for lane in self._parts.lanes if lane.chain == self._chain)
        return any(backlog.get((lane.chain, lane.wallet_id), 0) < most for lane in lanes)

    def _is_kept(self, withdrawal: Withdrawal, step: Step) -> bool:
        """Tell whether it may be paid now; what lost its basis is decided again, what has a problem waits."""
        kept: list[Withdrawal] = []

        def judge_again() -> None:
            if is_ready(withdrawal, self._parts, step.now_s):
                kept.append(withdrawal)
            else:
                send_back(withdrawal, self._parts)

        problem = problem_of(judge_again)
        if not kept:
            step.note_withdrawal(withdrawal, self._store, problem)
        return bool(kept)

    def _batches(self, waiting: list[Withdrawal]) -> Iterator[list[Withdrawal]]:
        """Cut into batches, oldest first; one that is not full waits for company in its window.

        After a window without a batch nobody is likely to come: then the first goes at once.
        """
        batching, now_ms = self._parts.batching_on(self._chain), self._parts.now_ms()
        is_calm = self._batched_ms is None or not 0 <= now_ms - self._batched_ms < batching.window_ms
        for start in range(0, len(waiting), batching.max_items):
            batch = waiting[start : start + batching.max_items]
            waited_ms = now_ms - min(withdrawal.moved_at_ms for withdrawal in batch)
            # A clock that was set back makes nobody wait longer than the window.
            if is_calm or len(batch) == batching.max_items or not 0 <= waited_ms < batching.window_ms:
                self._batched_ms, is_calm = now_ms, False
                yield batch
            else:
                self.is_gathering = True

    def _assign(self, batch: list[Withdrawal], tier: Tier, step: Step) -> None:
        def try_lanes() -> None:
            try:
                assign(batch, self._parts.lanes.paying(self._chain, tier), self._parts, self._order)
            except WalletBusy:
                self._busy.add(tier)
                raise

        problem = problem_of(try_lanes)
        for withdrawal in batch:
            step.note_withdrawal(withdrawal, self._store, problem)
