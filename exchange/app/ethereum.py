"""The parts of an EVM chain: hot and cold Safe, deposit accounts that are swept into the hot one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from custody.chains.evm.broadcaster import EvmBroadcaster
from custody.chains.evm.codec import SafeCodec
from custody.chains.evm.node import EvmNode
from custody.chains.evm.reader import SafeReader
from custody.chains.evm.sweep import SweepCodec, SweepPlan, sweepable
from custody.chains.evm.sweep_reader import SweepReader
from custody.chains.evm.verify import verify_safe
from custody.chains.evm.wallet import SafeWallet
from custody.chains.port import SignedTx
from custody.chains.registry import CHAINS
from custody.keys.crosscheck import crosscheck_evm
from custody.keys.material import Signature, SigningNeed
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import Family, Finality
from custody.primitives.errors import NodeUnavailable
from custody.primitives.ids import TxId
from custody.wallets.addresses import AddressDesk, Siblings
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane
from exchange.app.chain_parts import ChainParts, Ingredients
from exchange.app.reserve_sources import SafeReserves, TierReader
from exchange.app.wallets import safe_wallet

EVM_SIBLINGS = Siblings(tuple(row.id for row in CHAINS.values() if row.family is Family.EVM))
"""Every EVM network: their deposit accounts are derived alike."""


def ethereum_parts(given: Ingredients) -> ChainParts:
    """Build the parts.

    Raises:
        WrongNetwork: The node serves another chain id.
        CrossCheckFailed: A second library derives another address of an owner.
        SafeChanged: Owners, threshold, modules, guard or code differ from the registration.
        NodeUnavailable: The node does not answer.
    """
    hot, cold = safe_wallet(given.hot), safe_wallet(given.cold)
    node = EvmNode(given.rpc(), hot.params)
    node.require_chain()
    for wallet in (hot, cold):
        _verify(node, wallet)
    reader = SafeReader(hot, node)
    keys = {member.signer: owner.key for member, owner in zip(given.hot.members, hot.owners, strict=True)}
    lane = Lane(
        hot.id,
        Tier.HOT,
        hot.params.native,
        SafeCodec(hot),
        reader,
        (EvmBroadcaster(node),),
        given.members(keys),
        hot.threshold,
        (given.signers[given.sender],),
    )
    branch = reader.wallet.deposits
    chain = hot.params.chain

    def derive(index: int) -> Address:
        if branch is None:
            raise NodeUnavailable(f"{chain.id}: no deposit accounts are configured")
        return Address(chain.id, branch.address(index))

    def cross_check(index: int, address: Address) -> None:
        if branch is not None:
            crosscheck_evm(branch.public_key(index), address.text)

    def accounts() -> list[Address]:
        return [derive(index) for index in range(given.deposits.next_index(chain.id))]

    def hot_balance() -> Amount:
        total = reader.balance(hot.address, hot.params.native)
        return sum((reader.balance(account, hot.params.native) for account in accounts()), total)

    return ChainParts(
        chain,
        hot.params.native,
        given.chain.evidence,
        lane,
        reader,
        AddressDesk(chain.id, derive, cross_check, given.deposits, EVM_SIBLINGS),
        hot.address,
        cold.address,
        hot_balance,
        lambda: reader.balance(cold.address, cold.params.native),
        SafeReserves([(TierReader(hot.id, "hot"), hot), (TierReader(cold.id, "cold"), cold)], node, accounts),
        SafeSweeps(hot, reader, node),
    )


def _verify(node: EvmNode, wallet: SafeWallet) -> None:
    """Owners against a second library, then the contract on chain against the registration."""
    for owner in wallet.owners:
        crosscheck_evm(owner.key, owner.address)
    verify_safe(node, wallet)


@dataclass(frozen=True, slots=True)
class PlannedSweep:
    """A sweep that wants its signature."""

    codec: SweepCodec
    plan: SweepPlan

    def next_need(self, signatures: Sequence[Signature]) -> SigningNeed | None:
        """What must be signed next."""
        return self.codec.next_need(self.plan, signatures)

    def assemble(self, signatures: Sequence[Signature]) -> SignedTx:
        """The complete transaction."""
        return self.codec.assemble(self.plan, signatures)


class SafeSweeps:
    """Implements `custody.wallets.sweep.SweepLane` for the deposit accounts of a Safe."""

    def __init__(self, wallet: SafeWallet, reader: SafeReader, node: EvmNode) -> None:
        self.chain = wallet.params.chain
        self._wallet = wallet
        self._reader = reader
        self._node = node
        self._codec = SweepCodec(wallet)
        self._broadcaster = EvmBroadcaster(node)

    def plan(self, index: int) -> PlannedSweep | None:
        """Plan a sweep of one account; None if it would cost more than half of what it brings."""
        native = self._wallet.params.native
        state = SweepReader(self._reader, index, native).spendable(frozenset())
        return PlannedSweep(self._codec, self._codec.plan((), state)) if sweepable(state) else None

    def broadcast(self, tx: SignedTx) -> TxId:
        """Send stored bytes."""
        return self._broadcaster.broadcast(tx)

    def finality(self, txid: TxId, conflict_key: str) -> Finality:
        """What the chain says of a sweep now."""
        return self._reader.finality(txid, conflict_key)

    def fee_paid(self, txid: TxId) -> Amount:
        """What the chain took for a final sweep, in wei.

        Raises:
            NodeUnavailable: The node does not show its receipt now.
        """
        receipt = self._node.receipt(txid)
        if receipt is None:
            raise NodeUnavailable(f"{self.chain.id}: no receipt of {txid} now")
        return Amount(receipt.fee_wei, self._wallet.params.native)
