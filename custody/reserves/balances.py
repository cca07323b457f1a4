"""The asset side of a statement: what is shown to be held, and how it compares with what is owed.

Rules:
    * `proven` (control and balance shown) makes the ratio; `attested` (a custodian's letter) stands apart and is
      never added to it; `encumbered` (pledged, lent, locked) is subtracted from it.
    * One place counts once: the same coins under two names, or a wrapped token beside its backing, are refused.
    * A balance counts at the block of the header and no other; below it if the address held less in the days around.
    * Whole quanta, rounded down once an asset: what is left of a quantum never helps the ratio.

Proven: at one block these addresses held this much. Not proven: that none of it is borrowed, beyond what the
lowest balance around the cut-off shows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import InvalidInput, Refused
from custody.reserves.statement import Header

PPM = 1_000_000
_ADDRESSES = b"PORv1/addresses\0"


class ReserveRefused(Refused):
    """A holding that must not be counted."""

    code = "reserve_refused"


class HoldingClass(StrEnum):
    """How well a holding is shown."""

    PROVEN = "proven"
    ATTESTED = "attested"
    ENCUMBERED = "encumbered"  # control and balance shown, but pledged: in proven and in encumbered


@dataclass(frozen=True, slots=True)
class Holding:
    """Coins of one asset at one address.

    Attributes:
        asset_id: Asset of the header.
        chain: CAIP-2.
        address: In the chain's canonical text form.
        base_units: At the header's block, in the chain's base units.
        chain_decimals: Of the asset on this chain; at least the ledger's.
        at_height: Block the balance was read at.
        kind: Proven, attested or encumbered.
        lowest_base_units: Lowest balance seen in the window around the cut-off; None if not watched.
        backing: Places (chain, address) whose coins back this one, for wrapped tokens.
        controller: Address on this chain whose keys control this one, as read from the chain at the header's block,
            e.g. the multisig that owns a token account; "" if the address itself.
    """

    asset_id: str
    chain: str
    address: str
    base_units: int
    chain_decimals: int
    at_height: int
    kind: HoldingClass = HoldingClass.PROVEN
    lowest_base_units: int | None = None
    backing: tuple[tuple[str, str], ...] = ()
    controller: str = ""

    def counted_units(self, ledger_decimals: int) -> int:
        """Base units that count: what the address held at the least.

        Raises:
            InvalidInput: The ledger counts finer than the chain, or a balance is negative.
        """
        lowest = self.base_units if self.lowest_base_units is None else min(self.base_units, self.lowest_base_units)
        if self.chain_decimals < ledger_decimals or lowest < 0:
            raise InvalidInput(f"{self.chain} {self.address}: negative balance, or fewer decimals than the ledger")
        return lowest


@dataclass(frozen=True, slots=True)
class ReserveRow:
    """One asset's reserves in ledger quanta; `net` is what makes the ratio."""

    asset_id: str
    proven: int
    attested: int
    encumbered: int
    addresses_digest: bytes

    def __post_init__(self) -> None:
        if not 0 <= self.encumbered <= self.proven or self.attested < 0:
            raise ReserveRefused(f"{self.asset_id}: more encumbered than proven, or a negative figure")

    @property
    def net(self) -> int:
        """Proven and free of pledges."""
        return self.proven - self.encumbered

    def json(self) -> dict[str, Json]:
        """As it stands in the statement."""
        return {
            "addresses_digest": self.addresses_digest.hex(),
            "asset": self.asset_id,
            "attested": str(self.attested),
            "encumbered": str(self.encumbered),
            "proven": str(self.proven),
        }


