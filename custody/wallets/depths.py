"""How deep a deposit must lie on a chain now: the chain's own depths, raised by what it has shown.

Rules:
    * A reorg deeper than tolerated and deeper than any before pauses deposits and doubles the depths:
      a chain that gave up twelve blocks may give up more.
    * A reorg that reaches a block which counted as final stops the lane before anything is taken back.
    * Machines raise and pause; only officers resume, and only officers lower.

Example:
    >>> after_reorg(DepthGuard(6, 20), 12, tolerated=5).credit_depth
    24
"""

from __future__ import annotations

from dataclasses import dataclass, replace

RAISE_FACTOR = 2


@dataclass(frozen=True, slots=True)
class DepthGuard:
    """What the scanner of one chain demands now.

    Attributes:
        credit_depth, final_depth: Blocks, including the deposit's own.
        deepest: Deepest reorg it has paused for, in blocks; 0 for none.
        paused: Why nothing is credited; empty while deposits run.
        is_halted: A final block left the chain: nothing moves until officers accept the fork.
    """

    credit_depth: int
    final_depth: int
    deepest: int = 0
    paused: str = ""
    is_halted: bool = False


def after_reorg(guard: DepthGuard, blocks: int, tolerated: int) -> DepthGuard:
    """Return the guard after a reorg.

    Args:
        guard: As it was.
        blocks: Blocks that left the main chain.
        tolerated: Blocks a reorg may have without any of this.
    """
    is_halted = blocks >= guard.final_depth
    if not is_halted and blocks <= max(tolerated, guard.deepest):
        return guard
    credit_depth = max(guard.credit_depth, RAISE_FACTOR * blocks)
    return replace(
        guard,
        credit_depth=credit_depth,
        final_depth=max(guard.final_depth, credit_depth),
        deepest=max(guard.deepest, blocks),
        paused=f"a reorg of {blocks} blocks: deposits wait for officers, now {credit_depth} confirmations",
        is_halted=guard.is_halted or is_halted,
    )
