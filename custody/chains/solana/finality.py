"""What became of an attempt: by its own signature, or by who used its durable nonce.

Rules:
    * Not found proves nothing. A nonce that shows another value proves nothing either: the node may
      be behind the value's birth.
    * DEAD needs the finalized transaction that used this very value, found in the nonce account's
      history, and it must do something else than ours.
    * Whoever can sign can sign one message twice, under two ids: a threshold signature is never the same
      again. So the message decides: if our own signature fits the message found, our payment was made.
    * FAILED needs our own message, finalized, with an error: its nonce is used up, no value moved.

Example:
    attempt_finality(node, txid, "solnonce:...:...")
"""

from __future__ import annotations

from typing import Any

import base58
from solders.hash import Hash
from solders.instruction import CompiledInstruction
from solders.message import MessageHeader, MessageV0, to_bytes_versioned
from solders.pubkey import Pubkey

from custody.chains.solana.accounts import parse_nonce_account
from custody.chains.solana.node import MAX_SIGNATURES_PER_CALL, HistoryEntry, SolanaNode
from custody.chains.solana.params import SYSTEM_PROGRAM
from custody.chains.solana.state import Nonce
from custody.keys import ed25519
from custody.keys.material import Curve, PublicKey
from custody.primitives.chain import Finality
from custody.primitives.errors import BadSignature, NodeUnavailable
from custody.primitives.ids import TxId

MAX_HISTORY_PAGES = 10
"""10,000 uses of one nonce account: years of payments."""

_ADVANCE_NONCE_BASE58 = "6vx8P"  # base58 of 04 00 00 00


def attempt_finality(node: SolanaNode, txid: TxId, conflict_key: str) -> Finality:
    """Say what the chain says of an attempt now.

    Args:
        node: Whom to ask.
        txid: Signature of the attempt's fee payer.
        conflict_key: Nonce account and value the attempt uses.

    Raises:
        MalformedPayload: Not a Solana conflict key.
    """
    nonce = Nonce.parse_key(conflict_key)
    status = node.status(txid)
    if status is not None:
        if status.commitment != "finalized":
            return Finality.MINED
        return Finality.FAILED if status.failed else Finality.FINAL
    account = parse_nonce_account(node.accounts([nonce.account], "finalized")[0])
    if account is None or account.value == nonce.value:
        return Finality.UNKNOWN
    user = _finalized_user(node, nonce)
    if user is None:
        return Finality.UNKNOWN
    entry, transaction = user
    # The status index may be behind the history, or the same message landed under another signature.
    if entry.txid == txid or _is_our_message(transaction, txid):
        return Finality.FAILED if entry.failed else Finality.FINAL
    return Finality.DEAD


def _finalized_user(node: SolanaNode, nonce: Nonce) -> tuple[HistoryEntry, dict[str, Any]] | None:
    """Find the finalized transaction that used a nonce value."""
    before = None
    for _ in range(MAX_HISTORY_PAGES):
        page = node.history(nonce.account, before)
        for entry in page:
            transaction = node.transaction(entry.txid)
            if transaction is not None and _uses(transaction, nonce):
                return entry, transaction
        if len(page) < MAX_SIGNATURES_PER_CALL:
            return None
        before = page[-1].txid
    return None


def _is_our_message(transaction: dict[str, Any], txid: TxId) -> bool:
    """Tell whether the signature that is our id signs the message of this transaction, by its fee payer's key."""
    try:
        message, header = transaction["transaction"]["message"], transaction["transaction"]["message"]["header"]
        if transaction["version"] != 0 or message.get("addressTableLookups"):
            return False  # we send version 0 without lookup tables
        shape = MessageHeader(
            header["numRequiredSignatures"],
            header["numReadonlySignedAccounts"],
            header["numReadonlyUnsignedAccounts"],
        )
        keys = [Pubkey.from_string(key) for key in message["accountKeys"]]
        steps = [
            CompiledInstruction(step["programIdIndex"], base58.b58decode(step["data"]), bytes(step["accounts"]))
            for step in message["instructions"]
        ]
        raw = MessageV0(shape, keys, Hash.from_string(message["recentBlockhash"]), steps, [])
        payer, signature = PublicKey(Curve.ED25519, bytes(keys[0])), base58.b58decode(txid)
    except (KeyError, TypeError, IndexError, ValueError) as error:
        raise NodeUnavailable(f"a transaction of unknown shape: {error!r}") from error
    try:
        ed25519.verify(payer, bytes(to_bytes_versioned(raw)), signature)
    except BadSignature:
        return False
    return True


def _uses(transaction: dict[str, Any], nonce: Nonce) -> bool:
    """Tell whether a transaction is durable on this nonce value: its blockhash, advanced by its first instruction."""
    try:
        message = transaction["transaction"]["message"]
        keys, first = message["accountKeys"], message["instructions"][0]
        return bool(
            message["recentBlockhash"] == nonce.value
            and keys[first["programIdIndex"]] == SYSTEM_PROGRAM
            and first["data"] == _ADVANCE_NONCE_BASE58
            and keys[first["accounts"][0]] == nonce.account
        )
    except (KeyError, TypeError, IndexError) as error:
        raise NodeUnavailable(f"a transaction of unknown shape: {error!r}") from error
