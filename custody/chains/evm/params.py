"""One frozen row a network, and the pinned Safe contracts.

Rules:
    * Safe contracts are pinned by address *and* by the hash of the code that must live there.
    * Money on a chain is counted in base units of 18-decimal native coins.
    * `fee_cap_wei_per_gas` is ours, not the network's: above it nothing is offered.
    * A symbol is unique in one installation: coins of second layers carry the layer's name, since one ETH
      on Base and one on Ethereum are two assets to the books.

Example:
    >>> params_for(ChainId("ethereum")).chain_id
    1
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custody.primitives.asset import Asset
from custody.primitives.chain import Chain, ChainId, Family
from custody.primitives.errors import UnknownChain

NATIVE_DECIMALS = 18
GWEI = 10**9


@dataclass(frozen=True, slots=True)
class SafeRelease:
    """One audited release of the Safe contracts at its canonical addresses.

    Attributes:
        version: What `VERSION()` of the singleton answers.
        singleton, proxy_factory, multisend, fallback_handler: Canonical addresses, EIP-55.
        code_hashes: keccak256 of the runtime code at each of these addresses, hex, in that order.
        proxy_code_hash: keccak256 of the runtime code of every proxy, hex.
        proxy_init_hash: keccak256(proxy creation code + singleton as a word), hex; gives the CREATE2 address.
    """

    version: str
    singleton: str
    proxy_factory: str
    multisend: str
    fallback_handler: str
    code_hashes: tuple[str, str, str, str]
    proxy_code_hash: str
    proxy_init_hash: str


SAFE_1_4_1 = SafeRelease(
    version="1.4.1",
    singleton="0x29fcB43b46531BcA003ddC8FCB67FFE91900C762",
    proxy_factory="0x4e1DCf7AD4e460CfD30791CCC4F9c8a4f820ec67",
    multisend="0x9641d764fc13c8B624c04430C7356C1C7C8102e2",
    fallback_handler="0xfd0732Dc9E303f09fCEf3a7388Ad10A83459Ec99",
    code_hashes=(
        "b1f926978a0f44a2c0ec8fe822418ae969bd8c3f18d61e5103100339894f81ff",
        "50c3cdc4074750a7a974204a716c999edd37482f907608d960b2b025ee0b3317",
        "ecd5bd14a08c5d2122379900b2f272bdf107a7e92423c10dd5fe3254386c9939",
        "7c6007a5d711cea8dfd5d91f5940ec29c7f200fe511eb1fc1397b367af3c42f9",
    ),
    proxy_code_hash="d7d408ebcd99b2b70be43e20253d6d92a8ea8fab29bd3be7f55b10032331fb4c",
    proxy_init_hash="e298282cefe913ab5d282047161268a8222e4bd4ed106300c547894bbefd31ee",
)
"""SafeL2 1.4.1: the variant that logs every execution with its nonce, which finality relies on."""


class FeeModel(StrEnum):
    """How the network prices gas."""

    BASE_FEE = "base fee"  # EIP-1559: a base fee that moves block by block, and a tip on top
    GAS_PRICE = "gas price"  # no base fee worth the name: one price, which the node names


@dataclass(frozen=True, slots=True)
class Pricing:
    """What gas may cost on one network.

    Attributes:
        model: Where the price comes from.
        tip_wei_per_gas: Least priority fee we offer, in wei per gas.
        fee_cap_wei_per_gas: Most we ever offer, in wei per gas.
        extra_gas: Added to every gas limit: what the network charges beyond execution, in gas. What is not
            used is not paid.
        layer_fee_wei: Kept back by every account for what a second layer charges beside gas.
    """

    model: FeeModel
    tip_wei_per_gas: int
    fee_cap_wei_per_gas: int
    extra_gas: int = 0
    layer_fee_wei: int = 0


@dataclass(frozen=True, slots=True)
class EvmParams:
    """One network.

    Attributes:
        chain: The network as the rest of the house knows it; `network` is the chain id in decimal.
        chain_id: EIP-155 chain id.
        native: Asset of the native coin, 18 decimals.
        release: Pinned Safe contracts.
        poa: True where block headers carry longer extra data (proof of authority); informational,
            since plain JSON-RPC does not validate headers.
        pricing: What gas may cost.
        tracing: True where the node serves `debug_traceTransaction`, so that payments made by
            contracts (internal calls) are seen as deposits.
        local: True for a chain of our own that holds no value; only there code may be written into the state.
    """

    chain: Chain
    chain_id: int
    native: Asset
    release: SafeRelease
    poa: bool
    pricing: Pricing
    tracing: bool
    local: bool


def _row(name: str, chain_id: int, symbol: str, depths: tuple[int, int], pricing: Pricing) -> EvmParams:
    chain = Chain(ChainId(name), Family.EVM, str(chain_id), f"eip155:{chain_id}", depths[0], depths[1])
    return EvmParams(
        chain=chain,
        chain_id=chain_id,
        native=Asset(symbol, NATIVE_DECIMALS, chain.id),
        release=SAFE_1_4_1,
        poa=name in _PROOF_OF_AUTHORITY,
        pricing=pricing,
        tracing=True,
        local=name.endswith("-local"),
    )


_PROOF_OF_AUTHORITY = frozenset({"bsc", "polygon"})

# Least tip and cap, in the price levels of each network. Arbitrum charges the data it posts to Ethereum as gas
# of the transaction itself: the limit needs room for it. Base takes that from the account, beside the gas.
_ETHEREUM = Pricing(FeeModel.BASE_FEE, 1 * GWEI, 500 * GWEI)
_BSC = Pricing(FeeModel.GAS_PRICE, GWEI // 20, 50 * GWEI)
_POLYGON = Pricing(FeeModel.BASE_FEE, 25 * GWEI, 5_000 * GWEI)
_ARBITRUM = Pricing(FeeModel.BASE_FEE, 0, 50 * GWEI, extra_gas=2_000_000)
_BASE = Pricing(FeeModel.BASE_FEE, GWEI // 1_000, 50 * GWEI, layer_fee_wei=20_000 * GWEI)
_AVALANCHE = Pricing(FeeModel.BASE_FEE, 1, 500 * GWEI)

# Depths (credit, final). Two epochs (64 slots) is where Ethereum finalizes in the ordinary case; BSC finalizes by
# vote within seconds and 20 blocks is the customary floor; Polygon keeps the depth from before its milestones.
# Blocks of second layers are final when Ethereum has them, about a quarter of an hour: 3,600 of Arbitrum's, 450 of
# Base's. Avalanche decides a block once. Local chains are short to keep tests quick, and have ids of their own, so
# that nothing signed for them can be replayed where money is.
ETHEREUM = _row("ethereum", 1, "ETH", (12, 64), _ETHEREUM)
BSC = _row("bsc", 56, "BNB", (15, 20), _BSC)
POLYGON = _row("polygon", 137, "POL", (64, 256), _POLYGON)
ARBITRUM = _row("arbitrum", 42161, "ETHARB", (200, 3_600), _ARBITRUM)
BASE = _row("base", 8453, "ETHBASE", (30, 450), _BASE)
AVALANCHE = _row("avalanche", 43114, "AVAX", (3, 12), _AVALANCHE)

ETHEREUM_LOCAL = _row("ethereum-local", 31337, "ETH", (1, 3), _ETHEREUM)
BSC_LOCAL = _row("bsc-local", 31_356, "BNB", (1, 3), _BSC)
POLYGON_LOCAL = _row("polygon-local", 31_300_137, "POL", (1, 3), _POLYGON)
ARBITRUM_LOCAL = _row("arbitrum-local", 31_342_161, "ETHARB", (1, 3), _ARBITRUM)
BASE_LOCAL = _row("base-local", 31_308_453, "ETHBASE", (1, 3), _BASE)
AVALANCHE_LOCAL = _row("avalanche-local", 31_343_114, "AVAX", (1, 3), _AVALANCHE)

ROWS: tuple[EvmParams, ...] = (
    *(ETHEREUM, BSC, POLYGON, ARBITRUM, BASE, AVALANCHE),
    *(ETHEREUM_LOCAL, BSC_LOCAL, POLYGON_LOCAL, ARBITRUM_LOCAL, BASE_LOCAL, AVALANCHE_LOCAL),
)


def params_for(chain: ChainId) -> EvmParams:
    """Look a network up.

    Raises:
        UnknownChain: No such row.
    """
    for row in ROWS:
        if row.chain.id == chain:
            return row
    known = ", ".join(row.chain.id for row in ROWS)
    raise UnknownChain(f"unknown EVM chain {chain!r}; known: {known}", chain=chain)
