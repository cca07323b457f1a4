r"""Verify a customer's own proof: standard library alone, from the file to the verdict.

Proven by exit status 0: in the statement with the digest you trust, liabilities to you of at least the balances you
named are counted in the published totals.
Not proven: any other date than the cut-off, debts outside the books, customers who do not check, and (unless the
statement states and others checked it) what the exchange holds.

Rules:
    * Account and expected balances come from you, the trusted digest from the log or the chain; never from the file.
    * Order of refusals: 1 size and nesting; 2 strict JSON, format; 3 statement digest; 4 context; 5 asset table;
      6 each shard: index, leaf not used before, path length, amounts, hashes; 7 total, then root;
      8 the shards' sum against your figure, for every asset you name.
    * Without a trusted digest nothing is verified: the file only agrees with itself, and the report says so.

Example:
    python -m custody.reserves.verify proof.json --account alice@example.com --balance 'eip155:1/slip44:60=1.5' \
        --digest dadc571714646a752a52a748c23b91e26abf60b63ae63e46c8e57ae81134d924
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from custody.primitives.errors import InvalidAmount, InvalidInput, VerificationFailed
from custody.reserves.leaf import AMOUNT_LIMIT, MAX_SHARDS, Node, Subject, leaf_hash, salt_of, subject_of
from custody.reserves.proof import LeafIndexOutside, PathLengthWrong, verify_inclusion
from custody.reserves.published import (
    AssetTableWrong,
    FormatUnknown,
    PublishedAsset,
    PublishedStatement,
    read_amount,
    read_hash,
    read_statement,
)
from custody.reserves.strict_json import MAX_PROOF_BYTES, ProofTooLarge, ProofUnusable, parse_strict

PROOF_FORMAT = "por-proof/1"
ONE_PPM = 1_000_000
"""A ratio of 1 in parts per million."""
MAX_CLAIMS = 4_096
"""Assets of a proof; keeps the work of a hostile file below a second."""
_DIGEST = re.compile(r"(?:0x)?([0-9a-fA-F]{64})", re.ASCII)
EXIT_VERIFIED, EXIT_NOT_PROVEN, EXIT_BELOW_ONE = 0, 3, 8


class LeafReused(VerificationFailed):
    """One leaf is shown twice: its amount would count double."""

    code = "reserves_leaf_reused"


class LiabilityUnderstated(VerificationFailed):
    """Less is proven than the customer says he is owed."""

    code = "reserves_understated"


class NothingToCheck(InvalidInput):
    """No expected balance was named: an empty question has no answer."""

    code = "reserves_nothing_to_check"


class TrustedDigestMalformed(InvalidInput):
    """The trusted digest is not 32 bytes of hex."""

    code = "reserves_trusted_digest"


@dataclass(frozen=True, slots=True)
class AssetVerdict:
    """What is proven of one asset.

    Attributes:
        asset_id: The asset.
        proven: Ledger quanta that stand in the tree under this account.
        expected: What the customer named; None if he named none.
        decimals: One coin is 10**decimals quanta.
    """

    asset_id: str
    proven: int
    expected: int | None
    decimals: int


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """The verdict; only made when every check held.

    Attributes:
        statement_digest: Computed from the file, hex.
        anchored: True if it equals the digest the customer trusts.
        exchange, seq, cutoff: Which statement.
        assets: One row per asset of the proof.
        lowest_ratio_ppm: Lowest stated net ratio of any asset; None if the statement states none.
    """

    statement_digest: str
    anchored: bool
    exchange: str
    seq: int
    cutoff: str
    assets: tuple[AssetVerdict, ...]
    lowest_ratio_ppm: int | None

    @property
    def code(self) -> str:
        """Stable word for machines: verified, not_anchored, ratio_below_one."""
        if not self.anchored:
            return "not_anchored"
        below = self.lowest_ratio_ppm is not None and self.lowest_ratio_ppm < ONE_PPM
        return "ratio_below_one" if below else "verified"

    @property
    def exit_code(self) -> int:
        """0 verified; 3 not anchored in a trusted digest; 8 proven, but a stated ratio is below 1."""
        return {"verified": EXIT_VERIFIED, "not_anchored": EXIT_NOT_PROVEN}.get(self.code, EXIT_BELOW_ONE)


def verify_file(path: Path, account_id: str, expected: Mapping[str, int], trusted_digest: str | None) -> VerifyReport:
    """Verify a proof file; as `verify_proof`.

    Raises:
        ProofUnusable: The file cannot be read.
    """
    try:
        with path.open("rb") as file:
            raw = file.read(MAX_PROOF_BYTES + 1)
    except OSError as error:
        raise ProofUnusable(f"{path}: {error.strerror}") from error
    return verify_proof(raw, account_id, expected, trusted_digest)


def verify_proof(raw: bytes, account_id: str, expected: Mapping[str, int], trusted_digest: str | None) -> VerifyReport:
    """Verify the bytes of a proof.

    Args:
        raw: The file.
        account_id: As the exchange knows the customer; given by the customer.
        expected: Ledger quanta by asset id; given by the customer, at least one.
        trusted_digest: 64 hex digits from the log or the chain; None leaves the report unanchored.

    Raises:
        InvalidInput: The question is malformed, or steps 1 and 2 refuse the file.
        VerificationFailed: Steps 3 to 8 refuse; the leaf class and its code name the step.
    """
    _require_question(expected)
    trusted = _trusted(trusted_digest)
    document = read_document(raw)
    statement = read_statement(_object(document["statement"], "statement"), trusted)
    proven = _claims(document, statement, subject_of(statement.exchange, account_id))
    for asset_id, wanted in sorted(expected.items()):
        if proven.get(asset_id, 0) < wanted:
            raise LiabilityUnderstated(
                f"{asset_id}: proven {proven.get(asset_id, 0)}, you expect {wanted}",
                asset=asset_id,
                proven=str(proven.get(asset_id, 0)),
                expected=str(wanted),
            )
    decimals = {asset.asset_id: asset.decimals for asset in statement.assets}
    ratios = [asset.ratio_ppm for asset in statement.assets if asset.ratio_ppm is not None]
    return VerifyReport(
        statement.digest.hex(),
        trusted is not None,
        statement.exchange,
        statement.seq,
        statement.cutoff,
        tuple(AssetVerdict(key, units, expected.get(key), decimals[key]) for key, units in proven.items()),
        min(ratios) if ratios else None,
    )


def read_document(raw: bytes) -> dict[str, object]:
    """Steps 1 and 2: size, nesting, strict JSON, format, and no field nobody asked for.

    Raises:
        ProofTooLarge, ProofUnusable, FormatUnknown: In this order.
    """
    document = parse_strict(raw)
    if document.get("format") != PROOF_FORMAT:
        raise FormatUnknown(f"proof format is not {PROOF_FORMAT}")
    _only(document, "proof", ("format", "statement", "audit_key", "claims"), ("log", "chain"))
    return document


def _require_question(expected: Mapping[str, int]) -> None:
    if not expected:
        raise NothingToCheck("name at least one balance you expect")
    for asset_id, units in expected.items():
        if type(units) is not int or not 0 <= units < AMOUNT_LIMIT:
            raise InvalidAmount(f"{asset_id}: the expected balance is not a whole number in 0..2**120 - 1")


def _trusted(text: str | None) -> bytes | None:
    if text is None:
        return None
    match = _DIGEST.fullmatch(text.strip())
    if match is None:
        raise TrustedDigestMalformed("the trusted digest is not 64 hex digits")
    return bytes.fromhex(match[1])


def _claims(document: Mapping[str, object], statement: PublishedStatement, subject: Subject) -> dict[str, int]:
    claims = _list(document["claims"], "claims")
    if len(claims) > MAX_CLAIMS:
        raise ProofTooLarge(f"{len(claims)} claims, at most {MAX_CLAIMS}")
    key = read_hash(document["audit_key"], "audit_key")
    proven: dict[str, int] = {}
    for item in claims:
        claim = _object(item, "claim")
        _only(claim, "claim", ("asset", "ix", "shards"), ())
        ix = claim["ix"]
        if type(ix) is not int or not 0 <= ix < len(statement.assets):
            raise AssetTableWrong("claim: ix is no position of the asset table")
        asset = statement.assets[ix]
        if claim["asset"] != asset.asset_id or asset.asset_id in proven:
            raise AssetTableWrong(f"claim {ix}: not the asset of this position, or claimed twice")
        used: set[int] = set()
        proven[asset.asset_id] = sum(
            _shard(_object(shard, "shard"), asset, (subject, key), used) for shard in _list(claim["shards"], "shards")
        )
    return proven


def _shard(shard: Mapping[str, object], asset: PublishedAsset, owner: tuple[Subject, bytes], used: set[int]) -> int:
    _only(shard, "shard", ("shard", "index", "amount", "path"), ())
    number, index, where = shard["shard"], shard["index"], f"{asset.asset_id} leaf {shard['index']}"
    if type(number) is not int or not 0 <= number < MAX_SHARDS:
        raise LeafIndexOutside(f"{asset.asset_id}: the shard number is not a whole number below 2**32")
    if type(index) is not int or not 0 <= index < 1 << asset.root.height:
        raise LeafIndexOutside(f"{where}: outside a tree of height {asset.root.height}")
    if index in used:
        raise LeafReused(f"{where}: shown twice", index=index)
    used.add(index)
    path = _list(shard["path"], "path")
    if len(path) != asset.root.height:
        raise PathLengthWrong(f"{where}: {len(path)} siblings in a tree of height {asset.root.height}")
    amount = read_amount(shard["amount"], f"{where} amount")
    siblings = [_sibling(item, where) for item in path]
    subject, user_key = owner
    leaf = leaf_hash(asset.ctx_a, index, (subject, salt_of(user_key, asset.ctx_a, number)), amount)
    verify_inclusion(Node(leaf, amount), index, siblings, asset.root)
    return amount


def _sibling(item: object, where: str) -> Node:
    pair = _list(item, f"{where} sibling")
    if len(pair) != 2:
        raise ProofUnusable(f"{where}: a sibling is not a pair of hash and sum")
    total = read_amount(pair[1], f"{where} sibling sum")
    return Node(read_hash(pair[0], f"{where} sibling hash"), total)


def _only(values: Mapping[str, object], what: str, required: Sequence[str], optional: Sequence[str]) -> None:
    missing = [name for name in required if name not in values]
    unknown = sorted(set(values) - {*required, *optional})
    if missing or unknown:
        raise ProofUnusable(f"{what}: field {(missing + unknown)[0][:40]!r} is missing or unknown")


def _object(value: object, what: str) -> dict[str, object]:
    if not isinstance(value, dict):
        raise ProofUnusable(f"{what}: not an object")
    return value


def _list(value: object, what: str) -> list[object]:
    if not isinstance(value, list):
        raise ProofUnusable(f"{what}: not a list")
    return value


if __name__ == "__main__":
    from custody.reserves.verify_command import main

    raise SystemExit(main())
