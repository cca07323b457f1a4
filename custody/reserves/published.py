r"""A published statement, read strictly: digest, context, asset table.

This is the verifier's reading; `statement` writes. The two share only the bytes of `leaf`.

Order of refusals: digest, context, asset table.

Spec: docs/proof-of-reserves.md, sections "Files" and "Verifier", steps 3 to 5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from custody.primitives.encoding import canonical_json
from custody.primitives.errors import InvalidInput, VerificationFailed
from custody.reserves.leaf import (
    AMOUNT_LIMIT,
    MAX_DECIMALS,
    MAX_HEIGHT,
    AssetContext,
    AssetTree,
    Context,
    asset_context,
    context,
)
from custody.reserves.proof import NodeAmountWrong, NodeHashWrong, Root
from custody.reserves.strict_json import ProofUnusable

STATEMENT_FORMAT = "por-statement/1"
HEADER_FORMAT = "por-header/1"
_STATEMENT = b"PORv1/statement\0"
_AMOUNT = re.compile(r"0|[1-9][0-9]{0,36}", re.ASCII)
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)


class FormatUnknown(InvalidInput):
    """A version this verifier does not know: it might mean anything."""

    code = "reserves_format"


class DigestMismatch(VerificationFailed):
    """The statement in the file is not the one that is trusted."""

    code = "reserves_digest"


class ContextMismatch(VerificationFailed):
    """The context is not the hash of the header."""

    code = "reserves_context"


class AssetTableWrong(VerificationFailed):
    """The asset table is malformed, in disorder, or not the header's."""

    code = "reserves_asset_table"


@dataclass(frozen=True, slots=True)
class PublishedAsset:
    """One asset of a statement.

    Attributes:
        asset_id: Its id.
        decimals: Of the ledger: one coin is 10**decimals quanta.
        ctx_a: Context of its tree.
        root: Root, total owed and height.
        ratio_ppm: Net reserves per million owed, rounded down; None if the statement states none.
    """

    asset_id: str
    decimals: int
    ctx_a: AssetContext
    root: Root
    ratio_ppm: int | None


@dataclass(frozen=True, slots=True)
class PublishedStatement:
    """A statement whose digest, context and table hold together."""

    digest: bytes
    exchange: str
    seq: int
    cutoff: str
    assets: tuple[PublishedAsset, ...]


def statement_digest(statement: Mapping[str, object]) -> bytes:
    """Hash a statement in canonical form.

    Raises:
        ProofUnusable: It has no canonical form.
    """
    try:
        return hashlib.sha256(_STATEMENT + canonical_json(statement)).digest()  # type: ignore[arg-type]
    except InvalidInput as error:
        raise ProofUnusable(f"statement: {error}") from error


def read_statement(statement: Mapping[str, object], trusted: bytes | None) -> PublishedStatement:
    """Check a statement and return what it publishes.

    Args:
        statement: As parsed.
        trusted: Digest from the log or the chain, never from the file; None skips step 3.

    Raises:
        FormatUnknown, ProofUnusable: Not a statement of this version.
        DigestMismatch, ContextMismatch, AssetTableWrong: In this order.
        NodeAmountWrong, NodeHashWrong: A total or root is malformed.
    """
    header = statement.get("header")
    if statement.get("format") != STATEMENT_FORMAT:
        raise FormatUnknown(f"statement format is not {STATEMENT_FORMAT}")
    if not isinstance(header, dict) or header.get("format") != HEADER_FORMAT:
        raise FormatUnknown(f"header format is not {HEADER_FORMAT}")
    exchange, seq, cutoff = header.get("exchange"), header.get("seq"), header.get("cutoff")
    if not (isinstance(exchange, str) and exchange and type(seq) is int and isinstance(cutoff, str)):
        raise ProofUnusable("header: exchange, seq or cutoff is missing or of the wrong type")
    digest = statement_digest(statement)
    if trusted is not None and digest != trusted:
        raise DigestMismatch(
            f"statement digest is {digest.hex()}, trusted is {trusted.hex()}",
            computed=digest.hex(),
            expected=trusted.hex(),
        )
    ctx = context(header)
    if statement.get("ctx") != ctx.hex():
        raise ContextMismatch(f"header hashes to {ctx.hex()}, the statement says {str(statement.get('ctx'))[:64]}")
    return PublishedStatement(digest, exchange, seq, cutoff, _asset_table(statement, header, ctx))


def read_hash(value: object, what: str) -> bytes:
    """Read 32 bytes from 64 lower-case hex digits.

    Raises:
        NodeHashWrong: Anything else.
    """
    if not isinstance(value, str) or not _HASH.fullmatch(value):
        raise NodeHashWrong(f"{what}: not 64 lower-case hex digits")
    return bytes.fromhex(value)


def read_amount(value: object, what: str) -> int:
    """Read an amount or a sum from its canonical decimal string.

    Raises:
        NodeAmountWrong: Not `0` or `[1-9][0-9]*`, or from 2**120 on.
    """
    if not isinstance(value, str) or not _AMOUNT.fullmatch(value) or int(value) >= AMOUNT_LIMIT:
        raise NodeAmountWrong(f"{what}: not a canonical decimal string below 2**120")
    return int(value)


def _asset_table(
    statement: Mapping[str, object], header: Mapping[str, object], ctx: Context
) -> tuple[PublishedAsset, ...]:
    listed, rows, ratios = header.get("assets"), statement.get("liabilities"), statement.get("ratio_ppm", {})
    if not (isinstance(listed, list) and isinstance(rows, list) and isinstance(ratios, dict)):
        raise AssetTableWrong("assets, liabilities or ratio_ppm is missing or of the wrong type")
    if not listed or len(listed) != len(rows):
        raise AssetTableWrong(f"{len(listed)} assets in the header, {len(rows)} in the liabilities")
    assets = tuple(_asset(ix, listed[ix], row, (ctx, ratios)) for ix, row in enumerate(rows))
    if len({asset.asset_id for asset in assets}) != len(assets):
        raise AssetTableWrong("one asset stands twice in the table")
    return assets


def _asset(ix: int, listed: object, row: object, shared: tuple[Context, Mapping[str, object]]) -> PublishedAsset:
    if not (isinstance(listed, dict) and isinstance(row, dict)):
        raise AssetTableWrong(f"asset {ix}: not an object")
    asset_id, decimals, height = listed.get("id"), listed.get("decimals"), row.get("height")
    if not isinstance(asset_id, str) or not asset_id or row.get("id") != asset_id:
        raise AssetTableWrong(f"asset {ix}: its id is not the header's")
    if type(row.get("ix")) is not int or row["ix"] != ix:
        raise AssetTableWrong(f"asset {ix}: ix is not its position")
    if type(decimals) is not int or not 0 <= decimals <= MAX_DECIMALS:
        raise AssetTableWrong(f"asset {ix}: decimals outside 0..{MAX_DECIMALS}")
    if type(height) is not int or not 1 <= height <= MAX_HEIGHT:
        raise AssetTableWrong(f"asset {ix}: height outside 1..{MAX_HEIGHT}")
    total, root = read_amount(row.get("total"), f"asset {ix} total"), read_hash(row.get("root"), f"asset {ix} root")
    ctx, ratios = shared
    ratio = read_amount(ratios[asset_id], f"asset {ix} ratio") if asset_id in ratios else None
    tree = AssetTree(ix, asset_id, decimals, height)
    return PublishedAsset(asset_id, decimals, asset_context(ctx, tree), Root(root, total, height), ratio)
