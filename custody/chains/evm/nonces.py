"""The gapless ledger of one account's counter: which values wait, which are missing, which were not ours.

Rules:
    * A value below one that waits, which is neither used nor reserved, is a gap: a node holds everything behind it
      back. The next payment takes the lowest gap; with none to come, a transfer of nothing to itself fills it.
    * A gap of the Safe is filled by a rejection, which the owners sign, carried by a gap of the sender where there
      is one: a filler there would let the execution behind it run too early, and revert.
    * A value that the chain has used and we never gave out was used outside: somebody else has the key.
    * Pure: what was given out comes from our records, what is used from the chain.

Example:
    >>> gaps(used=5, reserved={6, 8})
    (5, 7)
    >>> used_outside(used=3, given_out={0, 2}, first=0)
    (1,)
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import dataclass

from custody.primitives.errors import VerificationFailed

MAX_NAMED = 5
"""Counter values an error names; the first ones tell the story."""


class KeyUsedOutside(VerificationFailed):
    """The chain has a transaction of our account that we never gave a counter value to."""

    code = "key_used_outside"


def gaps(used: int, reserved: Set[int]) -> tuple[int, ...]:
    """Counter values that hold reserved ones back, lowest first.

    Args:
        used: Number of transactions the account has sent on chain.
        reserved: Values that live payments hold.
    """
    return tuple(value for value in range(used, max(reserved, default=used)) if value not in reserved)


@dataclass(frozen=True, slots=True)
class Repair:
    """One transaction that closes a gap.

    Attributes:
        sender_nonce: Counter value of the sender that it uses.
        safe_nonce: Nonce of the Safe that it rejects; None for a filler, which leaves the Safe alone.
    """

    sender_nonce: int
    safe_nonce: int | None


def repairs(safe_gaps: Sequence[int], sender_gaps: Sequence[int], next_free: int) -> tuple[Repair, ...]:
    """What closes all gaps, lowest first.

    Args:
        safe_gaps, sender_gaps: From `gaps`.
        next_free: Lowest counter value of the sender behind everything that waits.
    """
    carriers = [*sender_gaps, *range(next_free, next_free + len(safe_gaps))]
    rejections = tuple(Repair(carrier, nonce) for carrier, nonce in zip(carriers, safe_gaps, strict=False))
    return rejections + tuple(Repair(nonce, None) for nonce in sender_gaps[len(safe_gaps) :])


def used_outside(used: int, given_out: Set[int], first: int) -> tuple[int, ...]:
    """Counter values that the chain used and we never gave out, lowest first.

    Args:
        used: Number of transactions the account has sent on chain.
        given_out: Every value in our records, of ended payments too.
        first: The account's counter when it became ours.
    """
    return tuple(value for value in range(first, used) if value not in given_out)


def verify_own_use(account: str, used: int, given_out: Set[int], first: int = 0) -> None:
    """Demand that every transaction of the account is one of ours.

    Args:
        account: Whose counter it is, for the message.
        used, given_out, first: See `used_outside`.

    Raises:
        KeyUsedOutside: Its first counter values are named; freeze the lane and replace the key.
    """
    foreign = used_outside(used, given_out, first)
    if foreign:
        named = ", ".join(str(value) for value in foreign[:MAX_NAMED])
        raise KeyUsedOutside(
            f"{account}: {len(foreign)} transactions are not ours, first counter values {named}",
            account=account,
            count=len(foreign),
        )
