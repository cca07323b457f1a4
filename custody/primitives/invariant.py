"""One check for what can never be: unlike `assert` it stays under `python -O`.

Example:
    >>> invariant(1 + 1 == 2, "arithmetic holds")
"""

from __future__ import annotations

from custody.primitives.errors import Fact, InvariantBroken


def invariant(condition: bool, rule: str, **facts: Fact) -> None:  # noqa: FBT001 - reads as a sentence
    """Stop unless the condition holds.

    Args:
        condition: What must be true.
        rule: The rule in words, as a positive statement ("debits equal credits").
        facts: Values that help to find the bug.

    Raises:
        InvariantBroken: The condition is false.
    """
    if not condition:
        raise InvariantBroken(f"broken rule: {rule}", **facts)
