"""The parts of a Bitcoin, Litecoin or Dogecoin: hot multisig with deposits on its own descriptor, cold multisig."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from custody.chains.utxo.broadcaster import UtxoBroadcaster
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.coins import Coins, UtxoPlan
from custody.chains.utxo.reader import UtxoReader
from custody.chains.utxo.wallet import RECEIVE, UtxoWallet
from custody.keys.crosscheck import SortedMultisig, crosscheck_utxo
from custody.keys.material import Curve, PublicKey
from custody.monitor.breaker import FileBreaker
from custody.nodes.bitcoin import BitcoinNode
from custody.primitives.address import Address
from custody.wallets.addresses import AddressDesk
from custody.wallets.ports import DepositStore
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane
from exchange.app.blueprint import WalletSpec
from exchange.app.chain_parts import ChainParts, Ingredients, WarmTier
from exchange.app.reserve_sources import TierReader, UtxoReserves
from exchange.app.screened_coins import ScreenedReader
from exchange.app.utxo_children import ChildPayer
from exchange.app.utxo_gathering import CoinGatherer
from exchange.app.wallets import utxo_wallet

BUMP_AFTER_MS = 20 * 60_000
"""Two blocks on average; four bumps fit well into the life of an intent."""
OWN_PLACES = 1
"""The first receiving places belong to the house: what cold returns there is no customer's deposit."""


def utxo_parts(given: Ingredients) -> ChainParts:
    """Build the parts.

    Raises:
        WrongNetwork: The node is on another network.
        NodeUnavailable: It does not answer.
        CrossCheckFailed, CrossCheckUnavailable: As `own_address`.
    """
    hot, cold = utxo_wallet(given.hot), utxo_wallet(given.cold)
    folder = given.folder / "bitcoinlib"
    node = BitcoinNode(given.rpc())
    reader = UtxoReader.connect(hot, node)
    lane = _lane(given, given.hot, Tier.HOT, reader)
    cold_reader = UtxoReader(cold, node)
    tiers = [(TierReader(hot.id, "hot"), reader), (TierReader(cold.id, "cold"), cold_reader)]
    warm_tier = None
    if given.warm is not None:
        warm_reader = UtxoReader(utxo_wallet(given.warm), node)
        tiers.append((TierReader(given.warm.id, "warm"), warm_reader))
        warm_lane = _lane(given, given.warm, Tier.WARM, warm_reader)
        warm_tier = WarmTier(warm_lane, own_address(warm_reader.wallet, folder), balance=warm_reader.total)
    screened = ScreenedReader(reader, given.records.coins, OWN_PLACES).screened
    breaker = FileBreaker(given.folder / "breaker.json")

    def small_coins(taken: Set[str]) -> Coins:
        breaker.require_closed(hot.params.asset, hot.id)  # nothing is signed meanwhile, this neither
        return screened(reader.small_coins(taken))

    gatherer = CoinGatherer(lane, hot, given.records, small_coins)
    return ChainParts(
        hot.params.chain,
        hot.params.asset,
        given.chain.evidence,
        lane,
        reader,
        deposit_desk(hot, given.deposits, folder),
        own_address(hot, folder),
        own_address(cold, folder),
        reader.total,
        cold_reader.total,
        UtxoReserves(tiers),
        upkeep=gatherer.step,
        fee_paid=lambda signed: signed.fee_max,
        repair=None if hot.params.is_malleable else _children(lane, reader, given).step,
        warm=warm_tier,
    )


def _lane(given: Ingredients, spec: WalletSpec, tier: Tier, reader: UtxoReader) -> Lane[Coins, UtxoPlan]:
    wallet, node = reader.wallet, reader.node
    keys = {
        member.signer: PublicKey(Curve.SECP256K1, origin.node().key)
        for member, origin in zip(spec.members, wallet.cosigners, strict=True)
    }
    return Lane(
        wallet.id,
        tier,
        wallet.params.asset,
        UtxoCodec(wallet),
        reader,
        (UtxoBroadcaster(wallet.params, node),),
        given.members(keys, spec),
        wallet.threshold,
        bump_after_ms=BUMP_AFTER_MS,
    )


def _children(lane: Lane[Coins, UtxoPlan], reader: UtxoReader, given: Ingredients) -> ChildPayer:
    records = (given.records.withdrawals, given.records.sweeps)
    return ChildPayer(lane, reader, records, FileBreaker(given.folder / "breaker.json"))


def own_address(wallet: UtxoWallet, folder: Path) -> Address:
    """Where the wallet itself receives; never handed to a customer.

    Args:
        wallet: Hot or cold.
        folder: Where the second library may keep files.

    Raises:
        CrossCheckFailed, CrossCheckUnavailable: The second library derives another address, or is not installed.
    """
    address = wallet.address(RECEIVE, 0)
    _cross_check(wallet, 0, address, folder)
    return address


def deposit_desk(hot: UtxoWallet, deposits: DepositStore, folder: Path) -> AddressDesk:
    """Hand out the receiving places behind the house's own.

    Args:
        hot: Whose descriptor.
        deposits: Addresses handed out.
        folder: Where the second library may keep files.
    """

    def derive(index: int) -> Address:
        return hot.address(RECEIVE, OWN_PLACES + index)

    def cross_check(index: int, address: Address) -> None:
        _cross_check(hot, OWN_PLACES + index, address, folder)

    return AddressDesk(hot.params.chain.id, derive, cross_check, deposits)


def _cross_check(wallet: UtxoWallet, index: int, address: Address, folder: Path) -> None:
    xpubs = [origin.xpub for origin in wallet.cosigners]
    place = SortedMultisig(xpubs, wallet.threshold, RECEIVE, index, wallet.params.chain.id)
    crosscheck_utxo(place, address.text, folder)
