r"""The bytes of a liability tree: contexts, keys, leaves and nodes.

Rules:
    * Big-endian integers, SHA-256, HMAC-SHA-256; every hash starts with its own domain.
    * A leaf binds asset, position, person, salt and amount; a node binds both children *and both sums*.
      With only the total of the sums in the node, a builder could choose the children's sums freely.
    * Amounts and sums are below 2**120, so a running sum over 32 levels never wraps 128 bits.

Spec: docs/proof-of-reserves.md, section "Bytes"; vectors in tests/vectors/reserves.json.
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from typing import NewType

from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import InvalidAmount, InvalidInput

HASH_BYTES = 32
AMOUNT_LIMIT = 1 << 120
"""Exclusive bound of every amount, sibling sum and total: 33 of them stay below 2**128."""
MAX_HEIGHT = 32
"""Levels of a tree: an index fits u32."""
MAX_TEXT_BYTES = 0xFFFF
"""Texts carry a u16 length."""
MAX_SHARDS = 1 << 32
MAX_DECIMALS = 0xFF

_HEADER = b"PORv1/header\0"
_ASSET = b"PORv1/asset\0"
_SUBJECT = b"PORv1/subject\0"
_AUDIT_KEY = b"PORv1/audit-key\0"
_SALT = b"PORv1/salt\0"
_ORDER = b"PORv1/order\0"
_PAD = b"PORv1/pad\0"
_LEAF = b"\x00"
_NODE = b"\x01"

Context = NewType("Context", bytes)
"""Hash of a statement's header, 32 bytes: ties everything below it to one exchange and one cut-off."""
AssetContext = NewType("AssetContext", bytes)
"""Context of one asset's tree, 32 bytes."""
Subject = NewType("Subject", bytes)
"""A person as the tree knows them, 32 bytes."""


@dataclass(frozen=True, slots=True)
class Node:
    """A leaf or an inner node.

    Attributes:
        hash: 32 bytes.
        sum: Ledger quanta below it, 0 to 2**120 - 1.
    """

    hash: bytes
    sum: int


@dataclass(frozen=True, slots=True)
class AssetTree:
    """What an asset's context is made of.

    Attributes:
        ix: Position in the header's asset table.
        asset_id: CAIP-19 id, or a chain-free id of the ledger.
        decimals: Of the ledger, not of the chain.
        height: Levels above the leaves.
    """

    ix: int
    asset_id: str
    decimals: int
    height: int


def context(header: Json) -> Context:
    """Hash a header; it is final before any tree is built."""
    return Context(_sha256(_HEADER + canonical_json(header)))


def asset_context(ctx: Context, tree: AssetTree) -> AssetContext:
    """Context of one asset's tree.

    Raises:
        InvalidInput: The id is too long, or a number does not fit its field.
    """
    if not (0 <= tree.ix < 1 << 32 and 0 <= tree.decimals <= MAX_DECIMALS and 0 <= tree.height <= MAX_HEIGHT):
        raise InvalidInput(f"asset {tree.asset_id!r}: ix, decimals or height out of range")
    return AssetContext(
        _sha256(_ASSET + ctx + _u32(tree.ix) + _text(tree.asset_id) + bytes([tree.decimals, tree.height]))
    )


def subject_of(exchange: str, account_id: str) -> Subject:
    """Name a person in all trees of an exchange; canonically equal spellings (NFC) are one person.

    Raises:
        InvalidInput: A text is empty, too long, or not text (lone surrogates).
    """
    return Subject(_sha256(_SUBJECT + _text(exchange) + _text(unicodedata.normalize("NFC", account_id))))


def audit_key(master: bytes, subject: Subject) -> bytes:
    """Derive the key K_u that its user gets: it opens this user's leaves, and nobody else's."""
    return hmac.digest(master, _AUDIT_KEY + subject, "sha256")


def salt_of(user_key: bytes, ctx_a: AssetContext, shard: int) -> bytes:
    """Derive the salt that hides a leaf's amount from anybody who guesses."""
    return hmac.digest(user_key, _SALT + ctx_a + _u32(shard), "sha256")


def leaf_hash(ctx_a: AssetContext, index: int, owner: tuple[Subject, bytes], amount: int) -> bytes:
    """Hash a leaf.

    Args:
        ctx_a: The tree.
        index: Position from 0.
        owner: Subject and salt, 32 bytes each.
        amount: Ledger quanta.

    Raises:
        InvalidAmount: Outside 0..2**120 - 1.
    """
    require_amount(amount)
    return _sha256(_LEAF + ctx_a + _u32(index) + owner[0] + owner[1] + amount.to_bytes(16, "big"))


def node_hash(level: int, left: Node, right: Node) -> bytes:
    """Hash two children into their parent.

    Args:
        level: 0 joins leaves.
        left, right: The children, with their sums.
    """
    return _sha256(
        _NODE + bytes([level]) + left.hash + left.sum.to_bytes(16, "big") + right.hash + right.sum.to_bytes(16, "big")
    )


def order_key(master: bytes, ctx_a: AssetContext) -> bytes:
    """Derive the key K_order that shuffles one tree: neighbours of one date are strangers on the next."""
    return hmac.digest(master, _ORDER + ctx_a, "sha256")


def sort_key(key: bytes, subject: Subject, shard: int) -> bytes:
    """Rank of a user's leaf in the tree."""
    return hmac.digest(key, subject + _u32(shard), "sha256")


def pad_of(key: bytes, number: int) -> tuple[bytes, Subject, bytes]:
    """Derive the pad leaf of this number: (sort key, subject, salt); its amount is 0.

    Pads stand between users, so the place of a leaf tells nothing about how many users there are.
    """
    salt = hmac.digest(key, b"pad" + _u32(number), "sha256")
    return hmac.digest(key, b"padpos" + _u32(number), "sha256"), Subject(_sha256(_PAD + salt)), salt


def require_amount(amount: int) -> None:
    """Check an amount or a sum.

    Raises:
        InvalidAmount: Not an int, or outside 0..2**120 - 1.
    """
    if type(amount) is not int or not 0 <= amount < AMOUNT_LIMIT:
        raise InvalidAmount("amount or sum is not a whole number in 0..2**120 - 1")


def _sha256(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def _u32(number: int) -> bytes:
    return number.to_bytes(4, "big")


def _text(text: str) -> bytes:
    try:
        raw = text.encode()
    except UnicodeEncodeError as error:
        raise InvalidInput("text with a lone surrogate") from error
    if not 0 < len(raw) <= MAX_TEXT_BYTES:
        raise InvalidInput(f"text of {len(raw)} bytes, 1 to {MAX_TEXT_BYTES}")
    return len(raw).to_bytes(2, "big") + raw
