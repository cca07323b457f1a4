r"""Headers and statements: what is published, as values and as the JSON that is hashed. Pure.

Rules:
    * The header is final before any tree is built: it goes into every context, and into the ownership texts.
    * Unused fields are absent, not null. Amounts are decimal strings, hashes 64 lower-case hex digits.
    * A statement says what is owed and what is shown to be held; it does not say that nothing else is owed.

Example:
    header = Header("example.com", 12, "2026-01-31T00:00:00Z", LedgerPoint(918_273_645, "aa" * 32), assets, chains)
    header.ctx()
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import InvalidInput
from custody.primitives.ids import Digest
from custody.reserves.leaf import MAX_DECIMALS, Context, context
from custody.reserves.proof import Root
from custody.reserves.published import HEADER_FORMAT, STATEMENT_FORMAT, statement_digest

MAX_ASSETS = 4_096
MAX_CHAINS = 64
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_UTC = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", re.ASCII)
_NAME = re.compile(r"[!-~]{1,255}", re.ASCII)


@dataclass(frozen=True, slots=True)
class LedgerPoint:
    """A point of the ledger.

    Attributes:
        seq: Last journal sequence number at or before the cut-off.
        head: Hash of the journal's chain there, 64 hex digits.
    """

    seq: int
    head: str

    def __post_init__(self) -> None:
        if self.seq < 0 or not _HASH.fullmatch(self.head):
            raise InvalidInput(f"ledger point {self.seq}: sequence below 0, or head is not 64 hex digits")


@dataclass(frozen=True, slots=True)
class HeaderAsset:
    """An asset of the ledger: its id, and how many decimals a quantum has."""

    id: str
    decimals: int

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.id) or not 0 <= self.decimals <= MAX_DECIMALS:
            raise InvalidInput(f"asset {self.id!r}: printable ASCII id and decimals 0..{MAX_DECIMALS} needed")


@dataclass(frozen=True, slots=True)
class ChainPoint:
    """The last final block of a chain at or before the cut-off.

    Attributes:
        id: CAIP-2.
        height: Block height, or slot.
        block: Block hash in the chain's own text form.
        confirmations: Depth required for final; None leaves it out.
    """

    id: str
    height: int
    block: str
    confirmations: int | None = None

    def __post_init__(self) -> None:
        if not (_NAME.fullmatch(self.id) and _NAME.fullmatch(self.block)) or not 0 <= self.height < 1 << 53:
            raise InvalidInput(f"chain {self.id!r}: id, block or height is malformed")

    def json(self) -> dict[str, Json]:
        """As it stands in the header."""
        point: dict[str, Json] = {"block": self.block, "height": self.height, "id": self.id}
        return point if self.confirmations is None else {**point, "confirmations": self.confirmations}


@dataclass(frozen=True, slots=True)
class Header:
    """What a statement is about; refuses an asset or a chain that stands twice.

    Attributes:
        exchange: Domain name of the exchange; one name for ever, since subjects are made of it.
        seq: Number of the statement, from 1, without a gap.
        cutoff: UTC, "2026-01-31T00:00:00Z".
        ledger: Point of the ledger the balances are read at.
        assets: Position is the ix of the tree.
        chains: Blocks the reserves are read at.
        prev: Digest of the statement before; None for the first.
    """

    exchange: str
    seq: int
    cutoff: str
    ledger: LedgerPoint
    assets: tuple[HeaderAsset, ...]
    chains: tuple[ChainPoint, ...]
    prev: Digest | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.exchange) or not 0 < self.seq < 1 << 53 or not _UTC.fullmatch(self.cutoff):
            raise InvalidInput("header: exchange, seq or cutoff is malformed")
        if not 0 < len(self.assets) <= MAX_ASSETS or len(self.chains) > MAX_CHAINS:
            raise InvalidInput(f"header: 1 to {MAX_ASSETS} assets and at most {MAX_CHAINS} chains")
        for what, ids in (("asset", [a.id for a in self.assets]), ("chain", [c.id for c in self.chains])):
            if len(set(ids)) != len(ids):
                raise InvalidInput(f"header: one {what} stands twice")
        if self.prev is not None and len(self.prev) != 32:
            raise InvalidInput("header: prev is not 32 bytes")

    def json(self) -> dict[str, Json]:
        """As it is hashed."""
        header: dict[str, Json] = {
            "assets": [{"decimals": asset.decimals, "id": asset.id} for asset in self.assets],
            "chains": [chain.json() for chain in self.chains],
            "cutoff": self.cutoff,
            "exchange": self.exchange,
            "format": HEADER_FORMAT,
            "ledger": {"head": self.ledger.head, "seq": str(self.ledger.seq)},
            "seq": self.seq,
        }
        return header if self.prev is None else {**header, "prev": self.prev.hex()}

    def ctx(self) -> Context:
        """Hash of the header: ties trees and ownership texts to this statement."""
        return context(self.json())


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement: canonical JSON and its digest.

    Attributes:
        document: The JSON value; read-only by convention, hashed by `digest`.
    """

    document: Mapping[str, Json]

    @property
    def canonical(self) -> bytes:
        """The bytes that the log contains."""
        return canonical_json(self.document)

    @property
    def digest(self) -> Digest:
        """What is signed, and published on chain."""
        return Digest(statement_digest(self.document))


def make_statement(header: Header, roots: Sequence[Root], asset_side: Mapping[str, Json] | None = None) -> Statement:
    """Put a statement together.

    Args:
        header: Final.
        roots: One per asset of the header, in its order.
        asset_side: Fields of `balances.AssetSide.json`; None for a statement of liabilities alone.

    Raises:
        InvalidInput: Not one root per asset.
    """
    if len(roots) != len(header.assets):
        raise InvalidInput(f"{len(roots)} roots for {len(header.assets)} assets")
    liabilities: list[Json] = [
        {"height": root.height, "id": asset.id, "ix": ix, "root": root.hash.hex(), "total": str(root.total)}
        for ix, (asset, root) in enumerate(zip(header.assets, roots, strict=True))
    ]
    return Statement(
        {
            "ctx": header.ctx().hex(),
            "format": STATEMENT_FORMAT,
            "header": header.json(),
            "liabilities": liabilities,
            **(asset_side or {}),
        }
    )
