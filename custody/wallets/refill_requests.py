"""Refills as records: one request for each wallet that is short, from its first hour to its end.

    OPEN  people are asked -> APPROVED  enough agreed -> MOVING  signed or sent -> DONE  arrived
    any of these -> REFUSED  denied, or no quorum of the day may allow it, or -> EXPIRED  nobody acted in time

Rules:
    * Never two open requests for the same asset and destination; the next one waits for the first one's end.
    * The quorum is fixed when the request is raised: it counts the refills of the last 24 hours (attack E02).
    * When no quorum may refill any more, that is one record too, REFUSED with quorum 0; no second one follows it.
    * What people refused, or let expire, is not asked for again within `AGAIN_S`.
    * An ended request never opens again.

Example:
    request = next_request(Need("BTC", move, owed, level), store.requests("BTC"), limits, now_s)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Protocol

from custody.primitives.errors import Conflict, IllegalMove
from custody.wallets.refills import Refill, RefillLimits, RefillStopped, refill_quorum
from custody.wallets.treasury_moves import TierMove
from custody.withdrawals.facts import Tier

AGAIN_S = 3_600
"""A denial is an answer; asking again at once would be nagging."""
NO_QUORUM = 0


class RefillOpen(Conflict):
    """A request for this wallet is open already."""

    code = "refill_open"


class RefillState(StrEnum):
    """Where a request stands."""

    OPEN = "open"
    APPROVED = "approved"
    MOVING = "moving"
    DONE = "done"
    REFUSED = "refused"
    EXPIRED = "expired"


UNFINISHED = frozenset({RefillState.OPEN, RefillState.APPROVED, RefillState.MOVING})
_MOVED_NOTHING = frozenset({RefillState.REFUSED, RefillState.EXPIRED})


@dataclass(frozen=True, slots=True)
class RefillRequest:
    """One request.

    Attributes:
        id: "refill-BTC-hot-3": asset, destination, number.
        symbol: The asset.
        source, destination: Tiers.
        units: How much, base units.
        quorum: How many people must approve; 0 where no number would do.
        reason: Why it is asked for, for people.
        state: Where it stands.
        raised_at_s, moved_at_s: When it was raised, and when it came to its state; seconds since 1970 UTC.
        level: What the destination held when it was raised, base units.
        withdrawal_id: The move that carries it out; empty where people do with keys that are not online.
        note: Why it ended, or what holds it up; empty if nothing.
    """

    id: str
    symbol: str
    source: Tier
    destination: Tier
    units: int
    quorum: int
    reason: str
    state: RefillState
    raised_at_s: int
    moved_at_s: int
    level: int
    withdrawal_id: str = ""
    note: str = ""

    @property
    def is_open(self) -> bool:
        """Tell whether it has not ended yet."""
        return self.state in UNFINISHED

    def moved(self, state: RefillState, now_s: int, note: str = "") -> RefillRequest:
        """Return it in another state; in the same one only the note is new.

        Raises:
            IllegalMove: It has ended.
        """
        if not self.is_open:
            raise IllegalMove(f"refill request {self.id} is {self.state}, which is its end", state=self.state.value)
        return replace(self, state=state, moved_at_s=self.moved_at_s if state is self.state else now_s, note=note)


@dataclass(frozen=True, slots=True)
class Need:
    """A refill that the plan wants.

    Attributes:
        symbol: The asset.
        move: From where to where, how much and why.
        owed: Liabilities, base units.
        level: What the destination holds, base units.
    """

    symbol: str
    move: TierMove
    owed: int
    level: int


class RefillStore(Protocol):
    """Where requests are kept."""

    def add(self, request: RefillRequest) -> None:
        """Insert a request, durably.

        Raises:
            RefillOpen: One for the same asset and destination is open, or its id is taken.
        """
        ...

    def save(self, request: RefillRequest) -> None:
        """Replace a request, durably."""
        ...

    def requests(self, symbol: str | None = None) -> tuple[RefillRequest, ...]:
        """All requests, or those of an asset, oldest first."""
        ...

    def of_withdrawal(self, withdrawal_id: str) -> RefillRequest | None:
        """The request that a move carries out; None if it carries out none."""
        ...


def next_request(
    need: Need, earlier: Sequence[RefillRequest], limits: RefillLimits, now_s: int
) -> RefillRequest | None:
    """Make the request that should be raised now.

    Args:
        need: What the plan wants.
        earlier: All requests of the asset so far, oldest first.
        limits: What a day allows.
        now_s: Now, seconds since 1970 UTC.

    Returns:
        The request, REFUSED with its reason if the day allows no more; None if nothing new is to be put on record.
    """
    way = (need.move.source, need.move.destination)
    same = [each for each in earlier if (each.source, each.destination) == way]
    if any(each.is_open for each in same):
        return None
    last = same[-1] if same else None
    if last is not None and last.state in _MOVED_NOTHING and last.quorum and now_s < last.moved_at_s + AGAIN_S:
        return None
    request = RefillRequest(
        id=f"refill-{need.symbol}-{need.move.destination}-{len(same) + 1}",
        symbol=need.symbol,
        source=need.move.source,
        destination=need.move.destination,
        units=need.move.units,
        quorum=NO_QUORUM,
        reason=need.move.reason,
        state=RefillState.OPEN,
        raised_at_s=now_s,
        moved_at_s=now_s,
        level=need.level,
    )
    today = [Refill(each.raised_at_s, each.units) for each in same if each.state not in _MOVED_NOTHING]
    try:
        quorum = refill_quorum(today, need.move.units, need.owed, limits, now_s)
    except RefillStopped as stopped:
        if last is not None and last.quorum == NO_QUORUM:
            return None
        return replace(request, state=RefillState.REFUSED, note=stopped.message)
    return replace(request, quorum=quorum)