@dataclass(frozen=True, slots=True)
class AssetSide:
    """Reserves of a statement and the version of the program that made it."""

    rows: tuple[ReserveRow, ...]
    tool: str

    def json(self, header: Header, totals: Sequence[int]) -> Mapping[str, Json]:
        """Fields for the statement: reserves, ratio_ppm, control_totals, tool.

        Args:
            header: Names the assets.
            totals: What is owed, per asset of the header; equal to the control accounts.

        Raises:
            InvalidInput: Not exactly one row per asset, in the header's order.
        """
        ids = [asset.id for asset in header.assets]
        if [row.asset_id for row in self.rows] != ids or len(totals) != len(ids):
            raise InvalidInput("reserves: one row per asset of the header, in its order")
        ratios = {row.asset_id: str(ratio_ppm(row, owed)) for row, owed in zip(self.rows, totals, strict=True) if owed}
        return {
            "control_totals": [str(total) for total in totals],
            "ratio_ppm": ratios,
            "reserves": [row.json() for row in self.rows],
            "tool": self.tool,
        }


def ratio_ppm(row: ReserveRow, owed: int) -> int:
    """Net reserves per million owed, rounded down; below 10**6 the exchange owes more than it shows.

    Raises:
        InvalidInput: Nothing is owed: there is no ratio.
    """
    if owed <= 0:
        raise InvalidInput(f"{row.asset_id}: nothing is owed")
    return PPM * row.net // owed


def reserve_rows(
    header: Header, holdings: Sequence[Holding], controlled: Collection[tuple[str, str]]
) -> tuple[ReserveRow, ...]:
    """Add holdings up, per asset of the header.

    Args:
        header: Names assets, chains and blocks.
        holdings: All that is to be shown, of every kind.
        controlled: Places (chain, address) whose ownership was verified (`evidence.controlled_places`).

    Raises:
        ReserveRefused: A place counted twice, a wrapped token beside its backing, a block that is not the header's,
            or a holding called proven whose ownership nobody showed.
        InvalidInput: An asset or chain the header does not name, or a malformed balance.
    """
    heights = {chain.id: chain.height for chain in header.chains}
    known = {asset.id for asset in header.assets}
    places: set[tuple[str, str, str]] = set()
    for holding in holdings:
        where = f"{holding.chain} {holding.address}"
        if holding.asset_id not in known or holding.chain not in heights:
            raise InvalidInput(f"{where}: asset or chain is not in the header")
        if holding.at_height != heights[holding.chain]:
            raise ReserveRefused(f"{where}: balance of block {holding.at_height}, not {heights[holding.chain]}")
        keys = (holding.chain, holding.controller or holding.address)
        if holding.kind is not HoldingClass.ATTESTED and keys not in controlled:
            raise ReserveRefused(f"{where}: called {holding.kind.value}, but nobody showed its keys")
        place = (holding.asset_id, holding.chain, holding.address)
        if place in places:
            raise ReserveRefused(f"{where}: counted twice")
        places.add(place)
    addresses = {place[1:] for place in places}
    for holding in holdings:
        if addresses & set(holding.backing):
            raise ReserveRefused(f"{holding.chain} {holding.address}: a wrapped token beside its backing")
    return tuple(
        _row(asset.id, asset.decimals, [h for h in holdings if h.asset_id == asset.id]) for asset in header.assets
    )


def _row(asset_id: str, decimals: int, holdings: Sequence[Holding]) -> ReserveRow:
    finest = max((holding.chain_decimals for holding in holdings), default=decimals)

    def total(*kinds: HoldingClass) -> int:
        # Rounded down once, at the end: flooring each address would hide up to a quantum of each.
        counted = (h for h in holdings if h.kind in kinds)
        units = sum(h.counted_units(decimals) * 10 ** (finest - h.chain_decimals) for h in counted)
        return int(units // 10 ** (finest - decimals))

    listed: list[Json] = [
        {
            "address": h.address,
            "chain": h.chain,
            "controller": h.controller or h.address,
            "kind": h.kind.value,
            "units": str(h.base_units),
        }
        for h in sorted(holdings, key=lambda h: (h.chain, h.address))
    ]
    return ReserveRow(
        asset_id,
        proven=total(HoldingClass.PROVEN, HoldingClass.ENCUMBERED),
        attested=total(HoldingClass.ATTESTED),
        encumbered=total(HoldingClass.ENCUMBERED),
        addresses_digest=hashlib.sha256(_ADDRESSES + canonical_json(listed)).digest(),
    )
