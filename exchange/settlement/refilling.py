"""Refills carried out: a wallet below its level becomes a request, the request a move, the move an end.

Rules:
    * From warm to hot the service asks for the move itself and any officer may approve it; people, policy, signers
      and conflict key are those of every withdrawal, and the request's quorum comes on top of the policy's.
    * From cold nothing is asked of any process: people bring the coins with keys that are not online, and the
      request is done once the coins are seen in the warm wallet.
    * The recorded stock says when to look; what is asked for follows from the chain as it is then. A record that is
      a second old must not ask for coins that have just arrived.
    * A refill that no quorum may allow any more is a problem on the status page as long as the wallet is short.

Example:
    desk = RefillDesk(RefillParts(store, service, planner, treasury, places, limits, now_ms))
    desk.step("BTC")
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.errors import InvalidInput, NotFound, Refused
from custody.primitives.ids import IdempotencyKey, WithdrawalId
from custody.wallets.refill_requests import NO_QUORUM, Need, RefillRequest, RefillState, RefillStore, next_request
from custody.wallets.refills import RefillLimits, RefillStopped
from custody.wallets.treasury import PPM
from custody.wallets.treasury_moves import Purpose, Stock, TierMove, TreasuryPlan
from custody.withdrawals.facts import Tier
from custody.withdrawals.request import TREASURY, WithdrawalRequest, move_id
from custody.withdrawals.service import WithdrawalService
from custody.withdrawals.states import WithdrawalState
from exchange.settlement.treasury import Planner, TreasuryDesk

PEOPLE_WAIT_S = 3 * 86_400
"""How long people have to bring coins from cold before the request is raised anew."""
SEEN_PPM = 990_000
"""Coins from cold count as seen from here: fees of what left the warm wallet meanwhile are missing in its balance."""
_STANDS = {
    WithdrawalState.APPROVED: RefillState.APPROVED,
    WithdrawalState.AWAITING_LIQUIDITY: RefillState.APPROVED,
    WithdrawalState.ASSIGNED: RefillState.MOVING,
    WithdrawalState.SIGNED: RefillState.MOVING,
    WithdrawalState.BROADCASTING: RefillState.MOVING,
    WithdrawalState.BROADCAST: RefillState.MOVING,
    WithdrawalState.MINED: RefillState.MOVING,
    WithdrawalState.FINAL: RefillState.MOVING,
    WithdrawalState.NEEDS_REVIEW: RefillState.MOVING,
    WithdrawalState.SETTLED: RefillState.DONE,
    WithdrawalState.REJECTED: RefillState.REFUSED,
    WithdrawalState.CANCELLED: RefillState.REFUSED,
    WithdrawalState.REFUNDED: RefillState.REFUSED,
    WithdrawalState.EXPIRED: RefillState.EXPIRED,
}
"""Where the move stands is where the request stands; before people agreed it is open."""


@dataclass(frozen=True, slots=True)
class RefillPlace:
    """An asset whose hot wallet can be refilled, and where that receives."""

    asset: Asset
    hot: Address


@dataclass(frozen=True, slots=True)
class RefillParts:
    """What the desk works with.

    Attributes:
        store: Requests.
        service: Takes the moves.
        planner: Knows the bands.
        treasury: Knows what the tiers hold by the chain, and which moves are on their way.
        places: By symbol.
        limits: What a day allows, by the people of now.
        now_ms: Milliseconds since 1970 UTC.
    """

    store: RefillStore
    service: WithdrawalService
    planner: Planner
    treasury: TreasuryDesk
    places: Mapping[str, RefillPlace]
    limits: Callable[[], RefillLimits]
    now_ms: Callable[[], int]


class RefillDesk:
    """Raises requests and follows them."""

    def __init__(self, parts: RefillParts) -> None:
        self._parts = parts
        self._store = parts.store

    def requests(self, symbol: str | None = None) -> Sequence[RefillRequest]:
        """All requests, or those of an asset, oldest first."""
        return self._store.requests(symbol)

    def step(self, symbol: str) -> None:
        """Follow the open requests of an asset, then raise what is missing.

        Raises:
            RefillStopped: The wallet is short, and nobody may refill it any more today.
            NodeUnavailable: A node does not answer; call again.
        """
        for request in self._store.requests(symbol):
            if request.is_open:
                self._follow(request)
        self._raise(self._parts.places[symbol])

    def _raise(self, place: RefillPlace) -> None:
        symbol, now_s = place.asset.symbol, self._now_s()
        if not _refills(self._parts.planner.recorded(place.asset, now_s)):
            return
        if any(move.to != place.hot for move in self._parts.treasury.open_moves(symbol)):
            return  # a sweep is on its way: what the tiers hold is not what they will hold
        held = self._parts.treasury.holdings(symbol)
        stock = Stock(held.hot.units, held.warm.units, held.cold.units)
        for move in _refills(self._parts.planner.plan(place.asset, stock, held.owed.units, now_s)):
            level = stock.hot if move.destination is Tier.HOT else stock.warm
            need = Need(symbol, move, held.owed.units, level)
            request = next_request(need, self._store.requests(symbol), self._parts.limits(), now_s)
            if request is not None:
                self._open(request)
            self._require_not_stopped(symbol, move)

    def _open(self, request: RefillRequest) -> None:
        """Put the request on record, then ask for its move: a crash in between is repaired when it is followed."""
        if request.is_open and request.source is Tier.WARM:
            request = replace(request, withdrawal_id=move_id(IdempotencyKey(request.id)))
        self._store.add(request)
        if request.withdrawal_id:
            self._ask(request)

    def _ask(self, request: RefillRequest) -> None:
        place = self._parts.places[request.symbol]
        amount = Amount(request.units, place.asset).text()
        key = IdempotencyKey(request.id)
        asked = WithdrawalRequest(TREASURY, request.symbol, place.hot.text, amount, memo="", idempotency_key=key)
        try:
            self._parts.service.request_refill(asked, self._parts.now_ms())
        except (InvalidInput, Refused) as error:
            self._store.save(request.moved(RefillState.REFUSED, self._now_s(), error.message))

    def _require_not_stopped(self, symbol: str, move: TierMove) -> None:
        same = [each for each in self._store.requests(symbol) if each.destination is move.destination]
        if same and not same[-1].is_open and same[-1].quorum == NO_QUORUM:
            raise RefillStopped(f"{symbol} to {move.destination}: {same[-1].note}", asset=symbol)

    def _follow(self, request: RefillRequest) -> None:
        if not request.withdrawal_id:
            self._follow_people(request)
            return
        try:
            move = self._parts.service.get(WithdrawalId(request.withdrawal_id))
        except NotFound:
            self._ask(request)
            return
        state, note = _STANDS.get(move.state, RefillState.OPEN), move.reason
        if (state, note) != (request.state, request.note):
            self._store.save(request.moved(state, self._now_s(), note))

    def _follow_people(self, request: RefillRequest) -> None:
        now_s = self._now_s()
        warm = self._parts.treasury.holdings(request.symbol).warm.units
        left = sum(
            each.units
            for each in self._store.requests(request.symbol)
            if each.source is request.destination
            and each.state is RefillState.DONE
            and each.moved_at_s >= request.raised_at_s
        )
        came = warm + left - request.level
        if came >= request.units * SEEN_PPM // PPM:
            self._store.save(request.moved(RefillState.DONE, now_s))
        elif now_s >= request.raised_at_s + PEOPLE_WAIT_S:
            self._store.save(request.moved(RefillState.EXPIRED, now_s, "nobody brought the coins in time"))

    def _now_s(self) -> int:
        return self._parts.now_ms() // 1_000


def _refills(plan: TreasuryPlan | None) -> tuple[TierMove, ...]:
    return () if plan is None else tuple(move for move in plan.moves if move.purpose is Purpose.REFILL)
