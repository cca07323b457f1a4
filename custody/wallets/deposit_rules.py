"""Under which rules deposits of one chain are credited.

Rules:
    * Screening is always given: a missing setting must never credit.
    * Who screens and who knows the memos are protocols; a memo that nobody knows is never guessed.

Example:
    rules = DepositRules({"BTC": 10_000}, screening, large={"BTC": LargeCredit(10**9, delay_s=600)})
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from custody.compliance.port import Screening
from custody.primitives.chain import ChainId
from custody.primitives.ids import CustomerId


class MemoBook(Protocol):
    """Knows whose a memo of a shared address is."""

    def customer_of(self, memo: str) -> CustomerId | None:
        """The customer; None for a memo that is missing, damaged or was never handed out."""
        ...


@dataclass(frozen=True, slots=True)
class LargeCredit:
    """A credit so large that people get time to stop it.

    Attributes:
        from_units: Smallest such deposit, base units.
        delay_s: Wait after the credit depth, in seconds.
    """

    from_units: int
    delay_s: int


@dataclass(frozen=True, slots=True)
class DepositRules:
    """What is credited, and when.

    Attributes:
        floors: Asset symbol -> smallest deposit that is credited, base units.
        screening: Asked about every sender before a credit.
        large: Asset symbol -> what counts as large.
        memos: For shared addresses; None where the chain has none.
        siblings: Chains on which the same keys have the same addresses: a payment here to an address that was
            handed out there is recorded for officers.
        own_places: Our own wallets: what comes from them to a shared address under no customer's memo is a move
            between wallets and no deposit.
        tolerated_reorg: Deepest reorg that changes nothing but the deposits in it, in blocks; None: one less
            than the credit depth, so that a reorg which can undo a credit pauses deposits.
        born_height: First block that can hold a deposit: no address was handed out before.
    """

    floors: Mapping[str, int]
    screening: Screening
    large: Mapping[str, LargeCredit] = field(default_factory=dict)
    memos: MemoBook | None = None
    siblings: tuple[ChainId, ...] = ()
    own_places: frozenset[str] = frozenset()
    tolerated_reorg: int | None = None
    born_height: int = 0
