"""The parts of Tron: hot and cold account, tokens, deposit accounts that are swept into the hot one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from custody.chains.tron.broadcaster import TronBroadcaster
from custody.chains.tron.codec import TronCodec
from custody.chains.tron.node import TronNode
from custody.chains.tron.reader import TronReader
from custody.chains.tron.setup import verify_tokens, verify_wallet
from custody.chains.tron.wallet import TronWallet
from custody.keys.crosscheck import crosscheck_tron
from custody.nodes.posting import Endpoint
from custody.nodes.tron import TronHttp
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.errors import NodeUnavailable
from custody.wallets.addresses import AddressDesk
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane
from exchange.app.chain_parts import ChainParts, Ingredients, TokenTier
from exchange.app.gas_station import station_of
from exchange.app.reserve_sources import TierReader, TronReserves
from exchange.app.tron_moves import DAILY_LOAN_SUN, TronMoves
from exchange.app.wallets import tron_wallet


def tron_parts(given: Ingredients) -> ChainParts:
    """Build the parts.

    Raises:
        WrongNetwork: The node is of another network.
        CrossCheckFailed: A second library derives another address of a member.
        TronAccountChanged: Permissions differ from the registration.
        TokenDiffers: A listed token is none, or has other decimals.
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
    chain, native = hot.params.chain, hot.params.native
    moves, accounts = TronMoves(reader, station_of(given, DAILY_LOAN_SUN)), _Accounts(reader, given)

    def watch() -> None:
        for wallet in (hot, cold):
            verify_wallet(node, wallet)

    return ChainParts(
        *(chain, native, given.chain.evidence, lane, reader),
        AddressDesk(chain.id, accounts.derive, accounts.cross_check, given.deposits),
        *(hot.address, cold.address),
        *accounts.balances_of(native, cold.address),
        TronReserves([(TierReader(hot.id, "hot"), hot), (TierReader(cold.id, "cold"), cold)], node, accounts.all),
        moves,
        given.signers[given.sender],
        tokens=tuple(
            TokenTier(token, *accounts.balances_of(token, cold.address), hot.address, cold.address)
            for token in hot.tokens
        ),
        lent_gas=moves.lent,
        watch=watch,
        fee_paid=reader.fee_paid,
    )


@dataclass(frozen=True, slots=True)
class _Accounts:
    """The deposit accounts of the hot wallet."""

    reader: TronReader
    given: Ingredients

    def derive(self, index: int) -> Address:
        branch = self.reader.wallet.deposits
        if branch is None:
            raise NodeUnavailable(f"{self.reader.chain.id}: no deposit accounts are configured")
        return Address(self.reader.chain.id, branch.address(index))

    def cross_check(self, index: int, address: Address) -> None:
        branch = self.reader.wallet.deposits
        if branch is not None:
            crosscheck_tron(branch.public_key(index), address.text)

    def all(self) -> list[Address]:
        return [self.derive(index) for index in range(self.given.deposits.next_index(self.reader.chain.id))]

    def balances_of(self, asset: Asset, cold: Address) -> tuple[Callable[[], Amount], Callable[[], Amount]]:
        """What hot holds, deposit accounts included, and what cold holds."""

        def hot_balance() -> Amount:
            total = self.reader.balance(self.reader.wallet.address, asset)
            return sum((self.reader.balance(account, asset) for account in self.all()), total)

        return hot_balance, lambda: self.reader.balance(cold, asset)


def _verify(node: TronNode, wallet: TronWallet) -> None:
    """Addresses against a second library, then account and tokens on chain against the registration."""
    crosscheck_tron(wallet.account_key, wallet.address.text)
    for member in wallet.members:
        crosscheck_tron(member.key, member.address)
    verify_wallet(node, wallet)
    verify_tokens(node, wallet)
