"""The parts of Solana: SPL multisig vaults; deposit accounts belong to the multisig, so nothing is swept.

The hot wallet may instead be a FROST group's native address: the blueprint's `mechanism` says which.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial

from custody.chains.solana.broadcaster import SplBroadcaster
from custody.chains.solana.codec import SplCodec
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.reader import SplReader
from custody.chains.solana.setup import verify_deposits, verify_node, verify_wallet
from custody.chains.solana.wallet import SplWallet
from custody.keys.crosscheck import crosscheck_solana
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.errors import LimitExceeded
from custody.wallets.addresses import AddressDesk
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane
from exchange.app.chain_parts import ChainParts, Ingredients, TokenTier
from exchange.app.frost import frost_parts
from exchange.app.reserve_sources import SplReserves, TierReader
from exchange.app.wallets import is_frost, spl_wallet


def solana_parts(given: Ingredients) -> ChainParts:
    """Build the parts.

    Raises:
        VerificationFailed: The node is on another network, or the accounts differ from the registration.
        CrossCheckFailed: A second library writes a member's address differently.
        NodeUnavailable: The node does not answer.
        InvalidBlueprint: The hot wallet names an unknown mechanism.
    """
    if is_frost(given.hot):
        return frost_parts(given)
    hot, cold = spl_wallet(given.hot), spl_wallet(given.cold)
    node = SolanaNode(given.rpc())
    verify_node(node, hot)
    for wallet in (hot, cold):
        for member in wallet.members:
            crosscheck_solana(member.key, member.text)
        verify_wallet(node, wallet)
    chain, native = hot.params.chain, hot.params.native
    reader = SplReader(hot, node, funded=lambda: range(given.deposits.next_index(chain.id)))
    cold_reader = SplReader(cold, node, funded=tuple)
    keys = {member.signer: key.key for member, key in zip(given.hot.members, hot.members, strict=True)}
    lane = Lane(
        hot.id,
        Tier.HOT,
        native,
        SplCodec(hot),
        reader,
        (SplBroadcaster(node),),
        given.members(keys),
        hot.threshold,
        (given.signers[given.sender],),
        fixes_signers=True,
        destinations=reader,
    )

    def tier_of(asset: Asset) -> TokenTier:
        """What hot holds of an asset, deposit accounts included, and what cold holds."""
        to_hot, to_cold = hot.receive_address(asset), cold.receive_address(asset)
        return TokenTier(
            asset, lambda: _held(reader, asset), lambda: cold_reader.balance(to_cold, asset), to_hot, to_cold
        )

    coin = tier_of(native)

    return ChainParts(
        *(chain, native, given.chain.evidence, lane, reader),
        _desk(given, hot, node),
        *(coin.hot_address, coin.cold_address, coin.hot, coin.cold),
        SplReserves(
            [(TierReader(hot.id, "hot"), hot), (TierReader(cold.id, "cold"), cold)],
            node,
            lambda: given.deposits.next_index(chain.id),
        ),
        tokens=tuple(tier_of(token) for token in hot.tokens),
        token_places=lambda index: _token_places(hot, index),
        watch=partial(_watch, node, (hot, cold)),
    )


def _watch(node: SolanaNode, wallets: Iterable[SplWallet]) -> None:
    """Compare the wallets on chain with their registration."""
    for wallet in wallets:
        verify_wallet(node, wallet)


def _held(reader: SplReader, asset: Asset) -> Amount:
    sources = reader.spendable(frozenset()).sources
    return Amount(sum(source.units for source in sources if source.asset == asset), asset)


def _token_places(hot: SplWallet, index: int) -> dict[str, Address]:
    """A token's account is another one than the coin's: each derived twice before it is shown."""
    places = {token: hot.deposit_address(index, token) for token in hot.tokens}
    for token, place in places.items():
        hot.verify_deposit_address(index, place, token)
    return {token.symbol: place for token, place in places.items()}


def _desk(given: Ingredients, hot: SplWallet, node: SolanaNode) -> AddressDesk:
    """Addresses of accounts that stand on chain already and were compared with their second derivation."""
    chain = hot.params.chain

    def derive(index: int) -> Address:
        if index >= given.deposit_limit:
            raise LimitExceeded(
                f"{chain.id}: all {given.deposit_limit} deposit accounts are given out; open more first",
                limit=given.deposit_limit,
            )
        return hot.deposit_address(index)

    def cross_check(index: int, address: Address) -> None:
        hot.verify_deposit_address(index, address)
        verify_deposits(node, hot, [index])

    return AddressDesk(chain.id, derive, cross_check, given.deposits)
