"""The parts of Tron: hot and cold account, deposit accounts that are swept into the hot one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.port import SignedTx
from custody.chains.tron.broadcaster import TronBroadcaster
from custody.chains.tron.codec import TronCodec
from custody.chains.tron.node import TronNode
from custody.chains.tron.plan import TronPlan
from custody.chains.tron.reader import TronReader
from custody.chains.tron.setup import verify_wallet
from custody.chains.tron.sweep import SweepCodec, sweep_state, sweepable
from custody.chains.tron.wallet import TronWallet
from custody.keys.crosscheck import crosscheck_tron
from custody.keys.material import Signature, SigningNeed
from custody.nodes.posting import Endpoint
from custody.nodes.tron import TronHttp
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable
from custody.primitives.ids import TxId
from custody.wallets.addresses import AddressDesk
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane
from exchange.app.chain_parts import ChainParts, Ingredients
from exchange.app.reserve_sources import TierReader, TronReserves
from exchange.app.wallets import tron_wallet


def tron_parts(given: Ingredients) -> ChainParts:
    """Build the parts.

    Raises:
        WrongNetwork: The node is of another network.
        CrossCheckFailed: A second library derives another address of a member.
        TronAccountChanged: Permissions differ from the registration.
        NodeUnavailable: The node does not answer.
    """
    hot, cold = tron_wallet(given.hot), tron_wallet(given.cold)
    node = TronNode(TronHttp(Endpoint(given.chain.chain, given.chain.url)), hot.params)
    node.require_network()
    for wallet in (hot, cold):
        _verify(node, wallet)
    reader = TronReader(hot, node)
    keys = {spec.signer: member.key for spec, member in zip(given.hot.members, hot.members, strict=True)}
    lane = Lane(
        hot.id,
        Tier.HOT,
        hot.params.native,
        TronCodec(hot),
        reader,
        (TronBroadcaster(node),),
        given.members(keys),
        hot.threshold,
    )
    branch, chain, native = hot.deposits, hot.params.chain, hot.params.native

    def derive(index: int) -> Address:
        if branch is None:
            raise NodeUnavailable(f"{chain.id}: no deposit accounts are configured")
        return Address(chain.id, branch.address(index))

    def cross_check(index: int, address: Address) -> None:
        if branch is not None:
            crosscheck_tron(branch.public_key(index), address.text)

    def accounts() -> list[Address]:
        return [derive(index) for index in range(given.deposits.next_index(chain.id))]

    def hot_balance() -> Amount:
        total = reader.balance(hot.address, native)
        return sum((reader.balance(account, native) for account in accounts()), total)

    return ChainParts(
        chain,
        native,
        given.chain.evidence,
        lane,
        reader,
        AddressDesk(chain.id, derive, cross_check, given.deposits),
        hot.address,
        cold.address,
        hot_balance,
        lambda: reader.balance(cold.address, native),
        TronReserves([(TierReader(hot.id, "hot"), hot), (TierReader(cold.id, "cold"), cold)], node, accounts),
        TronSweeps(hot, reader),
        given.signers[given.sender],
        fee_paid=lambda signed: Amount(node.fee_paid(signed.txid), native),
    )


def _verify(node: TronNode, wallet: TronWallet) -> None:
    """Addresses against a second library, then the account on chain against the registration."""
    crosscheck_tron(wallet.account_key, wallet.address.text)
    for member in wallet.members:
        crosscheck_tron(member.key, member.address)
    verify_wallet(node, wallet)


@dataclass(frozen=True, slots=True)
class PlannedTronSweep:
    """A sweep that wants its signature."""

    codec: SweepCodec
    plan: TronPlan

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None:
        """What must be signed next."""
        return self.codec.next_need(self.plan, signatures)

    def assemble(self, signatures: Sequence[Signature]) -> SignedTx:
        """The complete transaction."""
        return self.codec.assemble(self.plan, signatures)


class TronSweeps:
    """Implements `custody.wallets.sweep.SweepLane` for the deposit accounts of a Tron wallet; TRX only."""

    def __init__(self, wallet: TronWallet, reader: TronReader) -> None:
        self.chain = wallet.params.chain
        self._wallet = wallet
        self._reader = reader
        self._codec = SweepCodec(wallet)
        self._broadcaster = TronBroadcaster(reader.node)

    def plan(self, index: int) -> PlannedTronSweep | None:
        """Plan a sweep of one account; None if it would cost more than half of what it brings."""
        state = sweep_state(self._wallet, self._reader.node, index)
        return PlannedTronSweep(self._codec, self._codec.plan(state)) if sweepable(self._wallet, state) else None

    def broadcast(self, tx: SignedTx) -> TxId:
        """Send stored bytes."""
        return self._broadcaster.broadcast(tx)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of a sweep now."""
        return self._reader.finality(txid, conflict_key)

    def fee_paid(self, txid: TxId) -> Amount:
        """What the chain took for a final sweep, in sun.

        Raises:
            NodeUnavailable: The node does not show its result now.
        """
        return Amount(self._reader.node.fee_paid(txid), self._wallet.params.native)
