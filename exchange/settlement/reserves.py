"""Proof of reserves from the books and the chains: draft, sign, publish, hand out proofs.

Rules:
    * A draft fixes everything that is hashed: ledger point, final blocks, balances, the auditor's nonce.
      Owners sign its texts; only then is it published, and only if the trees equal the control accounts.
    * What is stored privately is the snapshot; trees are built again from it, bit for bit.
    * The registry's next number is ours: a gap or an overwrite is refused on chain.
    * A statement is stored before it is sent, and what was stored is sent again until the chain answers: a
      new one of the same number could differ from what the chain turns out to hold.

Example:
    draft = desk.draft()
    published = desk.publish(draft.header.seq, approvals, cold_evidence)
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from custody.primitives.approval import Approval
from custody.primitives.chain import BlockRef
from custody.primitives.encoding import Json
from custody.primitives.errors import Conflict, NotFound, StaleState
from custody.primitives.ids import CustomerId
from custody.reserves.balances import AssetSide, Holding, reserve_rows
from custody.reserves.builder import LiabilityRow, LiabilitySnapshot, build_statement, cut_user_proof
from custody.reserves.checkpoint import sign_checkpoint
from custody.reserves.evidence import controlled_places
from custody.reserves.log import StatementLog
from custody.reserves.ownership import AttestedQuorum, OwnershipClaim, OwnershipEvidence, claim_for
from custody.reserves.signing import sign_statement, with_log_proof
from custody.reserves.statement import ChainPoint, Header, HeaderAsset, LedgerPoint
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.reserve_archive import ReserveArchive, ReserveKeys
from exchange.settlement.reserve_views import PublishedStatement
from exchange.settlement.scale import ScaleBook
from governance.contracts.refusals import CallReverted
from governance.contracts.registry import Entry, PublishedEntry

TOOL = "mext 0.1"
NONCE_BYTES = 32
COLD = "cold"


class StaleDraft(StaleState):
    """The evidence is for another draft than the present one."""

    code = "stale_draft"


class ArchiveMismatch(Conflict):
    """Archive and registry disagree about the newest statement: another installation published, or files were lost."""

    code = "reserve_archive_mismatch"


@dataclass(frozen=True, slots=True)
class OwnedPlace:
    """A place whose keys must sign: its wallet, tier, and the chain's own address form."""

    wallet_id: str
    tier: str
    address: str


OwnedClaim = tuple[OwnedPlace, OwnershipClaim]
"""A place, and the text its keys must sign."""


class ReserveSource(Protocol):
    """One chain's side of a statement."""

    caip2: str
    final_depth: int

    def final_block(self) -> BlockRef:
        """The newest final block."""
        ...

    def holdings(self, block: BlockRef) -> Sequence[Holding]:
        """What our places hold as of this block."""
        ...

    def owned(self, block: BlockRef) -> Sequence[OwnedPlace]:
        """Places whose keys must sign for what is held as of this block, in the order of `holdings`' controllers."""
        ...

    def quorums(self, block: BlockRef) -> Sequence[AttestedQuorum]:
        """Who controls contracts and multisig accounts, read from the chain at this block."""
        ...


class Registry(Protocol):
    """The contract that statements are anchored in."""

    def last_statement(self) -> PublishedEntry | None: ...  # noqa: D102
    def publish_statement(self, entry: Entry) -> str: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ReserveParts:
    """What the desk works with.

    Attributes:
        exchange: Name in every statement.
        asset_ids: Asset id (CAIP-19) by engine number.
        sources: One a chain.
        keys: Master, statement and log key.
        archive: Where statements and private snapshots lie.
        registry: On chain.
        now_s: Clock.
        ledger_head: Hash of the journal's chain now, hex.
        hot_evidence: Asks the signer processes to sign the texts of the hot wallets.
    """

    exchange: str
    asset_ids: dict[int, str]
    sources: Sequence[ReserveSource]
    keys: ReserveKeys
    archive: ReserveArchive
    registry: Registry
    now_s: Callable[[], int]
    ledger_head: Callable[[], str]
    hot_evidence: Callable[[Sequence[OwnedClaim], Sequence[Approval]], Sequence[OwnershipEvidence]]


@dataclass(frozen=True, slots=True)
class Draft:
    """Everything fixed, waiting for signatures.

    Attributes:
        header: Final.
        snapshot: Liabilities.
        holdings: Balances at the header's blocks.
        quorums: Read from the chains at these blocks.
        claims: What must be signed, with the place it is for.
        nonce: 32 bytes.
    """

    header: Header
    snapshot: LiabilitySnapshot
    holdings: tuple[Holding, ...]
    quorums: tuple[AttestedQuorum, ...]
    claims: tuple[OwnedClaim, ...]
    nonce: bytes


