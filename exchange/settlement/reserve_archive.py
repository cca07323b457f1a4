"""Where statements lie: the public statement and signature, and privately the snapshot it was built from.

Rules:
    * A folder a statement: `public/` may be copied anywhere, `private/` never leaves (mode 0700).
    * Trees are not stored; they are rebuilt from the snapshot, and the digest must be the stored one.

Example:
    archive = ReserveArchive(home.reserves)
    archive.save(built, snapshot, side, signature)
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from custody.keys.private_files import make_private_folder, read_private, replace_private
from custody.primitives.errors import InvariantBroken, NotFound
from custody.primitives.ids import Digest
from custody.primitives.secret import Secret
from custody.reserves.balances import AssetSide, ReserveRow
from custody.reserves.builder import BuiltStatement, LiabilityRow, LiabilitySnapshot, build_statement
from custody.reserves.statement import ChainPoint, Header, HeaderAsset, LedgerPoint, Statement
from exchange.settlement.reserve_views import PublishedStatement

MAX_SNAPSHOT_BYTES = 1 << 30
STATEMENT, ANCHOR = "statement.json", "anchor.txt"


@dataclass(frozen=True, slots=True)
class ReserveKeys:
    """Keys of the proof: master (32 bytes), statement and log key (Ed25519)."""

    master: Secret
    statement: Secret
    log: Secret


class ReserveArchive:
    """Statements on disk."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        make_private_folder(folder)

    def save(self, built: BuiltStatement, snapshot: LiabilitySnapshot, side: AssetSide, signature: bytes) -> None:
        """Store a statement that is about to be published; one of the same number that was given up is replaced."""
        public = self._place(built.header.seq) / "public"
        private = self._place(built.header.seq) / "private"
        for folder in (public.parent, public, private):
            make_private_folder(folder)
        replace_private(private / "snapshot.json", json.dumps(_snapshot_json(built.header, snapshot, side)).encode())
        replace_private(public / "statement.sig", signature.hex().encode())
        replace_private(public / STATEMENT, built.statement.canonical)  # last: it makes the folder count

    def mark_published(self, seq: int, anchor: str) -> None:
        """Note where a statement was anchored."""
        replace_private(self._place(seq) / "public" / ANCHOR, anchor.encode())

    def last_published(self) -> int:
        """Number of the newest anchored statement; 0 if there is none."""
        return self._last_with(ANCHOR)

    def last_stored(self) -> int:
        """Number of the newest stored statement, anchored or not; 0 if there is none."""
        return self._last_with(STATEMENT)

    def give_up(self, seq: int) -> None:
        """Take back a statement that the registry refused."""
        (self._place(seq) / "public" / STATEMENT).unlink()

    def cutoff_s(self, seq: int) -> int:
        """Time a stored statement is about, seconds since 1970 UTC."""
        return int(datetime.fromisoformat(self._document(seq)["header"]["cutoff"]).timestamp())

    def digest(self, seq: int) -> Digest:
        """Digest of a stored statement."""
        return Statement(self._document(seq)).digest

    def entries(self, upto: int) -> Iterator[bytes]:
        """Canonical bytes of statements 1 to `upto`: the entries of the log."""
        for seq in range(1, upto + 1):
            yield (self._place(seq) / "public" / STATEMENT).read_bytes()

    def published(self, seq: int) -> PublishedStatement:
        """A statement with its anchor.

        Raises:
            NotFound: It was not published.
        """
        try:
            anchor = (self._place(seq) / "public" / ANCHOR).read_text()
        except FileNotFoundError as error:
            raise NotFound(f"statement {seq} was not published", seq=seq) from error
        return PublishedStatement(seq, self.digest(seq).hex(), anchor, self._document(seq))

    def rebuild(self, seq: int, master: Secret) -> BuiltStatement:
        """Build a stored statement's trees again.

        Raises:
            InvariantBroken: The result is another statement than the stored one.
        """
        raw = json.loads(read_private(self._place(seq) / "private" / "snapshot.json", MAX_SNAPSHOT_BYTES))
        header, snapshot, side = _parse_snapshot(raw)
        built = build_statement(snapshot, header, master, side)
        if built.statement.digest != self.digest(seq):
            raise InvariantBroken(f"statement {seq} does not rebuild to its digest", seq=seq)
        return built

    def _document(self, seq: int) -> dict[str, Any]:
        document: dict[str, Any] = json.loads((self._place(seq) / "public" / STATEMENT).read_bytes())
        return document

    def _last_with(self, name: str) -> int:
        return max((int(path.parent.parent.name) for path in self._folder.glob(f"*/public/{name}")), default=0)

    def _place(self, seq: int) -> Path:
        return self._folder / f"{seq:06d}"


def _snapshot_json(header: Header, snapshot: LiabilitySnapshot, side: AssetSide) -> dict[str, Any]:
    return {
        "header": header.json(),
        "rows": [[row.ix, row.account_id, str(row.units)] for row in snapshot.rows],
        "controls": [str(total) for total in snapshot.control_totals],
        "reserves": [row.json() for row in side.rows],
        "tool": side.tool,
    }


def _parse_snapshot(raw: dict[str, Any]) -> tuple[Header, LiabilitySnapshot, AssetSide]:
    head = raw["header"]
    header = Header(
        head["exchange"],
        head["seq"],
        head["cutoff"],
        LedgerPoint(int(head["ledger"]["seq"]), head["ledger"]["head"]),
        tuple(HeaderAsset(asset["id"], asset["decimals"]) for asset in head["assets"]),
        tuple(
            ChainPoint(point["id"], point["height"], point["block"], point.get("confirmations"))
            for point in head["chains"]
        ),
        Digest(bytes.fromhex(head["prev"])) if "prev" in head else None,
    )
    rows = tuple(LiabilityRow(ix, account, int(units)) for ix, account, units in raw["rows"])
    snapshot = LiabilitySnapshot(
        header.ledger.seq, header.ledger.head, rows, tuple(int(total) for total in raw["controls"])
    )
    reserves = tuple(
        ReserveRow(
            row["asset"],
            int(row["proven"]),
            int(row["attested"]),
            int(row["encumbered"]),
            bytes.fromhex(row["addresses_digest"]),
        )
        for row in raw["reserves"]
    )
    return header, snapshot, AssetSide(reserves, raw["tool"])
