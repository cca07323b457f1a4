"""Does a service's work on a stopped installation, and kills itself at a chosen moment: for crash tests.

Standard input: {"home", "moment", ...}. The moments:

    "before_broadcast", "after_broadcast"   approve {"withdrawal", "approvals"}, work on, and die right before or
                                            right after the node of {"chain"} has got the bytes, with nothing
                                            recorded since
    "after_hold"                            journal the hold of {"request"} and die before custody's row exists
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

from custody.primitives.approval import Approval, Verdict
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.ids import Digest
from custody.withdrawals.request import WithdrawalRequest
from exchange.app.blueprint import load_blueprint
from exchange.app.chain_parts import ChainParts
from exchange.app.core import Core
from exchange.app.custody_room import CustodyRoom, connect_chains, open_custody, open_stores
from exchange.app.home import Home
from exchange.app.sealing import open_seals
from exchange.settlement.scale import AssetScale, ScaleBook

MAX_STEPS = 300
STEP_PAUSE_S = 0.1


class DeadlyBroadcaster:
    """Sends for real, and ends the process without a chance to write anything."""

    def __init__(self, real: Any, *, after: bool) -> None:
        self._real = real
        self._after = after

    def broadcast(self, tx: Any) -> NoReturn:
        if self._after:
            self._real.broadcast(tx)
        die()


def die() -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise SystemExit("a dead process does not come here")


def deadly(part: ChainParts, moment: str) -> ChainParts:
    after = moment == "after_broadcast"
    broadcasters = tuple(DeadlyBroadcaster(each, after=after) for each in part.lane.broadcasters)
    return replace(part, lane=replace(part.lane, broadcasters=broadcasters))


def open_room(home: Home, moment: str, chain: str) -> CustodyRoom:
    """Custody as the service opens it, but for the last step of sending on one chain."""
    blueprint = load_blueprint(home.blueprint)
    core = Core.open(home, time.time_ns)
    scales = ScaleBook(
        AssetScale(Asset(a.symbol, a.decimals, ChainId(a.chain), a.contract), a.number, a.exponent)
        for a in blueprint.assets
    )
    stores = open_stores(home, scales, open_seals(home))
    connected = connect_chains(home, blueprint, stores)
    parts = tuple(deadly(part, moment) if part.chain.id == chain else part for part in connected)
    return open_custody(home, blueprint, core, scales, (parts, stores))


def tell_gates(room: CustodyRoom, home: Home) -> None:
    """Say what the background work of a whole service would: no other loop runs in this process."""
    now_s = time.time_ns() // 10**9
    home.lease.touch()
    room.heads.step(now_s)
    for part in room.parts:
        room.notes.note_books(part.native.symbol, now_s, 0)
        room.notes.note_contracts(part.chain.id, now_s, "")


def approval(given: dict[str, Any]) -> Approval:
    return Approval(
        Digest(bytes.fromhex(given["intent_hash"])),
        given["approver"],
        Verdict(given["verdict"]),
        given["at_s"],
        bytes.fromhex(given["signature"]),
    )


def main() -> None:
    order = json.load(sys.stdin)
    room = open_room(Home(Path(order["home"])), order["moment"], order.get("chain", ""))
    now_ms = time.time_ns() // 1_000_000
    if order["moment"] == "after_hold":
        checked = room.service.prepare(WithdrawalRequest(**order["request"]), now_ms)
        room.ledger.hold(checked.id, checked.customer, checked.amount, checked.note())
        die()
    for given in order["approvals"]:
        room.service.approve(order["withdrawal"], approval(given), now_ms)
    for _ in range(MAX_STEPS):
        tell_gates(room, Home(Path(order["home"])))
        for progress in room.pipeline.step(time.time_ns() // 1_000_000_000):
            sys.stderr.write(f"{progress}\n")
        time.sleep(STEP_PAUSE_S)
    raise SystemExit("nothing was ever sent")


if __name__ == "__main__":
    main()
