"""What a plan spends (`Coins`), and the plan itself (`UtxoPlan`): plain values, no library objects.

Rules:
    * Inputs stand in the order of their outpoints and outputs by value and script, so that the same
      choice is always the same bytes (the order of BIP-69).
    * The first outpoint is the conflict key: a replacement keeps it, so at most one of them confirms.

Example:
    plan = UtxoPlan(inputs=(coin,), outputs=(UtxoOutput(50_000, script, None),))
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput
from custody.primitives.invariant import invariant

SEQUENCE = 0xFFFF_FFFD
"""Signals replaceability (BIP-125) and switches relative locks off."""
TX_VERSION = 2
LOCKTIME = 0

_KEY = re.compile(r"utxo:(?P<chain>[a-z0-9-]+):(?P<txid>[0-9a-f]{64}):(?P<vout>0|[1-9][0-9]{0,9})", re.ASCII)


@dataclass(frozen=True, slots=True, order=True)
class Coin:
    """One unspent output of a wallet.

    Attributes:
        txid, vout: The outpoint; txid as people write it, 64 hex characters.
        value_sat: What it holds.
        branch, index: Where it stands in the descriptor.
        previous_tx: The transaction that made it, without witnesses: proof of the value for signers.
    """

    txid: str
    vout: int
    value_sat: int
    branch: int
    index: int
    previous_tx: bytes


@dataclass(frozen=True, slots=True)
class Coins:
    """What a wallet can spend now, as the reader found it.

    Attributes:
        coins: Confirmed, mature, not reserved, not spent in the pool.
        fee_sat_per_kvb: Fee rate to pay, satoshi per 1,000 virtual bytes.
        change_index: Where change goes on branch 1.
    """

    coins: tuple[Coin, ...]
    fee_sat_per_kvb: int
    change_index: int


@dataclass(frozen=True, slots=True)
class UtxoOutput:
    """One output.

    Attributes:
        value_sat: What it gets.
        script: Its output script.
        change_index: Index on branch 1 if it is our change, None for a payment.
    """

    value_sat: int
    script: bytes
    change_index: int | None


@dataclass(frozen=True, slots=True)
class UtxoPlan:
    """An unsigned transaction: version 2, no lock time, every input replaceable."""

    inputs: tuple[Coin, ...]
    outputs: tuple[UtxoOutput, ...]

    @classmethod
    def ordered(cls, inputs: tuple[Coin, ...], outputs: tuple[UtxoOutput, ...]) -> UtxoPlan:
        """Put inputs and outputs in their canonical order."""
        by_value = sorted(outputs, key=lambda out: (out.value_sat, out.script, out.change_index is not None))
        return cls(tuple(sorted(inputs)), tuple(by_value))

    @property
    def fee_sat(self) -> int:
        """What is left to the miner."""
        fee = sum(coin.value_sat for coin in self.inputs) - sum(out.value_sat for out in self.outputs)
        invariant(fee >= 0, "a plan does not pay out more than it takes in", fee=fee)
        return fee


def resource(chain: ChainId, txid: str, vout: int) -> str:
    """Name an outpoint, for reservations and conflict keys."""
    return f"utxo:{chain}:{txid}:{vout}"


def outpoint_of(key: str, chain: ChainId) -> tuple[str, int]:
    """Read the outpoint back from its name.

    Raises:
        InvalidInput: Not such a name, or of another chain.
    """
    match = _KEY.fullmatch(key)
    if match is None or match["chain"] != chain:
        raise InvalidInput(f"{chain}: not a conflict key of this chain: {key[:120]!r}")
    return match["txid"], int(match["vout"])