class ReservesDesk:
    """Makes and shows statements."""

    def __init__(self, parts: ReserveParts, accounts: AccountDesk, scales: ScaleBook) -> None:
        self._parts = parts
        self._accounts = accounts
        self._scales = scales
        self._draft: Draft | None = None
        self._lock = threading.Lock()

    def draft(self) -> Draft:
        """Fix a new draft; an earlier one that was not published is dropped.

        Raises:
            NodeUnavailable, OutcomeUnknown: A chain does not answer.
            ArchiveMismatch: The newest statement on chain is not the newest one here.
        """
        with self._lock:
            self._settle()
            # The books first: what is paid out meanwhile is owed in the trees and may be gone from the chains,
            # never the reverse, which would show a surplus that is not there.
            snapshot = self._snapshot()
            blocks = [(source, source.final_block()) for source in self._parts.sources]
            header = self._header(snapshot, [_point(source, block) for source, block in blocks])
            nonce = secrets.token_bytes(NONCE_BYTES)
            claims = [
                (place, claim_for(header, source.caip2, place.address, nonce))
                for source, block in blocks
                for place in source.owned(block)
            ]
            self._draft = Draft(
                header,
                snapshot,
                tuple(holding for source, block in blocks for holding in source.holdings(block)),
                tuple(quorum for source, block in blocks for quorum in source.quorums(block)),
                tuple(claims),
                nonce,
            )
            return self._draft

    def publish(self, seq: int, approvals: Sequence[Approval], cold: Sequence[OwnershipEvidence]) -> PublishedStatement:
        """Collect and verify the evidence, build the statement, store it, and anchor its digest on chain.

        Args:
            seq: Number of the present draft.
            approvals: Over the texts that signer processes are asked to sign.
            cold: Evidence made in the cold room.

        Raises:
            StaleDraft: There is no draft of this number.
            OwnershipNotShown, BadSignature: A piece of evidence does not hold.
            ReserveRefused, ControlMismatch: What would be published is wrong; nothing was.
            CallReverted: The registry refuses; the statement is given up.
            OutcomeUnknown: Sent, and not known what became of it; the next draft settles it first.
        """
        with self._lock:
            draft = self._draft
            if draft is None or draft.header.seq != seq:
                raise StaleDraft(f"no draft of statement {seq}; make one first", seq=seq)
            hot = [claim for claim in draft.claims if claim[0].tier != COLD]
            evidence = (*self._parts.hot_evidence(hot, approvals), *cold)
            controlled = controlled_places(evidence, draft.header, draft.nonce, draft.quorums, self._parts.now_s())
            side = AssetSide(reserve_rows(draft.header, draft.holdings, controlled), TOOL)
            keys, archive = self._parts.keys, self._parts.archive
            built = build_statement(draft.snapshot, draft.header, keys.master, side)
            archive.save(built, draft.snapshot, side, sign_statement(built.statement, keys.statement))
            self._draft = None
            self._anchor(seq)
            return self.latest()

    def latest(self) -> PublishedStatement:
        """The newest published statement.

        Raises:
            NotFound: None was published.
        """
        seq = self._parts.archive.last_published()
        if seq == 0:
            raise NotFound("no statement of reserves was published yet")
        return self._parts.archive.published(seq)

    def proof(self, customer: CustomerId) -> dict[str, Json]:
        """Cut a customer's proof of the newest statement, with its place in the log.

        Raises:
            NotFound: No statement, or the customer has no leaf in it.
        """
        latest = self.latest()
        keys, archive = self._parts.keys, self._parts.archive
        built = archive.rebuild(latest.seq, keys.master)
        log = StatementLog(archive.entries(latest.seq))
        checkpoint = sign_checkpoint(f"{self._parts.exchange}/reserves", log.head(), keys.log)
        return with_log_proof(cut_user_proof(built, customer), log, latest.seq - 1, checkpoint)

    def _settle(self) -> None:
        """Bring to its end what was stored and perhaps sent, then compare the archive with the chain."""
        archive = self._parts.archive
        stored = archive.last_stored()
        if stored > archive.last_published():
            self._anchor(stored)
        entry = self._parts.registry.last_statement()
        seq, digest = (0, None) if entry is None else (entry.seq, entry.statement_digest)
        if seq != archive.last_published() or (seq and digest != archive.digest(seq)):
            raise ArchiveMismatch(f"the registry ends with statement {seq}; the archive has another end", seq=seq)

    def _anchor(self, seq: int) -> None:
        """Put a stored statement on chain; again if need be."""
        archive = self._parts.archive
        log = StatementLog(archive.entries(seq))
        uri = f"statements/{seq:06d}"
        entry = Entry(seq, archive.digest(seq), log.root(), log.size, archive.cutoff_s(seq), uri)
        try:
            anchor = self._parts.registry.publish_statement(entry)
        except CallReverted:
            archive.give_up(seq)
            raise
        archive.mark_published(seq, anchor)

    def _snapshot(self) -> LiabilitySnapshot:
        owed = self._accounts.liabilities(self._parts.ledger_head)
        places = {scale.number: place for place, scale in enumerate(self._scales)}
        rows = tuple(LiabilityRow(places[asset], name, quanta) for name, asset, quanta in owed.rows)
        return LiabilitySnapshot(
            owed.seq, owed.head, rows, tuple(owed.controls.get(scale.number, 0) for scale in self._scales)
        )

    def _header(self, snapshot: LiabilitySnapshot, points: list[ChainPoint]) -> Header:
        seq = self._parts.archive.last_published() + 1
        return Header(
            self._parts.exchange,
            seq,
            datetime.fromtimestamp(self._parts.now_s(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            LedgerPoint(snapshot.ledger_seq, snapshot.ledger_head),
            tuple(HeaderAsset(self._parts.asset_ids[scale.number], scale.decimals) for scale in self._scales),
            tuple(points),
            self._parts.archive.digest(seq - 1) if seq > 1 else None,
        )


def _point(source: ReserveSource, block: BlockRef) -> ChainPoint:
    return ChainPoint(source.caip2, block.height, block.hash, source.final_depth)
