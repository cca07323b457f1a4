"""Token bucket: how much value one signer lets through, whatever anybody else says.

Rules:
    * Pure; the level is kept in 1/3600 base units so that refilling by the second loses nothing.
    * A clock that runs backwards refills nothing; one that jumps ahead fills to the brim, never above.

Example:
    >>> take(None, Bucket(100, 60), 40, now_s=0)
    Level(parts=216000, at_s=0)
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.errors import LimitExceeded
from custody.signers.rules import Bucket

_SECONDS_PER_HOUR = 3_600


@dataclass(frozen=True, slots=True)
class Level:
    """What is left in a bucket.

    Attributes:
        parts: In 1/3600 of a base unit.
        at_s: When, in seconds since 1970 UTC.
    """

    parts: int
    at_s: int


def refill(level: Level | None, bucket: Bucket, now_s: int) -> Level:
    """Return the level at this moment; a bucket never used before is full."""
    brim = bucket.capacity * _SECONDS_PER_HOUR
    if level is None:
        return Level(brim, now_s)
    elapsed_s = max(0, now_s - level.at_s)
    return Level(min(brim, level.parts + elapsed_s * bucket.refill_per_hour), max(now_s, level.at_s))


def take(level: Level | None, bucket: Bucket, units: int, now_s: int) -> Level:
    """Take base units out.

    Raises:
        LimitExceeded: Fewer are left.
    """
    full = refill(level, bucket, now_s)
    if units * _SECONDS_PER_HOUR > full.parts:
        left = full.parts // _SECONDS_PER_HOUR
        raise LimitExceeded(
            f"asked {units} base units, {left} are left in the bucket", asked=str(units), left=str(left)
        )
    return Level(full.parts - units * _SECONDS_PER_HOUR, full.at_s)
