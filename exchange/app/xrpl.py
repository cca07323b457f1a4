"""The parts of the XRP Ledger: one account for everybody, customers told apart by tags, so nothing is swept."""

from __future__ import annotations

from custody.chains.xrpl.broadcaster import XrplBroadcaster
from custody.chains.xrpl.codec import XrplCodec
from custody.chains.xrpl.node import XrplNode
from custody.chains.xrpl.reader import XrplReader
from custody.chains.xrpl.setup import verify_node, verify_wallet
from custody.chains.xrpl.tickets import TicketKeeper
from custody.chains.xrpl.wallet import XrplWallet
from custody.keys.crosscheck import crosscheck_xrpl
from custody.nodes.posting import Endpoint
from custody.nodes.rippled import RippledRpc
from custody.primitives.address import Address
from custody.primitives.errors import LimitExceeded
from custody.wallets.addresses import AddressDesk
from custody.wallets.memos import MemoDesk, TagCode
from custody.wallets.tags import number_of, tag_of
from custody.withdrawals.facts import Tier
from custody.withdrawals.lanes import Lane
from exchange.app.chain_parts import ChainParts, Ingredients
from exchange.app.reserve_sources import TierReader, XrplReserves
from exchange.app.wallets import account_key, xrpl_wallet
from exchange.app.xrpl_moves import TicketRecords

TAGS = TagCode(lambda number: str(tag_of(number)), number_of)


def xrpl_parts(given: Ingredients) -> ChainParts:
    """Build the parts.

    Raises:
        VerificationFailed: The node is on another network, or an account differs from its registration.
        CrossCheckFailed: A second library writes an address differently.
        NodeUnavailable: The node does not answer.
    """
    hot, cold = xrpl_wallet(given.hot), xrpl_wallet(given.cold)
    node = XrplNode(RippledRpc(Endpoint(given.chain.chain, given.chain.url)))
    verify_node(node, hot)
    for wallet in (hot, cold):
        for member in wallet.members:
            crosscheck_xrpl(member.key, member.account)
        verify_wallet(node, wallet)
    chain, native = hot.params.chain, hot.params.native
    reader = XrplReader(hot, node)
    keys = {member.signer: key.key for member, key in zip(given.hot.members, hot.members, strict=True)}
    codec = XrplCodec(hot)
    lane = Lane(
        hot.id,
        Tier.HOT,
        native,
        codec,
        reader,
        (XrplBroadcaster(node),),
        given.members(keys),
        hot.threshold,
        destinations=reader,
    )
    members = [member.signer for member in lane.members]
    keeper = TicketKeeper(codec, reader, lane.broadcasters[0], members, TicketRecords(given.records.sweeps, chain))

    def watch() -> None:
        for wallet in (hot, cold):
            verify_wallet(node, wallet)

    return ChainParts(
        chain,
        native,
        given.chain.evidence,
        lane,
        reader,
        _desk(given, hot),
        hot.address,
        cold.address,
        lambda: reader.balance(hot.address, native),
        lambda: reader.balance(cold.address, native),
        XrplReserves([(TierReader(hot.id, "hot"), hot), (TierReader(cold.id, "cold"), cold)], node),
        upkeep=lambda: keeper.step(given.records.withdrawals.reserved(chain.id)),
        watch=watch,
        fee_paid=lambda signed: signed.fee_max,
        memos=MemoDesk(hot.address, TAGS, given.memos),
    )


def _desk(given: Ingredients, hot: XrplWallet) -> AddressDesk:
    """The one address, once: every further customer needs a tag of his own (`custody.wallets.tags`)."""

    def derive(index: int) -> Address:
        if index:
            raise LimitExceeded(f"{hot.id} has one address; further customers are told apart by tags", limit=1)
        return hot.address

    def cross_check(_index: int, address: Address) -> None:
        crosscheck_xrpl(account_key(given.hot), address.text)

    return AddressDesk(hot.params.chain.id, derive, cross_check, given.deposits)
