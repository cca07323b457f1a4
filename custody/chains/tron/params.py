"""Rows and constants of the Tron family.

Rules:
    * A network is a row; nothing else in this package knows which network it is on.
    * Prices are pinned upper bounds: what a person approves must not depend on what a node says today. A
      network vote that raises one needs a new row and a new registration before anything is signed.
    * Expirations are short: an attempt that nobody answered is dead soon, and only then.

Example:
    >>> params_for(ChainId("tron-local")).native.symbol
    'TRX'
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.asset import Asset
from custody.primitives.chain import Chain, ChainId, Family
from custody.primitives.errors import UnknownChain

NATIVE_DECIMALS = 6
ACTIVE_PERMISSION_ID = 2
"""The first active permission of an account; 0 is the owner permission, 1 a block producer's."""
TRANSFER_CONTRACT, TRIGGER_SMART_CONTRACT, PERMISSION_UPDATE_CONTRACT = 1, 31, 46
ALLOWED_OPERATIONS = (TRANSFER_CONTRACT, TRIGGER_SMART_CONTRACT)
MAX_PERMISSION_KEYS = 5
"""The network's `getTotalSignNum`: a permission has room for five keys."""
MAX_INT64 = (1 << 63) - 1


@dataclass(frozen=True, slots=True)
class TronPrices:
    """What the network takes at most, in sun.

    Attributes:
        per_byte: Bandwidth bought for one byte of a transaction.
        multisign: Added where a transaction carries more than one signature.
        activation: Added where a payment of TRX opens its destination: 1 TRX, and 0.1 for its bandwidth.
        fee_limit: Most that a token's transfer out of the wallet may burn for energy.
        sweep_fee_limit: Most that the sweep of a token may burn: 130,000 energy, which a first holding takes, at
            210 sun, rounded up; later ones take half of it.
        permission_update: Price of changing the permissions of an account.
    """

    per_byte: int = 1_000
    multisign: int = 1_000_000
    activation: int = 1_100_000
    fee_limit: int = 100_000_000
    sweep_fee_limit: int = 30_000_000
    permission_update: int = 100_000_000


@dataclass(frozen=True, slots=True)
class TronParams:
    """One Tron network.

    Attributes:
        chain: The network; final depth is where blocks are solidified.
        native: TRX, 6 decimals; one base unit is one sun.
        genesis_id: Id of block 0; empty for a local chain made anew each time.
        prices: Upper bounds.
        expires_after_ms: How long after the newest block a transaction stays valid.
    """

    chain: Chain
    native: Asset
    genesis_id: str
    prices: TronPrices = TronPrices()
    expires_after_ms: int = 60_000


def _row(name: str, network: str, genesis_id: str, depths: tuple[int, int]) -> TronParams:
    # CAIP-2: the last four bytes of the genesis block's id.
    reference = f"0x{genesis_id[-8:]}" if genesis_id else network
    chain = Chain(ChainId(name), Family.TRON, network, f"tron:{reference}", *depths)
    return TronParams(chain, Asset("TRX", NATIVE_DECIMALS, chain.id), genesis_id)


# A block is solidified once 19 of 27 producers have built on it: depth 20, about a minute.
MAINNET = _row("tron", "mainnet", "00000000000000001ebf88508a03865c71d452e25f4d51194196a1d22b6653dc", (10, 20))
NILE = _row("tron-nile", "nile", "0000000000000000d698d4192c56cb6be724a558448e2684802de4d6cd8690dc", (10, 20))
LOCAL = _row("tron-local", "local", "", (2, 4))

ROWS = (MAINNET, NILE, LOCAL)
"""All Tron networks."""


def params_for(chain: ChainId) -> TronParams:
    """Look a network up.

    Raises:
        UnknownChain: No such row.
    """
    for row in ROWS:
        if row.chain.id == chain:
            return row
    raise UnknownChain(f"unknown Tron network {chain!r}; known: {', '.join(row.chain.id for row in ROWS)}", chain=chain)
