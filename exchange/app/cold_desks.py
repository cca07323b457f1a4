"""A cold wallet as the online side sees it: what it can spend, how a payment from it is planned, sent and looked up.

Rules:
    * No signer is reached from here: what the members sign comes back as a file.
    * People take longer than processes: where bytes expire by the clock they get the longest time that signers take.

Example:
    desk = open_cold_desk(chain_spec, wallet_spec, folder)
    plan = desk.codec.plan([intent], desk.reader.spendable(frozenset()), members)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from custody.chains.evm.broadcaster import EvmBroadcaster
from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.node import EvmNode
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.verify import verify_safe
from custody.chains.port import Broadcaster, Codec, Reader
from custody.chains.registry import chain_row
from custody.chains.solana.broadcaster import SplBroadcaster
from custody.chains.solana.codec import SplCodec
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.reader import SplReader
from custody.chains.solana.setup import verify_node as verify_solana
from custody.chains.solana.setup import verify_wallet as verify_solana_wallet
from custody.chains.tron.broadcaster import TronBroadcaster
from custody.chains.tron.codec import TronCodec
from custody.chains.tron.node import TronNode
from custody.chains.tron.reader import TronReader
from custody.chains.tron.setup import verify_wallet as verify_tron_wallet
from custody.chains.utxo.broadcaster import UtxoBroadcaster
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.reader import UtxoReader
from custody.chains.xrpl.broadcaster import XrplBroadcaster
from custody.chains.xrpl.codec import XrplCodec
from custody.chains.xrpl.node import XrplNode
from custody.chains.xrpl.params import MAX_LIFE_LEDGERS
from custody.chains.xrpl.reader import XrplReader
from custody.chains.xrpl.setup import verify_node as verify_xrpl
from custody.chains.xrpl.setup import verify_wallet as verify_xrpl_wallet
from custody.keys.material import Curve, PublicKey
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.jsonrpc import JsonRpc
from custody.nodes.posting import Endpoint
from custody.nodes.rippled import RippledRpc
from custody.nodes.tron import TronHttp
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId, Family
from custody.primitives.secret import Secret
from custody.signers.judge import MAX_VALIDITY_S
from exchange.app.blueprint import ChainSpec, WalletSpec
from exchange.app.wallets import safe_wallet, spl_wallet, tron_wallet, utxo_wallet, xrpl_wallet

TRON_MARGIN_S = 120
"""Clocks of node and cold room differ: what expires at the signers' limit would be refused by a slow one."""


@dataclass(frozen=True, slots=True)
class ColdDesk:
    """One cold wallet and its node.

    Attributes:
        spec: The wallet.
        native: Its coin.
        codec, reader, broadcaster: Of the family.
        members: Name of each keyholder -> member key.
    """

    spec: WalletSpec
    native: Asset
    codec: Codec[Any, Any]
    reader: Reader[Any]
    broadcaster: Broadcaster
    members: Mapping[str, PublicKey]


def open_cold_desk(chain: ChainSpec, spec: WalletSpec) -> ColdDesk:
    """Connect a cold wallet's node and check that it is of the wallet's network.

    Raises:
        NodeUnavailable: It does not answer.
        VerificationFailed, InvalidAddress: The node is of another network, or the wallet on chain is not as registered.
    """
    return _DESKS[chain_row(ChainId(chain.chain)).family](chain, spec)


def _rpc(chain: ChainSpec) -> JsonRpc:
    if not chain.cookie:
        return JsonRpc(Endpoint(chain.chain, chain.url))
    user, _, password = Path(chain.cookie).read_text().strip().partition(":")
    return JsonRpc(Endpoint(chain.chain, chain.url, user=user, password=Secret(password.encode())))


def _utxo(chain: ChainSpec, spec: WalletSpec) -> ColdDesk:
    wallet = utxo_wallet(spec)
    node = BitcoinNode(_rpc(chain))
    reader = UtxoReader.connect(wallet, node)
    members = {
        member.signer: PublicKey(Curve.SECP256K1, origin.node().key)
        for member, origin in zip(spec.members, wallet.cosigners, strict=True)
    }
    sending = UtxoBroadcaster(wallet.params, node)
    return ColdDesk(spec, wallet.params.asset, UtxoCodec(wallet), reader, sending, members)


def _evm(chain: ChainSpec, spec: WalletSpec) -> ColdDesk:
    wallet = safe_wallet(spec)
    node = EvmNode(_rpc(chain), wallet.params)
    node.require_chain()
    verify_safe(node, wallet)
    parts = SafeCodec(wallet), SafeReader(wallet, node), EvmBroadcaster(node)
    return ColdDesk(spec, wallet.params.native, *parts, _keys(spec, Curve.SECP256K1))


def _solana(chain: ChainSpec, spec: WalletSpec) -> ColdDesk:
    wallet = spl_wallet(spec)
    node = SolanaNode(_rpc(chain))
    verify_solana(node, wallet)
    verify_solana_wallet(node, wallet)
    parts = SplCodec(wallet), SplReader(wallet, node, funded=tuple), SplBroadcaster(node)
    return ColdDesk(spec, wallet.params.native, *parts, _keys(spec, Curve.ED25519))


def _tron(chain: ChainSpec, spec: WalletSpec) -> ColdDesk:
    made = tron_wallet(spec)
    slow = replace(made.params, expires_after_ms=(MAX_VALIDITY_S - TRON_MARGIN_S) * 1_000)
    wallet = replace(made, params=slow)
    node = TronNode(TronHttp(Endpoint(chain.chain, chain.url)), wallet.params)
    node.require_network()
    verify_tron_wallet(node, wallet)
    parts = TronCodec(wallet), TronReader(wallet, node), TronBroadcaster(node)
    return ColdDesk(spec, wallet.params.native, *parts, _keys(spec, Curve.SECP256K1))


def _xrpl(chain: ChainSpec, spec: WalletSpec) -> ColdDesk:
    made = xrpl_wallet(spec)
    wallet = replace(made, params=replace(made.params, life_ledgers=MAX_LIFE_LEDGERS))
    node = XrplNode(RippledRpc(Endpoint(chain.chain, chain.url)))
    verify_xrpl(node, wallet)
    verify_xrpl_wallet(node, wallet)
    parts = XrplCodec(wallet), XrplReader(wallet, node), XrplBroadcaster(node)
    return ColdDesk(spec, wallet.params.native, *parts, _keys(spec, Curve.SECP256K1))


def _keys(spec: WalletSpec, curve: Curve) -> dict[str, PublicKey]:
    return {member.signer: PublicKey(curve, bytes.fromhex(member.key)) for member in spec.members}


_DESKS: Mapping[Family, Callable[[ChainSpec, WalletSpec], ColdDesk]] = {
    Family.UTXO: _utxo,
    Family.EVM: _evm,
    Family.SOLANA: _solana,
    Family.TRON: _tron,
    Family.XRPL: _xrpl,
}
