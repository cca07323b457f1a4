"""The two rounds in which a group signs an ownership text: what travels beside the parts of the text.

    payload  tag, round (1 or 2), number of participants, for each its number (1 byte) and in round two its
             commitment (64 bytes); nothing behind them: each signer builds the text itself

Rules:
    * The tag is another than that of payments, so a nonce drawn for one is never asked for in the other.
    * Shared by both sides: the coordinator writes payloads, the group's decoder in the signer reads them.

Example:
    first = round_one((1, 2))
    second = round_two(commitments)
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.keys.frost import Commitment

OWNERSHIP_ROUND_TAG = b"mext/frost-ownership/1"
COMMITMENT_INDEX, SHARE_INDEX = 0, 1
"""Index of the `Signature` that answers round one, and round two."""


def round_one(participants: Sequence[int]) -> bytes:
    """Ask for commitments.

    Args:
        participants: Numbers of exactly `threshold` members, ascending.
    """
    return OWNERSHIP_ROUND_TAG + bytes([1, len(participants), *participants])


def round_two(commitments: Sequence[Commitment]) -> bytes:
    """Ask for shares over what everybody committed to, in the order of `round_one`."""
    listed = b"".join(bytes([each.identifier]) + each.value for each in commitments)
    return OWNERSHIP_ROUND_TAG + bytes([2, len(commitments)]) + listed
