"""Whom to ask first: signers that failed lately come last, and are named.

Rules:
    * Who failed longest ago is tried first: in a long outage everybody gets a turn, one step after the other.
    * Kept in memory only: it decides the order of questions, never whether money moves.
"""

from __future__ import annotations

from collections.abc import Iterable

from custody.keys.material import Signer, SigningRole
from custody.withdrawals.lanes import AnyLane, Member


class SignerOrder:
    """Remembers by signer name at which step it failed last (attack E09)."""

    def __init__(self) -> None:
        self._step = 1
        self._failed_at: dict[str, int] = {}

    def next_step(self) -> None:
        """Begin a step of the pipeline: who failed at the last one may be asked again."""
        self._step += 1

    def blame(self, signer: str) -> None:
        """Remember a fault."""
        self._failed_at[signer] = self._step

    def praise(self, signer: str) -> None:
        """Forget the fault of a signer that answered well."""
        self._failed_at.pop(signer, None)

    def is_worth_asking(self, members: Iterable[Member]) -> bool:
        """Tell whether none of them has failed at this step."""
        return all(self._last_fault(member.signer) < self._step for member in members)

    def members(self, lane: AnyLane) -> list[Member]:
        """Return the members of a lane, the most reliable first, else in lane order."""
        return sorted(lane.members, key=lambda member: self._last_fault(member.signer))

    def signers(self, lane: AnyLane, role: SigningRole) -> list[Signer]:
        """Return who can sign in a role, the most reliable first, else in lane order."""
        return sorted(lane.signers(role), key=self._last_fault)

    def _last_fault(self, signer: Signer) -> int:
        return self._failed_at.get(signer.name, 0)
