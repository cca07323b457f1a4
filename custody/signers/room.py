"""What every operation of a signer works with: registered wallets, memory, rules, clock; and what each asks first.

Rules:
    * A frozen signer signs nothing, by whichever operation; nor does one whose lease lapsed, where it has one.
    * What was approved before the last freeze was lifted is decided anew.

Example:
    room = SignerRoom(rules, memory, clock, {})
    room.require_thawed()
    room.log({"op": "tombstone", "at_s": now_s, "withdrawal_id": withdrawal_id})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from custody.primitives.approval import Approval, Verdict
from custody.primitives.clock import Clock
from custody.primitives.encoding import Json
from custody.primitives.errors import NotFound
from custody.signers import audit
from custody.signers.lease import FileLease
from custody.signers.memory import Frozen, Memory
from custody.signers.port import Decoder
from custody.signers.registration import RegisteredWallet
from custody.signers.registry import SignatureScheme
from custody.signers.rules import Rules


@dataclass(frozen=True, slots=True)
class Desk:
    """One registered wallet, ready to serve."""

    wallet: RegisteredWallet
    decoder: Decoder
    scheme: SignatureScheme


@dataclass(frozen=True, slots=True)
class SignerRoom:
    """State of one signer process that its operations share.

    Attributes:
        rules, memory, clock: The signer's own.
        desks: Registered wallets by id.
        lease: Asked before anything is signed; None where the signer needs none.
    """

    rules: Rules
    memory: Memory
    clock: Clock
    desks: Mapping[str, Desk]
    lease: FileLease | None = None

    def desk(self, wallet_id: str) -> Desk:
        """Find a registered wallet.

        Raises:
            NotFound: It is not registered here.
        """
        desk = self.desks.get(wallet_id)
        if desk is None:
            raise NotFound(f"wallet {wallet_id} is not registered here", wallet=wallet_id)
        return desk

    def standing(self, approvals: Sequence[Approval]) -> tuple[Approval, ...]:
        """Drop approvals given before the last freeze was lifted: what was stopped is decided anew. Denials stay."""
        thawed_at_s = self.memory.thawed_at_s()
        return tuple(
            approval for approval in approvals if approval.verdict is not Verdict.APPROVE or approval.at_s > thawed_at_s
        )

    def freeze_reason(self) -> str:
        """Why nothing is signed; "" if the signer is not frozen."""
        return "frozen by the rule file" if self.rules.frozen else self.memory.frozen()

    def require_thawed(self) -> None:
        """Refuse while frozen, or without a lease.

        Raises:
            Frozen: The signer is frozen.
            LeaseLapsed: The monitor is not alive.
        """
        reason = self.freeze_reason()
        if reason:
            raise Frozen(f"the signer is frozen: {reason}", reason=reason)
        self.require_lease()

    def require_lease(self) -> None:
        """Pass where no lease is needed, or while it is held; asked again before a signature leaves.

        Raises:
            LeaseLapsed: The monitor is not alive.
        """
        if self.lease is not None:
            self.lease.require_held()

    def log(self, entry: Mapping[str, Json]) -> None:
        """Append to the hash-chained log, in a transaction of its own."""
        with self.memory.transaction() as db:
            audit.append(db, entry)
