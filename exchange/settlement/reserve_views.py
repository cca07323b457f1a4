"""A published statement, for machines and for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

PPM = 1_000_000
_NAMES = {"/slip44:0": "BTC", "/slip44:60": "ETH", "/slip44:195": "TRX", "/slip44:501": "SOL"}
"""Coin types of SLIP-44."""


@dataclass(frozen=True, slots=True)
class PublishedStatement:
    """A statement and where it is anchored.

    Attributes:
        seq: Number.
        digest: Hex; what the registry holds.
        anchor: Where it is anchored: chain, registry and number.
        document: The statement itself.
    """

    seq: int
    digest: str
    anchor: str
    document: Mapping[str, Any]

    def summary(self) -> dict[str, Any]:
        """For the HTTP interface: the statement with digest and anchor."""
        return {"seq": self.seq, "digest": self.digest, "anchor": self.anchor, "statement": dict(self.document)}

    def view(self) -> dict[str, Any]:
        """For the page: whole coins, ratios in percent."""
        header, ratios = self.document["header"], self.document.get("ratio_ppm", {})
        reserves = {row["asset"]: row for row in self.document.get("reserves", [])}
        decimals = {asset["id"]: asset["decimals"] for asset in header["assets"]}
        rows = [
            {
                "asset": row["id"],
                "name": _name(row["id"]),
                "owed": _coins(int(row["total"]), decimals[row["id"]]),
                "proven": _coins(int(reserves[row["id"]]["proven"]), decimals[row["id"]]),
                "ratio": _percent(ratios.get(row["id"])),
                "root": row["root"],
            }
            for row in self.document["liabilities"]
            if int(row["total"])
        ]
        return {
            "seq": self.seq,
            "digest": self.digest,
            "published": self.anchor,
            "cutoff": header["cutoff"],
            "ledger_seq": header["ledger"]["seq"],
            "rows": rows,
        }


def _name(asset_id: str) -> str:
    """A short name for people; the id stands beside it wherever it is shown."""
    return next((name for tail, name in _NAMES.items() if asset_id.endswith(tail)), asset_id.rsplit("/", 1)[-1])


def _coins(units: int, decimals: int) -> str:
    whole, rest = divmod(units, 10**decimals)
    return f"{whole}.{rest:0{decimals}d}" if decimals else str(whole)


def _percent(ppm: str | None) -> str:
    if ppm is None:
        return "-"
    whole, rest = divmod(int(ppm), PPM // 100)
    return f"{whole}.{rest // 100:02d} %"
