"""The gates about the house, judged once a second for each wallet and asset, whatever is paid in that second.

Rules:
    * What a source could not tell is remembered for the same second: a closed gate costs no more than an open one.
    * Threads share it: each chain is paid in a thread of its own.

Example:
    gates = HouseGates(evidence, rules)
    gates.wallet(Layer.KEYS, lane, now_ms)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import TypeVar

from custody.primitives.asset import Asset
from custody.primitives.errors import InvariantBroken, ToolkitError
from custody.primitives.ids import WithdrawalId
from custody.withdrawals.gates.evidence import (
    BooksEvidence,
    Evidence,
    HouseEvidence,
    Layer,
    MonitorEvidence,
)
from custody.withdrawals.gates.judging import GateResult, Moment, closed, judge
from custody.withdrawals.gates.rules import GateRules
from custody.withdrawals.lanes import AnyLane

E = TypeVar("E")
MOST_KEPT = 1_024
"""Answers kept: more wallets and assets than any installation has."""


class HouseGates:
    """Asks the house, and remembers the answers for a second."""

    def __init__(self, evidence: HouseEvidence, rules: GateRules) -> None:
        self._evidence = evidence
        self.rules = rules
        self._kept: dict[Hashable, tuple[int, object]] = {}

    def moment(self, now_ms: int) -> Moment:
        """Return the limits at a time, milliseconds since 1970 UTC."""
        return Moment(self.rules, now_ms)

    def keys(self, lane: AnyLane, now_ms: int) -> GateResult:
        """Judge layer 1 of a wallet."""
        return self._judged(Layer.KEYS, (lane.chain, lane.wallet_id), now_ms, lambda: self._evidence.keys(lane))

    def contracts(self, lane: AnyLane, now_ms: int) -> GateResult:
        """Judge layer 7 of a wallet."""
        place = (lane.chain, lane.wallet_id)
        return self._judged(Layer.CONTRACTS, place, now_ms, lambda: self._evidence.contract(lane))

    def proof(self, asset: Asset, now_ms: int) -> GateResult:
        """Judge layer 9 of an asset."""
        return self._judged(Layer.PROOF, asset.key, now_ms, lambda: self._evidence.proof(asset))

    def monitor(self, lane: AnyLane, now_ms: int) -> MonitorEvidence:
        """Return the evidence of layer 8, which the breaker is added to at every payment.

        Raises:
            ToolkitError: Nobody can tell.
        """
        place = (Layer.MONITORING, lane.chain, lane.wallet_id)
        return self._answer(place, now_ms, lambda: self._evidence.monitor(lane))

    def books(self, asset: Asset, now_ms: int) -> BooksEvidence:
        """Return what layer 6 needs of chain and books.

        Raises:
            ToolkitError: Nobody can tell.
        """
        return self._answer((Layer.LEDGER, asset.key), now_ms, lambda: self._evidence.books(asset))

    def hold_note(self, withdrawal_id: WithdrawalId) -> bytes | None:
        """Return the note of an open hold; never remembered.

        Raises:
            ToolkitError: Nobody can tell.
        """
        return self._evidence.hold_note(withdrawal_id)

    def note_passed(self, payment_id: str, now_ms: int) -> None:
        """Note that a payment passed all nine gates now, and that its receipts are written."""
        self.once(("passed", payment_id), now_ms, lambda: True)

    def has_passed(self, payment_id: str, now_ms: int) -> bool:
        """Tell whether a payment passed all nine gates in this second."""
        kept = self._kept.get(("passed", payment_id))
        return kept is not None and kept[0] == now_ms // 1_000

    def once(self, place: Hashable, now_ms: int, make: Callable[[], E]) -> E:
        """Return what was made for this place in this second, or make it."""
        second = now_ms // 1_000
        kept = self._kept.get(place)
        if kept is not None and kept[0] == second:
            return kept[1]  # type: ignore[return-value]  # one place always holds one type
        if len(self._kept) >= MOST_KEPT:
            self._kept.clear()
        made = make()
        self._kept[place] = (second, made)
        return made

    def _judged(self, layer: Layer, place: Hashable, now_ms: int, ask: Callable[[], Evidence]) -> GateResult:
        return self.once((layer, place), now_ms, lambda: judged(layer, ask, self.moment(now_ms)))

    def _answer(self, place: Hashable, now_ms: int, ask: Callable[[], E]) -> E:
        found = self.once(place, now_ms, lambda: _asked(ask))
        if isinstance(found, ToolkitError):
            raise found
        return found


def judged(layer: Layer, ask: Callable[[], Evidence], moment: Moment) -> GateResult:
    """Gather and judge; what cannot be gathered closes the gate."""
    try:
        found = ask()
    except InvariantBroken:
        raise
    except ToolkitError as error:
        return closed(layer, error, moment)
    return judge(layer, found, moment)


def _asked(ask: Callable[[], E]) -> E | ToolkitError:
    try:
        return ask()
    except InvariantBroken:
        raise
    except ToolkitError as error:
        return error
