"""Cold coins with a recovery branch must move before the branch opens: the plan for that, 60 days ahead.

A branch "key R alone after N blocks" protects against lost keys while N blocks have not passed since the coin
was made. After that R alone can spend it, so a coin is refreshed (sent to a new address of the same wallet) in time.

Rules:
    * Nothing is left out for being late: a branch that is open already stands first.
    * Heights are turned into days by the chain's own block time, rounded down: rather too early than too late.

Example:
    >>> [due.days_left for due in plan_refresh([Branch("a:0", 5, made_at=0, after_blocks=10_000)], 5_000, 600)]
    [34]
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from custody.primitives.errors import InvalidInput

NOTICE_DAYS = 60
"""Time for people on two continents to meet over a cold wallet, twice."""
MAX_RELATIVE_BLOCKS = 65_535
"""The most a relative timelock of Bitcoin can express (BIP 68)."""
_DAY_S = 86_400


@dataclass(frozen=True, slots=True)
class Branch:
    """A coin with a recovery branch.

    Attributes:
        outpoint: The coin, "txid:index".
        units: Its value, base units.
        made_at: Height of the block it is in.
        after_blocks: Blocks until the branch opens.
    """

    outpoint: str
    units: int
    made_at: int
    after_blocks: int

    def __post_init__(self) -> None:
        if not 1 <= self.after_blocks <= MAX_RELATIVE_BLOCKS or self.made_at < 0:
            raise InvalidInput(f"{self.outpoint}: a relative timelock is 1 to {MAX_RELATIVE_BLOCKS} blocks")

    @property
    def opens_at(self) -> int:
        """First height at which the recovery key alone can spend it."""
        return self.made_at + self.after_blocks


@dataclass(frozen=True, slots=True)
class Refresh:
    """A coin that must move.

    Attributes:
        branch: Which.
        days_left: Whole days until the branch opens; 0 if it is open.
    """

    branch: Branch
    days_left: int


def plan_refresh(branches: Iterable[Branch], height: int, block_s: int) -> tuple[Refresh, ...]:
    """Name the coins that must be refreshed now, the most urgent first.

    Args:
        branches: All cold coins with a branch.
        height: Of the newest block.
        block_s: Seconds between two blocks.

    Raises:
        InvalidInput: A block time that is none.
    """
    if block_s <= 0:
        raise InvalidInput(f"{block_s} seconds between two blocks are not possible")
    due = [Refresh(branch, max(0, branch.opens_at - height) * block_s // _DAY_S) for branch in branches]
    soon = (each for each in due if each.days_left <= NOTICE_DAYS)
    return tuple(sorted(soon, key=lambda each: (each.branch.opens_at, each.branch.outpoint)))
