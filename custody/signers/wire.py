"""The words between a client and a signer: requests and answers as canonical JSON.

Rules:
    * Bytes are lower-case hex, amounts decimal strings; unknown fields are refused on both sides.
    * Counts are bounded before anything is decoded.
    * What arrives is only shape-checked here; whether it may be signed is decided by `judge`.

Example:
    decode_request(Fields(encode_request(request), "sign")) == request
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.keys.material import Curve, PublicKey, Release, Signature, SigningRequest, SigningRole
from custody.keys.strict_json import Fields
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval, Verdict
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.encoding import Json
from custody.primitives.errors import MalformedPayload
from custody.primitives.ids import Digest, WithdrawalId
from custody.primitives.intent import TransferIntent
from custody.signers.ownership import OwnershipRequest, OwnershipSignature

MAX_INTENTS = 500
"""Payments in one transaction: above the largest batch any of our codecs builds."""
MAX_APPROVALS = 4_096
MAX_SIGNATURES = 1_000
"""Things signed in one request: above the 250 inputs of the largest UTXO transaction."""


def encode_request(request: SigningRequest) -> dict[str, Json]:
    """Write a signing request."""
    return {
        "chain": request.chain,
        "wallet_id": request.wallet_id,
        "role": request.role.value,
        "payload": request.payload.hex(),
        "intents": [_encode_intent(intent) for intent in request.intents],
        "approvals": [_encode_approval(approval) for approval in request.approvals],
    }


def decode_request(fields: Fields) -> SigningRequest:
    """Read a signing request.

    Raises:
        MalformedPayload: A field is missing, unknown or of a wrong shape, or there are too many items.
        InvalidInput: A value cannot be: an amount of zero, two chains in one intent.
    """
    fields.only("chain", "wallet_id", "role", "payload", "intents", "approvals")
    return SigningRequest(
        chain=ChainId(fields.text("chain")),
        wallet_id=fields.text("wallet_id"),
        role=_role(fields.text("role")),
        payload=fields.raw("payload"),
        intents=tuple(_decode_intent(item) for item in fields.each("intents", MAX_INTENTS)),
        approvals=tuple(_decode_approval(item) for item in fields.each("approvals", MAX_APPROVALS)),
    )


def encode_ownership(request: OwnershipRequest, approvals: Sequence[Approval]) -> dict[str, Json]:
    """Write the fields of an ownership request."""
    return {
        "wallet_id": request.wallet_id,
        "exchange": request.exchange,
        "seq": request.seq,
        "ctx": request.ctx,
        "chain": request.chain,
        "address": request.address,
        "nonce": request.nonce,
        "expires": request.expires,
        "approvals": [_encode_approval(approval) for approval in approvals],
    }


def decode_ownership(fields: Fields) -> tuple[OwnershipRequest, tuple[Approval, ...]]:
    """Read an ownership request and the approvals with it.

    Raises:
        MalformedPayload: A field is missing, unknown or of a wrong shape, or there are too many approvals.
        InvalidOwnershipText: A part could give the text another meaning.
    """
    fields.only("wallet_id", "exchange", "seq", "ctx", "chain", "address", "nonce", "expires", "approvals")
    request = OwnershipRequest(
        wallet_id=fields.text("wallet_id"),
        exchange=fields.text("exchange"),
        seq=fields.integer("seq"),
        ctx=fields.text("ctx"),
        chain=fields.text("chain"),
        address=fields.text("address"),
        nonce=fields.text("nonce"),
        expires=fields.text("expires"),
    )
    return request, tuple(_decode_approval(item) for item in fields.each("approvals", MAX_APPROVALS))


def encode_owned(owned: OwnershipSignature) -> dict[str, Json]:
    """Write the signature over an ownership text."""
    return {"key": owned.key, "signature": owned.signature, "script": owned.script}


def decode_owned(fields: Fields) -> OwnershipSignature:
    """Read the signature over an ownership text.

    Raises:
        MalformedPayload: A field is missing, unknown or not lower-case hex.
    """
    fields.only("key", "signature", "script")
    return OwnershipSignature(*(fields.raw(name).hex() for name in ("key", "signature", "script")))


def encode_key(key: PublicKey) -> dict[str, Json]:
    """Write a public key."""
    return {"curve": key.curve.value, "raw": key.raw.hex()}


def decode_key(fields: Fields) -> PublicKey:
    """Read a public key."""
    fields.only("curve", "raw")
    try:
        return PublicKey(Curve(fields.text("curve")), fields.raw("raw"))
    except ValueError as error:
        raise MalformedPayload(f"{fields.where}: unknown curve") from error


def encode_signature(signature: Signature) -> dict[str, Json]:
    """Write a signature."""
    return {"key": encode_key(signature.key), "index": signature.index, "value": signature.value.hex()}


def decode_signature(fields: Fields) -> Signature:
    """Read a signature."""
    fields.only("key", "index", "value")
    return Signature(decode_key(fields.fields("key")), fields.integer("index"), fields.raw("value"))


def encode_release(release: Release) -> dict[str, Json]:
    """Write what a signer remembers of one answer."""
    return {
        "sequence": release.sequence,
        "wallet_id": release.wallet_id,
        "role": release.role.value,
        "payload_digest": release.payload_digest.hex(),
        "conflict_key": release.conflict_key,
        "withdrawals": list(release.withdrawal_ids),
    }


def decode_release(fields: Fields) -> Release:
    """Read what a signer remembers of one answer.

    Raises:
        MalformedPayload: A field is missing, unknown or of a wrong shape.
    """
    fields.only("sequence", "wallet_id", "role", "payload_digest", "conflict_key", "withdrawals")
    return Release(
        sequence=fields.integer("sequence"),
        wallet_id=fields.text("wallet_id"),
        role=_role(fields.text("role")),
        payload_digest=fields.raw("payload_digest"),
        conflict_key=fields.text("conflict_key"),
        withdrawal_ids=fields.texts("withdrawals"),
    )


def _encode_intent(intent: TransferIntent) -> dict[str, Json]:
    return {
        "withdrawal_id": intent.withdrawal_id,
        "to": {"chain": intent.to.chain, "text": intent.to.text},
        "amount": _encode_amount(intent.amount),
        "fee_max": _encode_amount(intent.fee_max),
        "memo": intent.memo,
        "policy_version": intent.policy_version,
        "salt": intent.salt,
        "expires_at_s": intent.expires_at_s,
    }


def _decode_intent(fields: Fields) -> TransferIntent:
    fields.only("withdrawal_id", "to", "amount", "fee_max", "memo", "policy_version", "salt", "expires_at_s")
    to = fields.fields("to")
    to.only("chain", "text")
    return TransferIntent(
        withdrawal_id=WithdrawalId(fields.text("withdrawal_id")),
        to=Address(ChainId(to.text("chain")), to.text("text")),
        amount=_decode_amount(fields.fields("amount")),
        fee_max=_decode_amount(fields.fields("fee_max")),
        memo=fields.text("memo"),
        policy_version=fields.integer("policy_version"),
        salt=fields.text("salt"),
        expires_at_s=fields.integer("expires_at_s"),
    )


def _encode_amount(amount: Amount) -> dict[str, Json]:
    asset = amount.asset
    return {
        "units": str(amount.units),
        "symbol": asset.symbol,
        "decimals": asset.decimals,
        "chain": asset.chain,
        "contract": asset.contract or "",
    }


def _decode_amount(fields: Fields) -> Amount:
    fields.only("units", "symbol", "decimals", "chain", "contract")
    asset = Asset(
        fields.text("symbol"),
        fields.integer("decimals"),
        ChainId(fields.text("chain")),
        fields.text("contract") or None,
    )
    return Amount(fields.units("units"), asset)


def _encode_approval(approval: Approval) -> dict[str, Json]:
    return {
        "intent_hash": approval.intent_hash.hex(),
        "approver": approval.approver,
        "verdict": approval.verdict.value,
        "at_s": approval.at_s,
        "signature": approval.signature.hex(),
    }


def _decode_approval(fields: Fields) -> Approval:
    fields.only("intent_hash", "approver", "verdict", "at_s", "signature")
    try:
        verdict = Verdict(fields.text("verdict"))
    except ValueError as error:
        raise MalformedPayload(f"{fields.where}: a verdict is approve or deny") from error
    return Approval(
        Digest(fields.raw("intent_hash")),
        fields.text("approver"),
        verdict,
        fields.integer("at_s"),
        fields.raw("signature"),
    )


def _role(text: str) -> SigningRole:
    try:
        return SigningRole(text)
    except ValueError as error:
        raise MalformedPayload(f"unknown signing role {text[:20]!r}") from error
