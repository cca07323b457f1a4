"""Governance seen from the exchange: the indexer as a source of listings, and the loop that acts on votes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from exchange.app.operator import Operator
from exchange.settlement.listings import ListingDesk, ListingView
from governance.contracts.listing_vote import ListingVote
from governance.indexer.indexer import Indexer
from governance.listing.state import Listing, ListingState

MEXT = Asset("MEXT", 18, ChainId("ethereum"))
_OPENING = (ListingState.APPROVED, ListingState.LISTED)


class IndexedListings:
    """Implements `exchange.settlement.listings.ListingSource` over the indexer.

    A proposal is about a token only if it names this chain and the code that stands there now: the same
    address elsewhere, or other code at it, is another asset.
    """

    def __init__(self, indexer: Indexer, votes: ListingVote, chain_id: int) -> None:
        self._indexer = indexer
        self._votes = votes
        self._chain_id = chain_id

    def approved_final(self) -> Iterable[str]:
        """Tokens whose approval is final and stands, oldest first."""
        return [listing.token.lower() for listing in self._indexer.approved() if self._is_ours(listing)]

    def approved_seen(self) -> Iterable[str]:
        """Tokens whose approval is in a block that may still be reorganised."""
        done = {listing.id for listing in self._indexer.approved()}
        now_s = self._indexer.tip_time_s()
        seen = (each for each in self._indexer.listings().all() if each.state(now_s) in _OPENING)
        return [each.token.lower() for each in seen if each.id not in done and self._is_ours(each)]

    def _is_ours(self, listing: Listing) -> bool:
        if listing.asset_chain_id != self._chain_id:
            return False
        return "0x" + self._votes.code_hash(listing.token).hex() == listing.code_hash

    def views(self, markets: Mapping[str, str]) -> Sequence[ListingView]:
        """All proposals, newest first."""
        now_s = self._indexer.tip_time_s()
        return [_view(each, now_s, markets) for each in reversed(self._indexer.listings().all())]


def _view(listing: Listing, now_s: int, markets: Mapping[str, str]) -> ListingView:
    return ListingView(
        id=listing.id,
        lane=listing.lane,
        state=listing.state(now_s).value,
        asset=listing.token,
        votes_for=Amount(listing.yes, MEXT).text(),
        votes_against=Amount(listing.no, MEXT).text(),
        market=markets.get(listing.token.lower(), ""),
    )


class GovernanceLoop:
    """Follows votes: reads blocks, finalizes what is ripe, opens markets, confirms them on chain."""

    def __init__(self, indexer: Indexer, desk: ListingDesk, operator: Operator) -> None:
        self._indexer = indexer
        self._desk = desk
        self._operator = operator

    def step(self) -> None:
        """Advance once.

        Raises:
            NodeUnavailable: The node does not answer; call again.
            CallReverted: The contract refuses a call of ours.
        """
        self._indexer.poll()
        now_s = self._indexer.tip_time_s()
        for listing in self._indexer.listings().all():
            self._operator.finalize(listing, now_s)
        self._desk.step()
        final = self._indexer.listings(final_only=True)
        seen = self._indexer.listings()
        for listing in final.all():
            is_confirmed = seen.get(listing.id).state(now_s) is not ListingState.APPROVED
            if listing.state(now_s) is ListingState.APPROVED and not is_confirmed and self._desk.opened(listing.token):
                self._operator.confirm(listing.id)
