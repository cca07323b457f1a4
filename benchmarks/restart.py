"""A restart with 100,000 open withdrawals: repair against the ledger's notes, then the pipeline's first step.

    python -m benchmarks.restart [--open 100000] [--json]

The store is real SQLite on disk, and so are notes, decisions and intents. Ledger, node and signers are stand-ins of a
few lines, so the figures are those of reading, comparing and deciding, not of a journal or of a chain: the node does
not answer, and the signers remember nothing. One in ten requests is new, one in ten is approved, the rest waits for
people: what an outage of the approvers leaves behind.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from sqlalchemy import insert

from benchmarks.addresses import origin
from custody.chains.utxo.codec import UtxoCodec
from custody.chains.utxo.params import BITCOIN_REGTEST
from custody.chains.utxo.wallet import RECEIVE, UtxoWallet
from custody.compliance.sanctions import SanctionsList
from custody.keys.material import Release
from custody.keys.quorum import Roster
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.errors import NodeUnavailable
from custody.primitives.ids import CustomerId, Digest, IdempotencyKey
from custody.primitives.intent import TransferIntent
from custody.primitives.secret import Secret
from custody.store.database import open_database
from custody.store.seals import Seals, sealed
from custody.store.withdrawal_rows import withdrawal_row
from custody.store.withdrawal_tables import WithdrawalRow
from custody.store.withdrawals import SqlWithdrawalStore
from custody.withdrawals.facts import Ask, Circumstances, Destination, DestinationKind, Kind, Tier
from custody.withdrawals.gates.house import HouseGates
from custody.withdrawals.gates.rules import GateRules
from custody.withdrawals.lanes import Lane, Lanes, Member
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.records import HoldState, Withdrawal
from custody.withdrawals.request import CheckedRequest
from custody.withdrawals.rules import Decision, Effect, Group, Match, Outcome, Policy, Rule
from custody.withdrawals.service import ServiceParts, WithdrawalService
from custody.withdrawals.states import WithdrawalState

GOAL_S = 10
SEALS = Seals(*(Secret(bytes([number]) * 32) for number in (1, 2, 3)))
NOW_S = 1_800_000_000
BATCH = 5_000
PLACES = 100
ASSET = BITCOIN_REGTEST.asset
GROUP = Group("officers", frozenset({"ann", "bob"}), 2)


class StandIn:
    """Everything around the store: it answers at once, or not at all."""

    chain = BITCOIN_REGTEST.chain

    def __init__(self, requests: Sequence[CheckedRequest]) -> None:
        self.name = "stand-in"
        self._notes = [each.note() for each in requests]
        rule = Rule("all", Effect.PERMIT, Match(kinds=frozenset({Kind.CUSTOMER})), groups=(GROUP,))
        self._policy = Policy(1, (rule,), {ASSET.chain: 10_000})

    def open_notes(self) -> Iterator[bytes]:
        yield from self._notes

    def releases(self, after: int) -> Sequence[Release]:
        del after
        return ()

    def spendable(self, reserved: object) -> object:
        del reserved
        raise NodeUnavailable("stand-in: no node")

    def active(self, now_s: int) -> Policy:
        del now_s
        return self._policy

    def roster(self) -> Roster:
        return Roster(())

    def gather(self, ask: Ask) -> Circumstances:
        return Circumstances(ask.customer, 0, Tier.HOT, Destination(DestinationKind.ONE_TIME))

    def require_closed(self, asset: Asset, lane: str) -> None:
        del asset, lane


def requests_to(wallet: UtxoWallet, count: int) -> list[CheckedRequest]:
    """Requests of many customers."""
    places = [wallet.address(RECEIVE, index) for index in range(PLACES)]
    return [
        CheckedRequest(
            kind=Kind.CUSTOMER,
            customer=CustomerId(f"customer-{number % 9_973}"),
            initiator=f"customer-{number % 9_973}",
            to=places[number % PLACES],
            amount=Amount(10_000 + number, ASSET),
            memo="",
            idempotency_key=IdempotencyKey(f"key-{number}"),
            requested_at_ms=NOW_S * 1_000 + number,
        )
        for number in range(count)
    ]


def record(number: int, asked: CheckedRequest) -> Withdrawal:
    """The row of a request: new, approved, or waiting for people."""
    outcome = Outcome.ALLOW if number % 10 == 1 else Outcome.APPROVE
    groups = () if outcome is Outcome.ALLOW else (GROUP,)
    fresh = Withdrawal(
        *(asked.id, asked.kind, asked.customer, asked.initiator, asked.to, asked.amount, asked.memo),
        *(asked.idempotency_key, asked.content_hash, asked.salt, asked.requested_at_ms),
        state=WithdrawalState.HELD,
        moved_at_ms=asked.requested_at_ms,
        version=1,
        hold=HoldState.HELD,
    )
    if number % 10 == 0:
        return fresh
    fee_max, expires_at_s = Amount(10_000, ASSET), NOW_S + 86_400
    return replace(
        fresh,
        state=WithdrawalState.AWAITING_APPROVAL if groups else WithdrawalState.APPROVED,
        source=Tier.HOT,
        decision=Decision(outcome, 1, NOW_S, groups, ("all",), (), Digest(bytes(32))),
        intent=TransferIntent(asked.id, asked.to, asked.amount, fee_max, "", 1, asked.salt, expires_at_s),
    )


def fill(url: str, requests: Sequence[CheckedRequest]) -> None:
    """Write the rows, many at a time."""
    engine = open_database(url)
    SqlWithdrawalStore(engine, AssetBook([ASSET]), SEALS)
    dumped = [
        sealed(withdrawal_row(record(number, asked)).model_dump(), SEALS) for number, asked in enumerate(requests)
    ]
    for start in range(0, len(dumped), BATCH):
        with engine.begin() as connection:
            connection.execute(insert(WithdrawalRow), dumped[start : start + BATCH])
    engine.dispose()


def restart(url: str, wallet: UtxoWallet, around: Any) -> dict[str, Any]:
    """Open everything as at a start; seconds by part, and what the first step moved."""
    started = time.perf_counter()
    store = SqlWithdrawalStore(open_database(url), AssetBook([ASSET]), SEALS)
    keys = wallet.public_cosigner_keys(RECEIVE, 0)
    members = tuple(Member(around, key) for key in keys)
    lane = Lane("hot", Tier.HOT, ASSET, UtxoCodec(wallet), around, (around,), members, wallet.threshold)
    lanes = Lanes([lane])
    service = WithdrawalService(ServiceParts(store, around, around, AssetBook([ASSET]), lanes, {}))
    count = service.recover(NOW_S * 1_000)
    recovered = time.perf_counter()
    screening = SanctionsList("none", ())
    gates = HouseGates(around, GateRules(first_proof_due_s=NOW_S))
    parts = PipelineParts(store, around, around, around, screening, around, lanes, lambda: NOW_S * 1_000, gates=gates)
    progress = Pipeline(parts).step(NOW_S)
    stepped = time.perf_counter()
    moved = Counter(each.after for each in progress if each.before != each.after)
    seconds = {"recover": round(recovered - started, 2), "first step": round(stepped - recovered, 2)}
    return {"notes": count, "seconds": seconds, "moved": dict(moved)}


def main() -> int:
    """Fill, restart, compare with the goal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--open", type=int, default=100_000)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    wallet = UtxoWallet("hot", BITCOIN_REGTEST, 2, tuple(origin(number) for number in (1, 2, 3)))
    requests = requests_to(wallet, options.open)
    with tempfile.TemporaryDirectory(prefix="mext-bench-") as folder:
        url = f"sqlite:///{Path(folder) / 'custody.db'}"
        fill(url, requests)
        found = restart(url, wallet, cast("Any", StandIn(requests)))
    took_s = sum(found["seconds"].values())
    held = took_s <= GOAL_S and found["notes"] == options.open and bool(found["moved"])
    if options.json:
        print(json.dumps({"open": options.open, **found, "goal_s": GOAL_S, "goal_held": held}))
        return 0
    for name, seconds in found["seconds"].items():
        print(f"{name:<12} {seconds:>7.2f} s with {options.open:,} open withdrawals")
    print(f"the first step moved {found['moved']}")
    print(f"goal: at work again within {GOAL_S} s: {'held' if held else 'MISSED'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
