"""What a node of the Bitcoin kind answers: checked values, read from JSON.

Rules:
    * Values arrive as decimal coins (`Decimal`, never float) and leave as whole satoshi, exactly.
    * A reader raises a plain `KeyError`, `TypeError` or `ValueError` on another shape; `BitcoinNode`
      translates it, since only it knows which question was asked.

Example:
    >>> satoshi(Decimal("0.1"))
    10000000
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

SATOSHI_PER_COIN = 100_000_000


@dataclass(frozen=True, slots=True)
class Header:
    """A block header: height, hash and parent as hex; `confirmations` is negative off the main chain."""

    height: int
    hash: str
    parent: str
    confirmations: int


@dataclass(frozen=True, slots=True)
class BlockOutput:
    """One output: value in satoshi and its script."""

    value_sat: int
    script: bytes


@dataclass(frozen=True, slots=True)
class BlockInput:
    """One spent outpoint; `spent` is the output it spends where the block was asked with previous outputs."""

    txid: str
    vout: int
    spent: BlockOutput | None


@dataclass(frozen=True, slots=True)
class BlockTx:
    """One transaction of a block; a coinbase has no inputs here."""

    txid: str
    inputs: tuple[BlockInput, ...]
    outputs: tuple[BlockOutput, ...]
    coinbase: bool


@dataclass(frozen=True, slots=True)
class Block:
    """A block with its transactions."""

    header: Header
    txs: tuple[BlockTx, ...]


@dataclass(frozen=True, slots=True)
class Unspent:
    """One confirmed unspent output found by a scan."""

    txid: str
    vout: int
    value_sat: int
    script: bytes
    height: int
    coinbase: bool


@dataclass(frozen=True, slots=True)
class Scan:
    """All unspent outputs of the asked scripts, as of one block."""

    height: int
    block_hash: str
    found: tuple[Unspent, ...]


@dataclass(frozen=True, slots=True)
class TxPlace:
    """Where a transaction is: confirmations 0 means in the pool (or in a block that was reorganised away)."""

    txid: str
    block_hash: str | None
    confirmations: int


def satoshi(coins: Any) -> int:  # noqa: ANN401 - int or Decimal from JSON
    """Convert decimal coins to satoshi, exactly.

    Raises:
        ValueError: Not a number, negative, or finer than one satoshi.
    """
    if type(coins) not in (int, Decimal):
        raise ValueError(f"not a decimal number: {coins!r}")
    units = Decimal(coins) * SATOSHI_PER_COIN
    if units != units.to_integral_value() or units < 0:
        raise ValueError(f"not a whole number of satoshi: {coins!r}")
    return int(units)


def read_header(raw: Any) -> Header:  # noqa: ANN401
    """Read a header, of `getblockheader` or `getblock`."""
    return Header(
        whole(raw["height"]), text(raw["hash"]), raw.get("previousblockhash", ""), whole(raw["confirmations"])
    )


def read_block_tx(raw: Any) -> BlockTx:  # noqa: ANN401
    """Read one transaction of `getblock`."""
    spends = [entry for entry in raw["vin"] if "coinbase" not in entry]
    return BlockTx(
        text(raw["txid"]),
        tuple(
            BlockInput(text(e["txid"]), whole(e["vout"]), read_output(e["prevout"]) if "prevout" in e else None)
            for e in spends
        ),
        tuple(read_output(entry) for entry in raw["vout"]),
        coinbase=len(spends) != len(raw["vin"]),
    )


def read_output(raw: Any) -> BlockOutput:  # noqa: ANN401
    """Read one output."""
    return BlockOutput(satoshi(raw["value"]), bytes.fromhex(raw["scriptPubKey"]["hex"]))


def read_unspent(raw: Any) -> Unspent:  # noqa: ANN401
    """Read one finding of `scantxoutset`."""
    return Unspent(
        text(raw["txid"]),
        whole(raw["vout"]),
        satoshi(raw["amount"]),
        bytes.fromhex(raw["scriptPubKey"]),
        whole(raw["height"]),
        raw.get("coinbase", False) is True,
    )


def whole(value: Any) -> int:  # noqa: ANN401
    """Demand a whole number; a bool is none."""
    if type(value) is not int:
        raise ValueError(f"not a whole number: {value!r}")
    return value


def text(value: Any) -> str:  # noqa: ANN401
    """Demand a text."""
    if not isinstance(value, str):
        raise TypeError(f"not a text: {value!r}")
    return value
