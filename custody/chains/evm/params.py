"""One frozen row a network, and the pinned Safe contracts.

Rules:
    * Safe contracts are pinned by address *and* by the hash of the code that must live there.
    * Money on a chain is counted in base units of 18-decimal native coins.
    * `fee_cap_wei_per_gas` is ours, not the network's: above it nothing is planned.

Example:
    >>> params_for(ChainId("ethereum")).chain_id
    1
"""

from __future__ import annotations

from dataclasses import dataclass

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
        tip_wei_per_gas: Priority fee when the node names none, in wei per gas.
        fee_cap_wei_per_gas: Most we ever offer, in wei per gas.
        tracing: True where the node serves `debug_traceTransaction`, so that payments made by
            contracts (internal calls) are seen as deposits.
        local: True for a chain of our own that holds no value; only there code may be written into the state.
    """

    chain: Chain
    chain_id: int
    native: Asset
    release: SafeRelease
    poa: bool
    tip_wei_per_gas: int
    fee_cap_wei_per_gas: int
    tracing: bool
    local: bool


def _row(name: str, chain_id: int, symbol: str, depths: tuple[int, int], *, poa: bool = False) -> EvmParams:
    chain = Chain(ChainId(name), Family.EVM, str(chain_id), f"eip155:{chain_id}", depths[0], depths[1])
    return EvmParams(
        chain=chain,
        chain_id=chain_id,
        native=Asset(symbol, NATIVE_DECIMALS, chain.id),
        release=SAFE_1_4_1,
        poa=poa,
        tip_wei_per_gas=1 * GWEI,
        fee_cap_wei_per_gas=500 * GWEI,
        tracing=True,
        local=name.endswith("-local"),
    )


# Depths: two epochs (64 slots) is where Ethereum finalizes in the ordinary case; BSC finalizes by
# vote within seconds and 20 blocks is the customary floor; local chains are short to keep tests quick,
# and have ids of their own, so that nothing signed for them can be replayed where money is.
ETHEREUM = _row("ethereum", 1, "ETH", (12, 64))
ETHEREUM_LOCAL = _row("ethereum-local", 31337, "ETH", (1, 3))
BSC = _row("bsc", 56, "BNB", (15, 20), poa=True)
BSC_LOCAL = _row("bsc-local", 31356, "BNB", (1, 3))

ROWS: tuple[EvmParams, ...] = (ETHEREUM, ETHEREUM_LOCAL, BSC, BSC_LOCAL)


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
