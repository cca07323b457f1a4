"""One frozen row per network of the family: what differs between Bitcoin, Litecoin and their test networks.

Rules:
    * Fee rates are whole satoshi per 1,000 virtual bytes, so that no rate is ever a fraction.
    * A network shares a code path or it is not a row: nothing outside this file asks for a chain's name.

Example:
    >>> row("bitcoin-regtest").hrp
    'bcrt'
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from custody.keys.xkeys import KeyNetwork
from custody.primitives.asset import Asset
from custody.primitives.chain import Chain, ChainId, Family
from custody.primitives.errors import InvalidInput, UnknownChain

MAX_MONEY_SAT = 21_000_000 * 100_000_000
"""Bitcoin's consensus limit of a value; Litecoin's four times as many coins never meet in one output."""


class ScriptType(StrEnum):
    """How a multisig script stands on the chain."""

    WSH = "wsh"  # native segwit: BIP-143 digests, the txid is known before signing
    SH = "sh"  # before segwit: legacy digests, the txid is malleable


@dataclass(frozen=True, slots=True)
class FeePolicy:
    """Fee rates in satoshi per 1,000 virtual bytes, and the dust limit in satoshi.

    Attributes:
        floor: Never less: the relay minimum.
        fallback: Where the node has no estimate.
        cap: Never more, whatever the node says; a lying estimate costs at most this.
        increment: A replacement pays at least this much more for its own size (BIP-125 rule 4).
        dust_sat: Outputs below are neither made nor spent.
    """

    floor: int
    fallback: int
    cap: int
    increment: int
    dust_sat: int

    def __post_init__(self) -> None:
        if not (0 < self.floor <= self.fallback <= self.cap and self.increment > 0 and self.dust_sat > 0):
            raise InvalidInput("fee policy: 0 < floor <= fallback <= cap, increment and dust above zero")


@dataclass(frozen=True, slots=True)
class UtxoParams:
    """One network.

    Attributes:
        chain: As the rest of the house knows it.
        asset: Its native coin.
        node_name: What the node itself calls the network.
        hrp: Human-readable part of segwit addresses; empty where the chain has none.
        p2pkh, p2sh: Version bytes of base58 addresses.
        key_network: Version of extended keys in descriptors.
        coin_type: BIP-44 number, for derivation paths.
        script: How multisig scripts stand on the chain.
        fees: Fee rates and dust.
    """

    chain: Chain
    asset: Asset
    node_name: str
    hrp: str
    p2pkh: int
    p2sh: int
    key_network: KeyNetwork
    coin_type: int
    script: ScriptType
    fees: FeePolicy

    @property
    def is_malleable(self) -> bool:
        """Whether a third party can change a txid after signing."""
        return self.script is ScriptType.SH


def _chain(name: str, network: str, caip2: str, credit_depth: int, final_depth: int) -> Chain:
    return Chain(ChainId(name), Family.UTXO, network, caip2, credit_depth, final_depth)


# Relay floor 1 sat/vB everywhere. Dust 546 sat is the relay limit of the largest standard output, P2PKH,
# at 3,000 sat/kvB; a P2WSH output alone would need 330. Litecoin's node has the limit ten times higher.
_BITCOIN_FEES = FeePolicy(floor=1_000, fallback=10_000, cap=500_000, increment=1_000, dust_sat=546)
_LITECOIN_FEES = FeePolicy(floor=1_000, fallback=10_000, cap=500_000, increment=1_000, dust_sat=5_460)

BITCOIN = UtxoParams(
    chain=_chain("bitcoin", "mainnet", "bip122:000000000019d6689c085ae165831e93", 2, 6),
    asset=Asset("BTC", 8, ChainId("bitcoin")),
    node_name="main",
    hrp="bc",
    p2pkh=0x00,
    p2sh=0x05,
    key_network=KeyNetwork.MAIN,
    coin_type=0,
    script=ScriptType.WSH,
    fees=_BITCOIN_FEES,
)
BITCOIN_REGTEST = UtxoParams(
    chain=_chain("bitcoin-regtest", "regtest", "bip122:0f9188f13cb7b2c71f2a335e3a4fc328", 2, 6),
    asset=Asset("BTC", 8, ChainId("bitcoin-regtest")),
    node_name="regtest",
    hrp="bcrt",
    p2pkh=0x6F,
    p2sh=0xC4,
    key_network=KeyNetwork.TEST,
    coin_type=1,
    script=ScriptType.WSH,
    fees=_BITCOIN_FEES,
)
LITECOIN = UtxoParams(
    chain=_chain("litecoin", "mainnet", "bip122:12a765e31ffd4059bada1e25190f6e98", 6, 24),
    asset=Asset("LTC", 8, ChainId("litecoin")),
    node_name="main",
    hrp="ltc",
    p2pkh=0x30,
    p2sh=0x32,
    key_network=KeyNetwork.MAIN,
    coin_type=2,
    script=ScriptType.WSH,
    fees=_LITECOIN_FEES,
)
LITECOIN_REGTEST = UtxoParams(
    chain=_chain("litecoin-regtest", "regtest", "bip122:530827f38f93b43ed12af0b3ad25a288", 2, 6),
    asset=Asset("LTC", 8, ChainId("litecoin-regtest")),
    node_name="regtest",
    hrp="rltc",
    p2pkh=0x6F,
    p2sh=0x3A,
    key_network=KeyNetwork.TEST,
    coin_type=1,
    script=ScriptType.WSH,
    fees=_LITECOIN_FEES,
)

ROWS: tuple[UtxoParams, ...] = (BITCOIN, BITCOIN_REGTEST, LITECOIN, LITECOIN_REGTEST)


def row(chain: str) -> UtxoParams:
    """Look a network up by its chain id.

    Raises:
        UnknownChain: No row of this name.
    """
    for params in ROWS:
        if params.chain.id == chain:
            return params
    raise UnknownChain(f"no UTXO network {chain!r}; known: {', '.join(p.chain.id for p in ROWS)}", chain=chain)
