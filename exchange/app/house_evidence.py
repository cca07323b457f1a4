"""Evidence for the gates about the house, from what the background work saw last.

Rules:
    * Nothing is asked of a node or a signer here: watches note what they saw, and a gate reads the note. A watch that
      stands still leaves an old note, and an old note closes its gate.
    * The hold is read from the projection of the journal, never from custody's own database.

Example:
    evidence = HouseNotes(sources)
    evidence.note_books("BTC", now_s, missing=0)
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import NotFound, Unavailable
from custody.primitives.ids import WithdrawalId
from custody.withdrawals.gates.evidence import (
    BooksEvidence,
    ContractEvidence,
    KeyEvidence,
    MonitorEvidence,
    ProofEvidence,
)
from custody.withdrawals.gates.judging import ACCOUNT, ADDRESS
from custody.withdrawals.lanes import AnyLane
from exchange.app.audit_heads import AuditHeads
from exchange.app.blueprint import WalletSpec
from exchange.app.checked_signers import CheckedSigner
from exchange.app.wallets import member_keys, registration_of
from exchange.settlement.reserve_archive import ReserveArchive


class ProofUnreadable(Unavailable):
    """The folder of published statements is damaged; the gate of proof stays closed until it is mended."""

    code = "proof_unreadable"


@dataclass(frozen=True, slots=True)
class NoteSources:
    """Where the standing evidence comes from.

    Attributes:
        wallets: The wallets as their ceremony described them, by id.
        heads: Audit heads of the signers.
        lease: The file that the monitor renews while all its watches run.
        archive: Statements of reserves.
        open_note: Withdrawal id -> note of its open hold, from the journal.
        natives: Chain -> symbol of its coin, which is what chain and books are compared for.
    """

    wallets: Mapping[str, WalletSpec]
    heads: AuditHeads
    lease: Path
    archive: ReserveArchive
    open_note: Callable[[str], bytes | None]
    natives: Mapping[ChainId, str]


class HouseNotes:
    """Implements `custody.withdrawals.gates.evidence.HouseEvidence`."""

    def __init__(self, sources: NoteSources) -> None:
        self._sources = sources
        self._lock = threading.Lock()
        self._books: dict[str, BooksEvidence] = {}
        self._contracts: dict[ChainId, tuple[int, str]] = {}
        self._watched: set[ChainId] = set()
        self._keys = {name: (_digest(spec), member_keys(spec)) for name, spec in sources.wallets.items()}

    # What the background work notes --------------------------------------------------------

    def note_books(self, symbol: str, at_s: int, missing: int) -> None:
        """Note that chain and books were compared; `missing` in base units, 0 if nothing was."""
        with self._lock:
            self._books[symbol] = BooksEvidence(symbol, at_s, str(missing))

    def expect_contracts(self, chain: ChainId) -> None:
        """Say that the wallets of a chain are accounts that a watch compares."""
        self._watched.add(chain)

    def note_contracts(self, chain: ChainId, at_s: int, difference: str) -> None:
        """Note that the wallets of a chain were compared with their registration; empty where nothing differs."""
        with self._lock:
            self._contracts[chain] = (at_s, difference)

    # What the gates read ---------------------------------------------------------------------

    def keys(self, lane: AnyLane) -> KeyEvidence:
        """Tell what is known of a wallet's keys.

        Raises:
            NotFound: No ceremony described it.
        """
        if lane.wallet_id not in self._keys:
            raise NotFound(f"no ceremony described wallet {lane.wallet_id}", wallet=lane.wallet_id)
        description, registered = self._keys[lane.wallet_id]
        told = self._sources.heads.told
        seen = tuple(
            (each.signer.name, told[each.signer.name].at_s)
            for each in lane.members
            if each.signer.name in told and isinstance(each.signer, CheckedSigner) and each.signer.is_verified
        )
        members = tuple(sorted((each.signer.name, each.key.raw.hex()) for each in lane.members))
        return KeyEvidence(description, registered, members, lane.threshold, seen)

    def hold_note(self, withdrawal_id: WithdrawalId) -> bytes | None:
        """Return the note of an open hold."""
        return self._sources.open_note(withdrawal_id)

    def books(self, asset: Asset) -> BooksEvidence:
        """Tell when chain and books of an asset were compared.

        Raises:
            NotFound: Not since the start.
        """
        if self._sources.natives.get(asset.chain) != asset.symbol:
            return BooksEvidence("", 0, "0")  # a token: nobody compares it
        with self._lock:
            found = self._books.get(asset.symbol)
        if found is None:
            raise NotFound(f"chain and books of {asset.symbol} were not compared since the start", asset=asset.symbol)
        return found

    def contract(self, lane: AnyLane) -> ContractEvidence:
        """Tell when a wallet was compared with its registration.

        Raises:
            NotFound: Not since the start.
        """
        if lane.chain not in self._watched:
            return ContractEvidence(ADDRESS, lane.wallet_id, 0, "")
        with self._lock:
            found = self._contracts.get(lane.chain)
        if found is None:
            raise NotFound(f"wallet {lane.wallet_id} was not compared with the chain since the start")
        return ContractEvidence(ACCOUNT, lane.wallet_id, *found)

    def monitor(self, lane: AnyLane) -> MonitorEvidence:
        """Tell whether the monitor lives, and which audit heads it holds.

        Raises:
            NotFound: The monitor never said so.
        """
        try:
            alive_at_s = self._sources.lease.stat().st_mtime_ns // 10**9
        except OSError as error:
            raise NotFound(f"the monitor left no sign of life: {type(error).__name__}") from error
        told = self._sources.heads.told
        names = [each.signer.name for each in lane.members if each.signer.name in told]
        heads = tuple((name, told[name].number, told[name].hash, told[name].at_s) for name in names)
        return MonitorEvidence(alive_at_s, heads, self._sources.heads.broken, lane.threshold)

    def proof(self, asset: Asset) -> ProofEvidence:
        """Tell what was published; a statement covers all assets of the house, and no fund is kept."""
        del asset
        try:
            newest = self._sources.archive.last_published()
            return ProofEvidence(newest, self._sources.archive.cutoff_s(newest) if newest else 0)
        except (OSError, ValueError, KeyError) as error:
            raise ProofUnreadable(
                f"the published statements cannot be read: {type(error).__name__}: {error}"
            ) from error


def _digest(spec: WalletSpec) -> str:
    """Hash what the ceremony made public about a wallet: its registration, as signers hold it."""
    return hashlib.sha256(canonical_json(registration_of(spec))).hexdigest()
