"""The parts of Solana where SOL lies on one native address: a FROST group pays, deposits are accounts below it.

The cold wallet stays an SPL multisig: a move to it is a plain transfer of lamports to its wrapped-SOL vault, which its
reader counts above the rent, and whose next payment begins with `SyncNative`. Fees leave the group's own address.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from custody.chains.solana.broadcaster import SplBroadcaster
from custody.chains.solana.frost_codec import FrostCodec
from custody.chains.solana.frost_reader import FrostReader
from custody.chains.solana.frost_setup import verify_frost_deposits, verify_frost_wallet
from custody.chains.solana.frost_wallet import FrostWallet
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.reader import SplReader
from custody.chains.solana.setup import verify_node, verify_wallet
from custody.keys.crosscheck import crosscheck_solana
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef
from custody.primitives.errors import LimitExceeded
from custody.reserves.balances import Holding
from custody.reserves.ownership import AttestedQuorum
from custody.wallets.addresses import AddressDesk
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import AnyLane, Lane
from exchange.app.chain_parts import ChainParts, Ingredients
from exchange.app.reserve_sources import AtBlock, SplReserves, TierReader, final_block_of
from exchange.app.wallets import frost_wallet, spl_wallet
from exchange.settlement.reserves import OwnedPlace


def frost_parts(given: Ingredients) -> ChainParts:
    """Build the parts.

    Raises:
        VerificationFailed: The node is on another network, or nonces or accounts differ from the registrations.
        CrossCheckFailed: A second library writes an address differently.
        NodeUnavailable: The node does not answer.
    """
    hot, cold = frost_wallet(given.hot), spl_wallet(given.cold)
    node = SolanaNode(given.rpc())
    for key, text in ((hot.group, hot.address), *((member.key, member.text) for member in cold.members)):
        crosscheck_solana(key, text)
    verify_node(node, cold)
    verify_wallet(node, cold)
    verify_frost_wallet(node, hot)
    chain, native = hot.params.chain, hot.params.native

    def used() -> range:
        return range(given.deposits.next_index(chain.id))

    reader, cold_reader = FrostReader(hot, node, funded=used), SplReader(cold, node, funded=tuple)

    def watch() -> None:
        verify_frost_wallet(node, hot)
        verify_wallet(node, cold)

    return ChainParts(
        chain,
        native,
        given.chain.evidence,
        _lane(given, hot, reader, node),
        reader,
        _desk(given, hot, node),
        hot.receive_address,
        cold.receive_address(native),
        lambda: _held(hot, reader),
        lambda: cold_reader.balance(cold.receive_address(native), native),
        FrostReserves(
            TierReader(hot.id, "hot"), reader, SplReserves([(TierReader(cold.id, "cold"), cold)], node, int), used
        ),
        watch=watch,
        fee_paid=lambda signed: signed.fee_max,
    )


def _lane(given: Ingredients, hot: FrostWallet, reader: FrostReader, node: SolanaNode) -> AnyLane:
    keys = {member.signer: key.key for member, key in zip(given.hot.members, hot.members, strict=True)}
    return Lane(
        hot.id,
        Tier.HOT,
        hot.params.native,
        FrostCodec(hot),
        reader,
        (SplBroadcaster(node),),
        given.members(keys),
        hot.threshold,
        fixes_signers=True,
        destinations=reader,
    )


def _held(hot: FrostWallet, reader: FrostReader) -> Amount:
    """What customers' deposits and the address hold, without the rents that the opener paid."""
    state = reader.spendable(frozenset())
    own = max(0, state.lamports - hot.params.empty_account_rent)
    return Amount(own + sum(deposit.lamports for deposit in state.deposits), hot.params.native)


class FrostReserves:
    """The group's address with the deposit accounts that it controls, and the cold multisig's vault."""

    def __init__(
        self, tier: TierReader, reader: FrostReader, cold: SplReserves, used: Callable[[], Iterable[int]]
    ) -> None:
        self._tier = tier
        self._reader = reader
        self._cold = cold
        self._used = used
        self.caip2, self.final_depth = cold.caip2, cold.final_depth

    def final_block(self) -> BlockRef:
        """The newest final block."""
        return final_block_of(self._reader)

    def owned(self, block: BlockRef) -> Sequence[OwnedPlace]:
        """The group's address, and the cold multisig."""
        hot = OwnedPlace(self._tier.wallet_id, self._tier.tier, self._reader.wallet.address)
        return [hot, *self._cold.owned(block)]

    def holdings(self, block: BlockRef) -> Sequence[Holding]:
        """Balances as of the block, without the rents that the opener paid."""
        wallet = self._reader.wallet
        native, rent = wallet.params.native, wallet.params.empty_account_rent
        at, found = AtBlock(native, self.caip2, block), []
        for place in (wallet.receive_address, *(wallet.deposit_address(index) for index in self._used())):
            held = self._reader.balance(place, native, block)
            above_rent = Amount(max(0, held.units - rent), native)
            controller = "" if place.text == wallet.address else wallet.address
            found.append(at.holding(place.text, above_rent, controller))
        return [*found, *self._cold.holdings(block)]

    def quorums(self, block: BlockRef) -> Sequence[AttestedQuorum]:
        """The address signs for itself: how many shares that took does not show on chain."""
        address = self._reader.wallet.address
        return [AttestedQuorum(self.caip2, address, (address,), 1, block.height), *self._cold.quorums(block)]


def _desk(given: Ingredients, wallet: FrostWallet, node: SolanaNode) -> AddressDesk:
    """Addresses of accounts that hold their rent already and were compared with their second derivation."""
    chain = wallet.params.chain

    def derive(index: int) -> Address:
        if index >= given.deposit_limit:
            raise LimitExceeded(
                f"{chain.id}: all {given.deposit_limit} deposit accounts are given out; open more first",
                limit=given.deposit_limit,
            )
        return wallet.deposit_address(index)

    def cross_check(index: int, address: Address) -> None:
        wallet.verify_deposit_address(index, address)
        verify_frost_deposits(node, wallet, [index])

    return AddressDesk(chain.id, derive, cross_check, given.deposits)
