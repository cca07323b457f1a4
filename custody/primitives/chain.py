"""Chains and places on them.

Rules:
    * A `ChainId` names one network: "bitcoin" and "bitcoin-regtest" are different chains, so an
      address or an amount of one can never pass for the other.
    * Depths count blocks including the one that holds the transaction: depth 1 is "in the tip".
    * Zero confirmations never credit.

Example:
    >>> chain = Chain(ChainId("bitcoin-regtest"), Family.UTXO, "regtest", "bip122:regtest", 2, 6)
    >>> chain.final_depth
    6
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from custody.primitives.errors import InvalidInput

ChainId = NewType("ChainId", str)
"""Short lower-case name of one network, e.g. "bitcoin", "bitcoin-regtest", "ethereum-local"."""


class Family(StrEnum):
    """Chains of one family share a codec; they differ by a row of parameters."""

    UTXO = "utxo"
    EVM = "evm"
    SOLANA = "solana"
    TRON = "tron"
    XRPL = "xrpl"


@dataclass(frozen=True, slots=True)
class Chain:
    """One network, as the rest of the house knows it.

    Attributes:
        id: Our name of it.
        family: Which codec speaks it.
        network: The network's own id: "mainnet", "regtest", or an EVM chain id in decimal.
        caip2: CAIP-2 identifier, used in statements and intents.
        credit_depth: Blocks after which a deposit is credited (reversible).
        final_depth: Blocks after which it is final; at least `credit_depth`.
    """

    id: ChainId
    family: Family
    network: str
    caip2: str
    credit_depth: int
    final_depth: int

    def __post_init__(self) -> None:
        if not 1 <= self.credit_depth <= self.final_depth:
            raise InvalidInput(
                f"{self.id}: depths must satisfy 1 <= credit ({self.credit_depth}) <= final ({self.final_depth})",
                chain=self.id,
            )


@dataclass(frozen=True, slots=True)
class BlockRef:
    """One block: its height and its hash, which together survive a reorg check.

    Attributes:
        chain: The network.
        height: Block height (slot for Solana), from 0.
        hash: Block hash in the chain's own text form.
        parent: Hash of the block before it; empty for the first.
    """

    chain: ChainId
    height: int
    hash: str
    parent: str


class Finality(StrEnum):
    """What the chain says of a transaction now."""

    UNKNOWN = "unknown"  # not seen: proves nothing
    PENDING = "pending"  # in a pool
    MINED = "mined"  # in a block, may still be reorganised away
    FINAL = "final"  # in a block at final depth
    FAILED = "failed"  # final, executed, moved no value
    DEAD = "dead"  # its conflict key was consumed by another final transaction, or it expired on a final view
