"""What the simulated XRP Ledger checks of a transaction before it executes it: form, order, fee, signatures.

Rules:
    * `local_fault` is what a node answers with an error of the call; everything else is an engine result.
    * Signatures are verified for real, over digests made by xrpl-py, not by our own codec.

Example:
    local_fault(fields) or refusal(world, fields, ledger_index)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

from xrpl.core.addresscodec import decode_classic_address
from xrpl.core.binarycodec import encode_for_multisigning, encode_for_signing
from xrpl.core.keypairs import derive_classic_address

from custody.devnet.xrpl_world import (
    BASE_FEE_DROPS,
    DISABLE_MASTER,
    SimAccount,
    World,
    is_known,
    order_refusal,
    shape_refusal,
)
from custody.keys import ecdsa
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, InvalidInput

NETWORK_ID = 63456

Fields = Mapping[str, Any]


def local_fault(fields: Fields) -> str:
    """Judge what a node refuses before it looks at any account; "" if nothing is wrong."""
    signers = [entry["Signer"] for entry in fields.get("Signers", [])]
    if not signers:
        digest = _half(encode_for_signing(dict(fields)))
        good = _verifies(fields.get("SigningPubKey", ""), digest, fields.get("TxnSignature", ""))
        return "" if good else "fails local checks: Invalid signature."
    fault = _order_fault(fields, signers)
    for signer in signers if not fault else ():
        digest = _half(encode_for_multisigning(dict(fields), signer["Account"]))
        if not _verifies(signer["SigningPubKey"], digest, signer["TxnSignature"]):
            return f"fails local checks: Invalid signature on account {signer['Account']}."
    return fault


def _order_fault(fields: Fields, signers: Sequence[Fields]) -> str:
    if fields.get("SigningPubKey", "") or "TxnSignature" in fields:
        return "fails local checks: Cannot both single- and multi-sign."
    ids = [decode_classic_address(signer["Account"]) for signer in signers]
    if len(set(ids)) != len(ids):
        return "fails local checks: Duplicate Signers not allowed."
    if ids != sorted(ids):
        return "fails local checks: Unsorted Signers array."
    if fields["Account"] in {signer["Account"] for signer in signers}:
        return "fails local checks: Invalid multisigner."
    return ""


def refusal(world: World, fields: Fields, ledger: int, fee_drops: int = BASE_FEE_DROPS) -> str:
    """Judge a transaction against the accounts; "" if it will be executed.

    Args:
        world: Accounts.
        fields: Of the transaction; its signatures hold.
        ledger: The ledger it would be in.
        fee_drops: What one signature's worth of transaction costs now.
    """
    early = _early_refusal(fields) or order_refusal(world, fields)
    if not early and fields.get("LastLedgerSequence", ledger) < ledger:
        early = "tefMAX_LEDGER"
    if early:
        return early
    account, fee = world[fields["Account"]], int(fields["Fee"])
    if fee < fee_drops * (1 + len(fields.get("Signers", []))):
        return "telINSUF_FEE_P"
    if fee > account.balance:
        return "terINSUF_FEE_B"
    return _quorum_refusal(account, fields) if "Signers" in fields else _single_refusal(account, fields)


def _early_refusal(fields: Fields) -> str:
    if fields.get("NetworkID") != NETWORK_ID:
        return "telWRONG_NETWORK" if "NetworkID" in fields else "telREQUIRES_NETWORK_ID"
    return shape_refusal(fields) if is_known(fields["TransactionType"]) else "temUNKNOWN"


def _quorum_refusal(account: SimAccount, fields: Fields) -> str:
    if not account.signers:
        return "tefNOT_MULTI_SIGNING"
    weights, weight = dict(account.signers), 0
    for entry in fields["Signers"]:
        signer = entry["Signer"]
        if signer["Account"] not in weights or derive_classic_address(signer["SigningPubKey"]) != signer["Account"]:
            return "tefBAD_SIGNATURE"
        weight += weights[signer["Account"]]
    return "" if weight >= account.quorum else "tefBAD_QUORUM"


def _single_refusal(account: SimAccount, fields: Fields) -> str:
    if derive_classic_address(fields["SigningPubKey"]) != fields["Account"]:
        return "tefBAD_AUTH"
    return "tefMASTER_DISABLED" if account.flags & DISABLE_MASTER else ""


def _half(message: str) -> bytes:
    return hashlib.sha512(bytes.fromhex(message)).digest()[:32]


def _verifies(key: str, digest: bytes, signature: str) -> bool:
    try:
        ecdsa.verify_der(PublicKey(Curve.SECP256K1, bytes.fromhex(key)), digest, bytes.fromhex(signature))
    except (BadSignature, InvalidInput, ValueError):
        return False
    return True
