"""At start: what the signers remember against what the database believes (attack A05).

Rules:
    * A database restored from a backup is older than the signers. What they signed and it does not know may be on
      its way or paid: it goes to people with its hold, its conflict key is taken, and nothing of it is refunded.
    * A chain is open once so many members of each of its wallets were heard that no complete set of signatures can
      have been made without one of them. Until then nothing of that chain moves.
    * Rows are made from the ledger's holds first (`service.recover`): what has no row cannot be left to people.
    * A signer that remembers less than the database saw of it counts as not heard, and is named.

Example:
    gate = BootGate(parts)
    problems = gate.try_open()
    if gate.is_open(chain): ...
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace

from custody.keys.material import Release, Signer, SigningRole
from custody.primitives.chain import ChainId
from custody.primitives.encoding import digest
from custody.primitives.errors import Conflict, NotFound, Unavailable
from custody.primitives.ids import WithdrawalId
from custody.withdrawals.lanes import AnyLane
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.ports import Change
from custody.withdrawals.records import Attempt, Payment, Withdrawal
from custody.withdrawals.states import (
    ENDED,
    LIVE_PAYMENTS,
    WITHDRAWAL,
    AttemptState,
    PaymentEvent,
    PaymentState,
    WithdrawalEvent,
    WithdrawalState,
)

IMPORT_TAG = "mext/imported-payment/1"
UNKNOWN_HERE = "signed before, and the database does not know it: it is older than its signers"


class BootGate:
    """Closed at every start; opens chain by chain."""

    def __init__(self, parts: PipelineParts) -> None:
        self._parts = parts
        self._lock = threading.Lock()
        self._heard: set[str] = set()
        self._closed = {lane.chain for lane in parts.lanes}
        self._ended: dict[ChainId, str] = {}

    def is_open(self, chain: ChainId) -> bool:
        """Tell whether withdrawals of a chain may move."""
        return chain not in self._closed

    def try_open(self, chain: ChainId | None = None) -> list[str]:
        """Hear the signers of closed chains; return what keeps a chain closed, empty once all are open.

        Args:
            chain: Whose signers to hear; those of all chains if None.
        """
        with self._lock:  # several threads may knock; each signer is heard once
            problems: list[str] = []
            for lane in self._parts.lanes:
                if lane.chain not in self._closed or chain not in (None, lane.chain):
                    continue
                for signer in (member.signer for member in lane.members):
                    if signer.name not in self._heard:
                        problems += self._hear(signer)
            self._closed = {lane.chain for lane in self._parts.lanes if not self._is_reconciled(lane)}
            return [*problems, *self._ended.values()] if self._closed else []

    def _is_reconciled(self, lane: AnyLane) -> bool:
        """Whoever made a complete set asked `threshold` members: one of these is among the heard."""
        heard = sum(member.signer.name in self._heard for member in lane.members)
        return heard > len(lane.members) - lane.threshold and lane.chain not in self._ended

    def _hear(self, signer: Signer) -> list[str]:
        seen = self._parts.store.watermark(signer.name)
        after, doubtful = max(seen - 1, 0), 0
        try:
            first = True
            while batch := signer.releases(after):
                if first and seen and batch[0].sequence != seen:
                    break
                first = False
                for release in batch:
                    if not self._reconcile(release) and not doubtful:
                        doubtful = release.sequence
                after = batch[-1].sequence
        except (Unavailable, Conflict) as error:
            return [f"signer {signer.name}: {error.code}: {error.message}"]
        if first and seen:
            return [f"signer {signer.name} remembers less than the database saw of it: its memory was lost or restored"]
        self._parts.store.set_watermark(signer.name, doubtful - 1 if doubtful else after)
        self._heard.add(signer.name)
        return []

    def _reconcile(self, release: Release) -> bool:
        """Bring one release and the database together; False if a row is not there at all."""
        lane = next((each for each in self._parts.lanes if each.wallet_id == release.wallet_id), None)
        if lane is None or release.role is not SigningRole.MEMBER:
            return True
        found = [self._withdrawal(each) for each in release.withdrawal_ids]
        unknown = [each for each in found if each is not None and not self._is_known(release, each, lane)]
        for payment_id in {each.payment_id for each in found if each is not None and each not in unknown}:
            self._note_question(self._parts.store.payment(payment_id))
        for each in unknown:
            if each.state in ENDED:
                self._ended[lane.chain] = f"withdrawal {each.id} is {each.state.value}, but {UNKNOWN_HERE}"
        unknown = [each for each in unknown if each.state not in ENDED]
        loose = [each for each in unknown if not self._is_being_paid(each)]
        for payment_id in dict.fromkeys(each.payment_id for each in unknown if each not in loose):
            self._doubt(self._parts.store.payment(payment_id), release, lane)
        if loose:
            self._import(loose, release, lane)
        return None not in found

    def _withdrawal(self, withdrawal_id: str) -> Withdrawal | None:
        try:
            return self._parts.store.withdrawal(WithdrawalId(withdrawal_id))
        except NotFound:
            return None

    def _is_being_paid(self, withdrawal: Withdrawal) -> bool:
        store = self._parts.store
        return bool(withdrawal.payment_id) and store.payment(withdrawal.payment_id).state in LIVE_PAYMENTS

    def _is_known(self, release: Release, withdrawal: Withdrawal, lane: AnyLane) -> bool:
        if not withdrawal.payment_id:
            return False
        payment = self._parts.store.payment(withdrawal.payment_id)
        if payment.conflict_key != release.conflict_key:
            return False
        if payment.state not in LIVE_PAYMENTS:
            return payment.state is PaymentState.FINAL or withdrawal.state is WithdrawalState.REFUNDED
        attempts = self._parts.store.attempts(payment.id)
        if not lane.has_rivals or any(each.state is AttemptState.LOST for each in attempts):
            return True
        return release.payload_digest in _payload_digests(attempts, lane)

    def _note_question(self, payment: Payment) -> None:
        """A payment that a signer has seen is not OPEN any more: the records alone cannot give it up."""
        if payment.state is PaymentState.OPEN:
            self._parts.store.commit(Change(payments=(payment.move(PaymentEvent.ASK_SIGNERS),)))

    def _doubt(self, payment: Payment, release: Release, lane: AnyLane) -> None:
        """Leave a payment to people: its signers gave an answer that is not here."""
        reserve = self._free(release, lane)
        attempts = self._parts.store.attempts(payment.id)
        lost: tuple[Attempt, ...] = ()
        if release.conflict_key == payment.conflict_key:
            lost = (_lost(payment, len(attempts) + 1),)
        self._parts.store.commit(
            Change(
                withdrawals=tuple(
                    doubted
                    for each in payment.withdrawal_ids
                    if (doubted := self._doubted(self._parts.store.withdrawal(each))) is not None
                ),
                payments=(replace(payment, note=UNKNOWN_HERE),),
                attempts=lost,
                reserve=(payment.id, reserve),
            )
        )

    def _import(self, withdrawals: Sequence[Withdrawal], release: Release, lane: AnyLane) -> None:
        """Make a payment of what the signers signed, so that nothing else is paid with it or instead of it."""
        ids = tuple(each.id for each in withdrawals)
        payment = Payment(
            id="pay-" + digest(IMPORT_TAG, release.conflict_key, *ids)[:16].hex(),
            chain=lane.chain,
            wallet_id=lane.wallet_id,
            conflict_key=release.conflict_key,
            withdrawal_ids=ids,
            state=PaymentState.SIGNING,
            version=0,
            opened_at_ms=self._parts.now_ms(),
            note=UNKNOWN_HERE,
        )
        doubted = (self._doubted(each) or each for each in withdrawals)
        self._parts.store.commit(
            Change(
                withdrawals=tuple(replace(each, payment_id=payment.id) for each in doubted),
                payments=(payment,),
                attempts=(_lost(payment, 1),),
                reserve=(payment.id, self._free(release, lane)),
            )
        )

    def _free(self, release: Release, lane: AnyLane) -> tuple[str, ...]:
        """Return the release's conflict key if nobody holds it yet."""
        taken = release.conflict_key in self._parts.store.reserved(lane.chain)
        return () if taken else (release.conflict_key,)

    def _doubted(self, withdrawal: Withdrawal) -> Withdrawal | None:
        if not WITHDRAWAL.allows(withdrawal.state, WithdrawalEvent.DOUBT):
            return None
        return withdrawal.move(WithdrawalEvent.DOUBT, self._parts.now_ms(), UNKNOWN_HERE)


def _lost(payment: Payment, number: int) -> Attempt:
    return Attempt(payment.id, number, AttemptState.LOST, b"", ())


def _payload_digests(attempts: Sequence[Attempt], lane: AnyLane) -> set[bytes]:
    """Return the digests of what members were asked to sign for these attempts."""
    needs = (lane.codec.next_need(lane.codec.decode(each.plan), ()) for each in attempts)
    return {hashlib.sha256(need.payload).digest() for need in needs if need is not None}
