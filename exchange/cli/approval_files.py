"""Signed approvals as files that officers hand to each other.

Rules:
    * A file holds one verdict; whether it counts is for the quorum to say.

Example:
    write_approval(Path("ann.json"), vote)
    vote = read_approval(Path("ann.json"))
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from exchange.cli.writing import write_file

if TYPE_CHECKING:
    from custody.primitives.approval import Approval

MAX_APPROVAL_BYTES = 4_096


def approval_fields(vote: Approval) -> dict[str, Any]:
    """Return a verdict as JSON fields."""
    return {
        "intent_hash": vote.intent_hash.hex(),
        "approver": vote.approver,
        "verdict": vote.verdict.value,
        "at_s": vote.at_s,
        "signature": vote.signature.hex(),
    }


def write_approval(path: Path, vote: Approval) -> None:
    """Write a verdict.

    Raises:
        NotWritable: Not there.
    """
    write_file(path, json.dumps(approval_fields(vote)) + "\n")


def read_approval(path: Path) -> Approval:
    """Read a verdict.

    Raises:
        MalformedPayload: It is none.
    """
    from custody.primitives.approval import Approval, Verdict
    from custody.primitives.errors import MalformedPayload
    from custody.primitives.ids import Digest

    try:
        raw = json.loads(path.read_bytes()[:MAX_APPROVAL_BYTES])
        what, signature = bytes.fromhex(raw["intent_hash"]), bytes.fromhex(raw["signature"])
        return Approval(Digest(what), str(raw["approver"]), Verdict(raw["verdict"]), int(raw["at_s"]), signature)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise MalformedPayload(f"{path}: not a signed approval") from error
