"""The background work of custody: which step runs in which loop, how often, and what calls it early.

Example:
    worker = Worker([*custody_loops(custody, board)])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

from custody.primitives.chain import Family
from custody.wallets.deposit_rules import DepositRules
from custody.wallets.scanner import DepositScanner
from custody.wallets.sweep import Sweeper
from exchange.app.audit_heads import HEADS_INTERVAL_S
from exchange.app.chain_parts import ChainParts
from exchange.app.checked_signers import missing_step
from exchange.app.custody_room import CustodyRoom, floors_of
from exchange.app.custody_steps import ChainBoard, guarded_step, noted_watch, pay_step, scan_step, sweep_step
from exchange.app.house_evidence import HouseNotes
from exchange.app.worker import Loop

SCAN_INTERVAL_S = 0.25
PIPELINE_INTERVAL_S = 0.05
PIPELINE_REST_S = 1.0
"""Changed records call the pipeline; what only time moves is seen this often."""
SLOW_INTERVAL_S = 1.0


def custody_loops(custody: CustodyRoom, board: ChainBoard) -> Iterator[Loop]:
    """The background work of custody."""
    deposits, sweeps = custody.stores.deposits, custody.stores.sweeps
    for part in custody.parts:
        siblings = [each.chain.id for each in custody.parts if each.chain.family is part.chain.family is Family.EVM]
        scanner = DepositScanner(
            part.source,
            deposits,
            custody.ledger,
            DepositRules(
                floors_of(part),
                custody.screening,
                memos=part.memos,
                own_places=part.own_places() if part.memos else frozenset(),
                siblings=tuple(each for each in siblings if each != part.chain.id),
                # A local chain is reorganised by its own tests; officers are asked where finality is touched.
                tolerated_reorg=part.chain.final_depth - 1,
                born_height=part.born_height,
            ),
        )
        yield Loop(part.chain.id, SCAN_INTERVAL_S, scan_step(scanner, deposits, board, _now_s))
        if part.sweeps is not None and part.sweep_signer is not None:
            sweeper = Sweeper(part.sweeps, sweeps, part.sweep_signer, part.lane.wallet_id)
            yield Loop(f"sweeps {part.chain.id}", SLOW_INTERVAL_S, sweep_step(sweeper, part.chain, deposits))
        for name, step in _tasks(part, custody.notes):
            yield Loop(f"{name} {part.chain.id}", SLOW_INTERVAL_S, guarded_step(step, part.chain, custody.breaker))
    yield Loop("audit heads", HEADS_INTERVAL_S, lambda: custody.heads.step(_now_s()))
    yield Loop("signers", SLOW_INTERVAL_S, missing_step(lane for part in custody.parts for lane in part.lanes()))
    yield Loop("fees", SLOW_INTERVAL_S, lambda: custody.fees.step(custody.parts))
    pipeline, chains = custody.pipeline, frozenset(custody.pipeline.chains)
    yield Loop("withdrawals", PIPELINE_INTERVAL_S, lambda: pipeline.decide(_now_s()), chains, PIPELINE_REST_S)
    for chain in pipeline.chains:
        step = pay_step(pipeline, chain, _now_s)
        yield Loop(f"payments {chain}", PIPELINE_INTERVAL_S, step, frozenset({chain}), PIPELINE_REST_S)


def _tasks(part: ChainParts, notes: HouseNotes) -> Iterator[tuple[str, Callable[[], object]]]:
    """What looks after the wallets of a chain, by name."""
    watch = None if part.watch is None else noted_watch(part.watch, part.chain, notes, _now_s)
    named = [("upkeep", part.upkeep), ("watch", watch), ("repair", part.repair)]
    for further in part.beside():
        name = further.lane.wallet_id
        named += [(f"upkeep of {name} on", further.upkeep), (f"repair of {name} on", further.repair)]
    yield from ((name, step) for name, step in named if step is not None)


def _now_s() -> int:
    return time.time_ns() // 10**9
