"""Bodies of requests: strict, nothing extra; numbers that are money come as text."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_TEXT = 256
MAX_SECONDS = 1 << 40
"""Some 35,000 years: a time stamp above it is a slip, and no database column holds every whole number."""
_HEX = r"^[0-9a-f]+$"


class Body(BaseModel):
    """A strict body: unknown fields are refused, nothing is converted."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class OrderBody(Body):
    """An order; `price` absent for a market order."""

    customer: str = Field(max_length=MAX_TEXT)
    market: str = Field(max_length=MAX_TEXT)
    side: str = Field(max_length=8)
    quantity: str = Field(max_length=MAX_TEXT)
    price: str | None = Field(default=None, max_length=MAX_TEXT)
    time_in_force: str = Field(default="GTC", max_length=16)


class WithdrawalBody(Body):
    """A withdrawal request."""

    customer: str = Field(max_length=MAX_TEXT)
    asset: str = Field(max_length=MAX_TEXT)
    to: str = Field(max_length=MAX_TEXT)
    amount: str = Field(max_length=MAX_TEXT)
    memo: str = Field(default="", max_length=MAX_TEXT)


class ApprovalBody(Body):
    """A signed verdict over an intent hash."""

    approver: str = Field(max_length=MAX_TEXT)
    verdict: Literal["approve", "deny"]
    intent_hash: str = Field(pattern=_HEX, min_length=64, max_length=64)
    at_s: int = Field(ge=0, le=MAX_SECONDS)
    signature: str = Field(pattern=_HEX, min_length=128, max_length=128)


class CompareBody(Body):
    """A destination that an officer compared in full: what was typed, and the signature over it."""

    typed: str = Field(min_length=1, max_length=MAX_TEXT)
    approval: ApprovalBody


class BookEntryBody(Body):
    """A place for a customer's address book; the chain is the asset's."""

    asset: str = Field(max_length=MAX_TEXT)
    to: str = Field(max_length=MAX_TEXT)
    memo: str = Field(default="", max_length=MAX_TEXT)


class RebalanceBody(Body):
    """A treasury move of everything above the hot target."""

    officer: str = Field(max_length=MAX_TEXT)
    asset: str = Field(max_length=MAX_TEXT)


class DecisionBody(Body):
    """A decision of officers about a deposit or a chain, with their verdicts over its digest."""

    action: Literal["assign", "release", "refund", "collect", "cover", "resume", "restore"]
    subject: str = Field(max_length=MAX_TEXT)
    seen: str = Field(max_length=MAX_TEXT * 2)
    officer: str = Field(max_length=MAX_TEXT)
    at_s: int = Field(ge=0, le=MAX_SECONDS)
    customer: str = Field(default="", max_length=MAX_TEXT)
    refund_to: str = Field(default="", max_length=MAX_TEXT)
    note: str = Field(default="", max_length=MAX_TEXT)
    approvals: tuple[ApprovalBody, ...] = Field(max_length=100, strict=False)


class ResolutionBody(Body):
    """What officers found about a withdrawal under review, with their verdicts over its digest."""

    verdict: Literal["paid", "refund"]
    txid: str = Field(max_length=MAX_TEXT)
    height: int = Field(ge=0, le=MAX_SECONDS)
    seen: str = Field(max_length=MAX_TEXT * 2)
    officer: str = Field(max_length=MAX_TEXT)
    at_s: int = Field(ge=0, le=MAX_SECONDS)
    note: str = Field(default="", max_length=MAX_TEXT)
    approvals: tuple[ApprovalBody, ...] = Field(max_length=100, strict=False)


class SignatureBody(Body):
    """One signature over an ownership text, in hex; the key is empty where it is recovered."""

    key: str = Field(max_length=MAX_TEXT)
    signature: str = Field(max_length=MAX_TEXT)


class EvidenceBody(Body):
    """Signatures that show control of one place."""

    chain: str = Field(max_length=MAX_TEXT)
    address: str = Field(max_length=MAX_TEXT)
    method: str = Field(max_length=32)
    signatures: tuple[SignatureBody, ...] = Field(max_length=20, strict=False)
    script: str = Field(default="", max_length=2_048)


class StatementBody(Body):
    """What publishing a draft needs: approvals for the signers, evidence from the cold room."""

    seq: int = Field(ge=1)
    approvals: tuple[ApprovalBody, ...] = Field(max_length=1_000, strict=False)
    evidence: tuple[EvidenceBody, ...] = Field(max_length=1_000, strict=False)
