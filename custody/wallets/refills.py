"""How often and how much cold may feed hot: the quorum grows with every refill of a day, then it stops.

A hot wallet that leaks and a cold wallet that keeps refilling it is how an exchange dies slowly (attack E02).

Rules:
    * Every refill of the last 24 hours counts, also those that are still on their way.
    * The quorum is the base plus one for every `per_step` refills of the day; beyond the number of people it stops.
    * The sum of 24 hours has a limit of its own, as a share of the liabilities.

Example:
    >>> limits = RefillLimits(most_a_day=4, most_ppm=20_000, base_quorum=2, people=5, per_step=1)
    >>> refill_quorum([], 100, 1_000_000, limits, now_s=86_400)
    2
    >>> refill_quorum([Refill(80_000, 100)], 100, 1_000_000, limits, now_s=86_400)
    3
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.primitives.errors import InvalidInput, Refused
from custody.wallets.treasury import PPM

DAY_S = 86_400


class RefillStopped(Refused):
    """No quorum of today may refill any more; people must find out where the money goes."""

    code = "refill_stopped"


@dataclass(frozen=True, slots=True)
class Refill:
    """A refill that was asked for: when, in seconds since 1970 UTC, and how much, in base units."""

    at_s: int
    units: int


@dataclass(frozen=True, slots=True)
class RefillLimits:
    """What one day allows for one asset.

    Attributes:
        most_a_day: Refills in 24 hours.
        most_ppm: Their sum, in parts per million of the liabilities.
        base_quorum: People for the first refill of a day.
        people: How many can approve at all.
        per_step: After so many refills of a day one more person must approve.
    """

    most_a_day: int
    most_ppm: int
    base_quorum: int
    people: int
    per_step: int

    def __post_init__(self) -> None:
        if not (1 <= self.base_quorum <= self.people and min(self.most_a_day, self.per_step) >= 1):
            raise InvalidInput("refill limits: need 1 <= base quorum <= people, a refill a day and a step from 1")
        if not 1 <= self.most_ppm <= PPM:
            raise InvalidInput(f"refill limits: {self.most_ppm} ppm of the liabilities are no share")


def refill_quorum(earlier: Sequence[Refill], units: int, liabilities: int, limits: RefillLimits, now_s: int) -> int:
    """Say how many people must approve the next refill.

    Args:
        earlier: Refills asked for before, in any order.
        units: The next one, base units.
        liabilities: What is owed of the asset, base units.
        limits: What a day allows.
        now_s: Now, seconds since 1970 UTC.

    Raises:
        RefillStopped: Too many today, too much today, or more people needed than there are.
    """
    today = [refill for refill in earlier if refill.at_s > now_s - DAY_S]
    total, most = sum(refill.units for refill in today) + units, liabilities * limits.most_ppm // PPM
    needed = limits.base_quorum + len(today) // limits.per_step
    if len(today) >= limits.most_a_day:
        raise RefillStopped(f"{len(today)} refills in 24 h, at most {limits.most_a_day}", refills=len(today))
    if total > most:
        raise RefillStopped(
            f"refills of {total} base units in 24 h, at most {most}", asked=str(units), total=str(total), most=str(most)
        )
    if needed > limits.people:
        raise RefillStopped(
            f"refill {len(today) + 1} of the day needs {needed} people, there are {limits.people}", needed=needed
        )
    return needed
