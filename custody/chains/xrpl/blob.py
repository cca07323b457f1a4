"""Plans as the bytes of the ledger: what members sign, what a node accepts, and its hash.

Rules:
    * xrpl-py's binary codec serialises; keys and signatures never pass through it but as hex.
    * Every member signs the same fields with its own account id behind them.
    * Signers stand in the order of their 20-byte account ids, not of their base58 text.

Spec: xrpl.org, "Serialization Format" and "Multi-Signing".

Example:
    body = unsigned_bytes(wallet, plan)
    ecdsa.sign_der(key, member_digest(body, account_of(public_key)))
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from xrpl.core.binarycodec import encode

from custody.chains.xrpl.address import account_text
from custody.chains.xrpl.state import SlotKind, XrplPlan
from custody.chains.xrpl.wallet import XrplWallet
from custody.primitives.ids import TxId

FULLY_CANONICAL = 0x80000000
"""tfFullyCanonicalSig: the only flag we ever set; signers want exactly it."""
_MULTISIGN_PREFIX = b"SMT\x00"
_SIGN_PREFIX = b"STX\x00"
_ID_PREFIX = b"TXN\x00"


def fields_of(wallet: XrplWallet, plan: XrplPlan) -> dict[str, Any]:
    """The transaction's fields, by the ledger's names; no signature among them."""
    fields: dict[str, Any] = {
        "Flags": FULLY_CANONICAL,
        "Account": wallet.account,
        "Fee": str(plan.fee_drops),
        "LastLedgerSequence": plan.last_ledger,
        "SigningPubKey": "",
    }
    if wallet.params.names_network:
        fields["NetworkID"] = wallet.params.network_id
    if plan.slot.kind is SlotKind.TICKET:
        fields |= {"Sequence": 0, "TicketSequence": plan.slot.number}
    else:
        fields["Sequence"] = plan.slot.number
    if plan.payment is None:
        return fields | {"TransactionType": "TicketCreate", "TicketCount": plan.new_tickets}
    paid: dict[str, Any] = {
        "TransactionType": "Payment",
        "Amount": str(plan.payment.drops),
        "Destination": plan.payment.to,
    }
    if plan.payment.tag is not None:
        paid["DestinationTag"] = plan.payment.tag
    return fields | paid


def unsigned_bytes(wallet: XrplWallet, plan: XrplPlan) -> bytes:
    """What every member decodes: the serialised fields, without prefix, signers and suffix."""
    return bytes.fromhex(encode(fields_of(wallet, plan)))


def member_digest(body: bytes, account: bytes) -> bytes:
    """The 32 bytes a member signs.

    Args:
        body: From `unsigned_bytes`.
        account: The member's own account id, 20 bytes.
    """
    return half_sha512(_MULTISIGN_PREFIX + body + account)


def single_digest(body: bytes) -> bytes:
    """The 32 bytes a master key signs, while an account still has one."""
    return half_sha512(_SIGN_PREFIX + body)


def signed_blob(fields: Mapping[str, Any], signatures: Mapping[bytes, tuple[bytes, bytes]]) -> bytes:
    """Put the final bytes together.

    Args:
        fields: From `fields_of`.
        signatures: Account id of a member -> its public key and DER signature.
    """
    signers = [
        {
            "Signer": {
                "Account": account_text(account),
                "SigningPubKey": signatures[account][0].hex().upper(),
                "TxnSignature": signatures[account][1].hex().upper(),
            }
        }
        for account in sorted(signatures)
    ]
    return bytes.fromhex(encode({**fields, "Signers": signers}))


def txid_of(blob: bytes) -> TxId:
    """Transaction id: 64 upper-case hex digits."""
    return TxId(half_sha512(_ID_PREFIX + blob).hex().upper())


def half_sha512(message: bytes) -> bytes:
    """The first half of SHA-512."""
    return hashlib.sha512(message).digest()[:32]
