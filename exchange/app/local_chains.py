"""The chains of a local installation: one row each, with what the ceremony, the policy and the books need of it.

Local chains only: amounts are generous enough for a demonstration and far below everything; on a real network an
operator states them in the blueprint, the policy and the signers' rules.

Example:
    for row in LOCAL_CHAINS: print(row.chain, row.symbol)
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from custody.chains.registry import chain_row
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId, Family

EVM_PATH = "m/44h/60h/0h/0/0"
SOLANA_PATH = "m/44h/501h/0h/0h"


@dataclass(frozen=True, slots=True)
class LocalChain:
    """One chain of the local installation.

    Attributes:
        chain: Our name of the network.
        wallet: End of its wallets' names: "btc" makes "hot-btc" and "cold-btc".
        symbol, decimals: Its native coin.
        number, exponent: The coin's number in the ledger, and the power of ten of one quantum in base units.
        member_path: Where every key holder derives its key of the multisig.
        fee_cap: Most a signer lets one transaction cost, base units.
        hourly: Most a signer lets out per hour, base units.
    """

    chain: str
    wallet: str
    symbol: str
    decimals: int
    number: int
    exponent: int
    member_path: str
    fee_cap: int
    hourly: int

    @property
    def asset(self) -> Asset:
        """Its native coin."""
        return Asset(self.symbol, self.decimals, ChainId(self.chain))

    @property
    def family(self) -> Family:
        """Which codec speaks it."""
        return chain_row(ChainId(self.chain)).family


LOCAL_CHAINS: tuple[LocalChain, ...] = (
    LocalChain("bitcoin-regtest", "btc", "BTC", 8, 0, 0, "m/48h/1h/0h/2h", 200_000, 10**11),
    LocalChain("litecoin-regtest", "ltc", "LTC", 8, 5, 0, "m/48h/2h/0h/2h", 2_000_000, 10**12),
    LocalChain("dogecoin-regtest", "doge", "DOGE", 8, 6, 0, "m/48h/3h/0h/0h", 200_000_000, 10**14),
    LocalChain("ethereum-local", "eth", "ETH", 18, 1, 10, EVM_PATH, 5 * 10**16, 10**21),
    LocalChain("solana-local", "sol", "SOL", 9, 2, 1, SOLANA_PATH, 20_000_000, 10**13),
    LocalChain("tron-local", "trx", "TRX", 6, 7, 0, "m/44h/195h/0h/0/0", 110_000_000, 10**12),
    LocalChain("xrpl-local", "xrp", "XRP", 6, 8, 0, "m/44h/144h/0h/0/0", 10_000, 10**12),
    LocalChain("bsc-local", "bnb", "BNB", 18, 4, 10, EVM_PATH, 5 * 10**16, 10**21),
)
"""In the order in which wallets are made; the ledger numbers stay as they were given."""


def rows_of(chains: Collection[str]) -> tuple[LocalChain, ...]:
    """The rows of these chains, in the order in which wallets are made."""
    return tuple(row for row in LOCAL_CHAINS if row.chain in chains)


def local_chain(chain: str) -> LocalChain | None:
    """The row of a chain, if it is one of the local installation."""
    return next((row for row in LOCAL_CHAINS if row.chain == chain), None)
