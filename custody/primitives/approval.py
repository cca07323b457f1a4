"""Approvals: one person's verdict over one intent hash.

The value and the message that is signed; checking the Ed25519 signature belongs to
`custody.keys.quorum`, since the ground floor holds no cryptography beyond hashing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custody.primitives.encoding import encode
from custody.primitives.ids import Digest

APPROVAL_TAG = "mext/approval/1"


class Verdict(StrEnum):
    """What the approver says."""

    APPROVE = "approve"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Approval:
    """A signed verdict.

    Attributes:
        intent_hash: What it is about, 32 bytes.
        approver: Id of the person in the roster.
        verdict: Approve or deny.
        at_s: When, in seconds since 1970 UTC, by the approver's clock.
        signature: Ed25519 over `approval_message`, 64 bytes.
    """

    intent_hash: Digest
    approver: str
    verdict: Verdict
    at_s: int
    signature: bytes


def approval_message(intent_hash: Digest, approver: str, verdict: Verdict, at_s: int) -> bytes:
    """Return the bytes an approver signs."""
    return encode(APPROVAL_TAG, intent_hash, approver, verdict.value, at_s)
