"""Refill requests of an installation: who may approve them, where they go, and the loop that follows them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

from custody.keys.quorum import Roster
from custody.wallets.refills import RefillLimits
from exchange.app.custody_room import CustodyRoom
from exchange.app.worker import Loop
from exchange.settlement.refilling import RefillDesk, RefillParts, RefillPlace
from exchange.settlement.treasury import TreasuryDesk

REFILL_INTERVAL_S = 2.0
MOST_A_DAY = 4
MOST_PPM = 20_000
"""In 24 hours at most as much as may lie outside cold at all."""
BASE_QUORUM = 2
PER_STEP = 2
"""The first two refills of a day need two people, the next two three; then people must find out where it goes."""


def open_refills(custody: CustodyRoom, treasury: TreasuryDesk) -> RefillDesk:
    """Put the desk together, for every asset with a warm wallet."""
    places = {
        part.native.symbol: RefillPlace(part.native, part.hot_address)
        for part in custody.parts
        if part.warm is not None
    }
    return RefillDesk(
        RefillParts(
            store=custody.stores.refills,
            service=custody.service,
            planner=custody.planner,
            treasury=treasury,
            places=places,
            limits=lambda: limits_of(custody.policies.roster()),
            now_ms=lambda: time.time_ns() // 1_000_000,
        )
    )


def limits_of(roster: Roster) -> RefillLimits:
    """What a day allows among these people: the same person under two names counts once."""
    people = len(roster.people)
    return RefillLimits(MOST_A_DAY, MOST_PPM, min(BASE_QUORUM, people), people, PER_STEP)


def refill_loops(custody: CustodyRoom, desk: RefillDesk) -> Iterator[Loop]:
    """One loop an asset: a silent node of one chain delays no other."""
    for part in custody.parts:
        if part.warm is not None:
            symbol = part.native.symbol
            yield Loop(f"refills {symbol}", REFILL_INTERVAL_S, partial(desk.step, symbol))
