"""One frozen row per network of the family: what differs between Bitcoin, Litecoin, Dogecoin and their test networks.

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
        calm: At or below, fees are low enough to tidy up small coins.
        replaceable: Whether nodes relay a replacement without being told to.
    """

    floor: int
    fallback: int
    cap: int
    increment: int
    dust_sat: int
    calm: int
    replaceable: bool = True

    def __post_init__(self) -> None:
        if not (0 < self.floor <= self.fallback <= self.cap and self.increment > 0 and self.dust_sat > 0):
            raise InvalidInput("fee policy: 0 < floor <= fallback <= cap, increment and dust above zero")
        if not self.floor <= self.calm <= self.cap:
            raise InvalidInput("fee policy: the calm rate lies between floor and cap")


@dataclass(frozen=True, slots=True)
class UtxoParams:
    """One network.

    Attributes:
        chain: As the rest of the house knows it.
        asset: Its native coin.
        hrp: Human-readable part of segwit addresses; empty where the chain has none.
        p2pkh, p2sh: Version bytes of base58 addresses.
        key_network: Version of extended keys in descriptors.
        coin_type: SLIP-44 number, for derivation paths. Two local networks keep their main network's instead of
            1, so that no key ever serves two coins: a signer of one could else be led to spend the other.
        script: How multisig scripts stand on the chain.
        fees: Fee rates and dust.
        maturity: Blocks on top of a newly mined coin before it may be spent.
    """

    chain: Chain
    asset: Asset
    hrp: str
    p2pkh: int
    p2sh: int
    key_network: KeyNetwork
    coin_type: int
    script: ScriptType
    fees: FeePolicy
    maturity: int = 100

    @property
    def genesis(self) -> str:
        """The first 32 hex characters of the first block's hash: what tells the network's nodes from all others."""
        return self.chain.caip2.removeprefix("bip122:")

    @property
    def account_path(self) -> str:
        """Where cosigners' account keys stand (BIP-48; its script type 0 is the older P2SH form)."""
        return f"m/48h/{self.coin_type}h/0h/{2 if self.script is ScriptType.WSH else 0}h"

    @property
    def is_malleable(self) -> bool:
        """Whether a third party can change a txid after signing."""
        return self.script is ScriptType.SH


def _chain(name: str, network: str, caip2: str, credit_depth: int, final_depth: int) -> Chain:
    return Chain(ChainId(name), Family.UTXO, network, caip2, credit_depth, final_depth)


# Relay floor 1 sat/vB. Dust 546 sat is the relay limit of the largest standard output, P2PKH, at 3,000 sat/kvB;
# a P2WSH output alone would need 330.
_BITCOIN_FEES = FeePolicy(floor=1_000, fallback=10_000, cap=500_000, increment=1_000, dust_sat=546, calm=5_000)
# Litecoin Core has the dust limit ten times higher, and `-mempoolreplacement` off unless somebody switches it on:
# a replacement would stay in our own node.
_LITECOIN_FEES = FeePolicy(
    floor=1_000, fallback=10_000, cap=500_000, increment=1_000, dust_sat=5_460, calm=10_000, replaceable=False
)
# Dogecoin Core relays from 0.001 DOGE/kB, but its miners take 0.01 and more by default, which is therefore the
# floor. Outputs below the soft dust limit, 0.01 DOGE, would have to pay as much on top. The increment is a hundred
# times what a node asks: it costs little and is no reason to be refused.
_DOGECOIN_FEES = FeePolicy(
    floor=1_000_000, fallback=1_000_000, cap=100_000_000, increment=100_000, dust_sat=1_000_000, calm=1_000_000
)

BITCOIN = UtxoParams(
    chain=_chain("bitcoin", "mainnet", "bip122:000000000019d6689c085ae165831e93", 2, 6),
    asset=Asset("BTC", 8, ChainId("bitcoin")),
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
    hrp="rltc",
    p2pkh=0x6F,
    p2sh=0x3A,
    key_network=KeyNetwork.TEST,
    coin_type=2,
    script=ScriptType.WSH,
    fees=_LITECOIN_FEES,
)

DOGECOIN = UtxoParams(
    chain=_chain("dogecoin", "mainnet", "bip122:1a91e3dace36e2be3bf030a65679fe82", 20, 60),
    asset=Asset("DOGE", 8, ChainId("dogecoin")),
    hrp="",
    p2pkh=0x1E,
    p2sh=0x16,
    key_network=KeyNetwork.MAIN,
    coin_type=3,
    script=ScriptType.SH,
    fees=_DOGECOIN_FEES,
    maturity=240,
)
DOGECOIN_REGTEST = UtxoParams(
    chain=_chain("dogecoin-regtest", "regtest", "bip122:3d2160a3b5dc4a9d62e7e66a295f7031", 2, 6),
    asset=Asset("DOGE", 8, ChainId("dogecoin-regtest")),
    hrp="",
    p2pkh=0x6F,
    p2sh=0xC4,
    key_network=KeyNetwork.TEST,
    coin_type=3,
    script=ScriptType.SH,
    fees=_DOGECOIN_FEES,
    maturity=60,
)

ROWS: tuple[UtxoParams, ...] = (
    BITCOIN, BITCOIN_REGTEST, LITECOIN, LITECOIN_REGTEST, DOGECOIN, DOGECOIN_REGTEST,
)  # fmt: skip


def row(chain: str) -> UtxoParams:
    """Look a network up by its chain id.

    Raises:
        UnknownChain: No row of this name.
    """
    for params in ROWS:
        if params.chain.id == chain:
            return params
    raise UnknownChain(f"no UTXO network {chain!r}; known: {', '.join(p.chain.id for p in ROWS)}", chain=chain)
