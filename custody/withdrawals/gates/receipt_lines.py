"""Receipts as text, one JSON object a line, evidence included: what is exported, stored and handed to auditors.

Rules:
    * Canonical JSON: one spelling for one receipt. Reading is strict; the evidence must have the hash that is signed.
    * A line that cannot be read is named by its place.

Example:
    receipt = parse_line(line_of(receipt), 1)
"""

from __future__ import annotations

import json
from typing import Any

from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import ToolkitError
from custody.primitives.ids import Digest, WithdrawalId
from custody.withdrawals.gates.evidence import Layer
from custody.withdrawals.gates.judging import GateResult
from custody.withdrawals.gates.receipts import Receipt, ReceiptBroken, ReceiptDraft

FORMAT = "mext/receipt/1"
MAX_LINE_BYTES = 1 << 20


def fields_of(receipt: Receipt) -> dict[str, Json]:
    """Return a receipt as JSON fields."""
    draft = receipt.draft
    return {
        "format": FORMAT,
        "number": receipt.number,
        "withdrawal_id": draft.withdrawal_id,
        "intent_hash": draft.intent_hash.hex(),
        "policy_version": draft.policy_version,
        "gates": gates_json(draft.gates),
        "prev_receipt_hash": receipt.previous.hex(),
        "signature": receipt.signature.hex(),
    }


def gates_json(gates: tuple[GateResult, ...]) -> list[Json]:
    """Return what the gates said, each with its evidence."""
    return [
        {
            "layer": gate.layer.value,
            "ok": gate.ok,
            "time": gate.at_ms,
            "evidence_hash": gate.evidence_hash.hex(),
            "evidence": json.loads(gate.evidence),
        }
        for gate in gates
    ]


def parse_gates(found: Any) -> tuple[GateResult, ...]:  # noqa: ANN401 - JSON
    """Read what the gates said.

    Raises:
        ValueError, KeyError, TypeError, ToolkitError: Not what `gates_json` writes.
    """
    gates = []
    for each in found:
        gate = GateResult(Layer(each["layer"]), each["ok"], canonical_json(each["evidence"]), each["time"])
        if type(gate.ok) is not bool or type(gate.at_ms) is not int:
            raise ValueError(f"gate {gate.layer.value}: a truth value and a time are needed")
        if gate.evidence_hash.hex() != each["evidence_hash"]:
            raise ValueError(f"gate {gate.layer.value}: the evidence has another hash")
        gates.append(gate)
    return tuple(gates)


def line_of(receipt: Receipt) -> bytes:
    """Write a receipt as one line, without its end."""
    return canonical_json(fields_of(receipt))


def parse_line(line: bytes, place: int) -> Receipt:
    """Read a line.

    Args:
        line: As `line_of` wrote it.
        place: Of the receipt in the file, from 1.

    Raises:
        ReceiptBroken: Not such a line, or an evidence that does not have its hash.
    """
    try:
        found: Any = json.loads(line[:MAX_LINE_BYTES])
        receipt = Receipt(
            found["number"],
            ReceiptDraft(
                WithdrawalId(found["withdrawal_id"]),
                Digest(bytes.fromhex(found["intent_hash"])),
                found["policy_version"],
                parse_gates(found["gates"]),
            ),
            Digest(bytes.fromhex(found["prev_receipt_hash"])),
            bytes.fromhex(found["signature"]),
        )
        is_canonical = line_of(receipt) == line
    except (ValueError, KeyError, TypeError, RecursionError, ToolkitError) as error:
        raise ReceiptBroken(f"receipt {place} cannot be read: {error}", number=place) from error
    if not is_canonical:
        raise ReceiptBroken(f"receipt {place} is not in its canonical form", number=place)
    return receipt
