"""Deposits scanned per second, and random reorganisations without a wrong balance.

    python -m benchmarks.deposits [--blocks 100] [--per-block 100] [--schedules 10000] [--json]

The store is real SQLite: on disk for the rates (write-ahead log, synchronous=FULL), in memory for the schedules.
The chain is made up in memory and so is the ledger, so the figures are those of scanning, recording and moving
deposits, not of a node or of the books:

    scan        blocks read, deposits found among watched addresses and recorded
    credit      screening of one sender each, announcement, booking, both states saved
    schedules   payments, blocks, reorgs up to one less than final, steps, in random order (seeded); an error is a
                balance that differs from what the final main chain paid

Rules: wall time, since the disk decides; no figure unless every deposit ended final with its exact balance.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from multiprocessing import get_context
from pathlib import Path

from custody.chains.port import SeenDeposit
from custody.compliance.port import ScreeningAnswer, ScreeningQuestion, ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset, AssetBook
from custody.primitives.chain import BlockRef, Chain, ChainId, Family
from custody.primitives.ids import CustomerId, TxId
from custody.store.database import open_database
from custody.store.deposits import SqlDepositStore
from custody.wallets.deposit import Deposit, transfer_id
from custody.wallets.deposit_rules import DepositRules
from custody.wallets.scanner import DepositScanner

CUSTOMERS = 1_000
CREDIT_DEPTH, FINAL_DEPTH = 3, 8
SEED = 7
PART = 250
"""Schedules that share one database."""
NOW_S = 1_800_000_000


@dataclass
class MadeUpChain:
    """A chain in memory."""

    chain: Chain
    asset: Asset

    def __post_init__(self) -> None:
        self.blocks: list[BlockRef] = []
        self.paid: dict[str, tuple[SeenDeposit, ...]] = {}
        self.forks = 0
        self.mine(())

    def mine(self, payments: Sequence[tuple[str, Address, int]]) -> None:
        """Add a block with payments (txid, to, units)."""
        height = len(self.blocks)
        parent = self.blocks[-1].hash if self.blocks else ""
        block = BlockRef(self.chain.id, height, f"{height}-{self.forks}", parent)
        self.blocks.append(block)
        self.paid[block.hash] = tuple(
            SeenDeposit(TxId(txid), 0, to, Amount(units, self.asset), block, senders=(f"from-{txid}",))
            for txid, to, units in payments
        )

    def tip(self) -> BlockRef:
        """The newest block."""
        return self.blocks[-1]

    def block_at(self, height: int) -> BlockRef:
        """The block at a height."""
        return self.blocks[height]

    def deposits(self, watched: frozenset[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """Payments in a block."""
        return [each for each in self.paid[block.hash] if each.to.text in watched]

    def total(self) -> int:
        """What the main chain paid."""
        return sum(each.amount.units for block in self.blocks for each in self.paid[block.hash])


class Books:
    """A ledger in memory, idempotent by transfer id."""

    def __init__(self) -> None:
        self.done: set[int] = set()
        self.balance: Counter[str] = Counter()

    def credit(self, deposit: Deposit) -> None:
        """Credit once."""
        self._once(transfer_id(deposit, "credit"), deposit, deposit.amount.units)

    def reverse(self, deposit: Deposit) -> None:
        """Take back once."""
        self._once(transfer_id(deposit, "reversal"), deposit, -deposit.amount.units)

    def _once(self, key: int, deposit: Deposit, units: int) -> None:
        if key not in self.done:
            self.done.add(key)
            self.balance[deposit.customer] += units


class NobodyListed:
    """A screening that asks no list: the places of these chains are made up, and no list could hold them."""

    def screen(self, question: ScreeningQuestion) -> ScreeningAnswer:
        """Clear, always."""
        del question
        return ScreeningAnswer(ScreeningVerdict.CLEAR, "benchmark")


def a_chain(name: str) -> MadeUpChain:
    """A chain of its own, so that many share one database."""
    chain = Chain(ChainId(name), Family.UTXO, "regtest", f"bip122:{name}", CREDIT_DEPTH, FINAL_DEPTH)
    return MadeUpChain(chain, Asset("COIN", 8, chain.id))


def scan_rate(folder: Path, blocks: int, per_block: int) -> dict[str, int]:
    """Measure scanning and crediting."""
    chain = a_chain("scanned")
    store = SqlDepositStore(open_database(f"sqlite:///{folder}/scan.db"), AssetBook([chain.asset]))
    places = [Address(chain.chain.id, f"place-{n}") for n in range(CUSTOMERS)]
    for index, place in enumerate(places):
        store.add_address(place, CustomerId(f"customer-{index}"), index)
    for height in range(blocks):
        chain.mine([(f"t{height}-{n}", places[(height * per_block + n) % CUSTOMERS], 1_000) for n in range(per_block)])
    books, count = Books(), blocks * per_block
    # One set of rules that credits nothing yet, one that credits everything: each half is timed alone.
    shallow = replace(chain.chain, credit_depth=10**6, final_depth=10**6)
    rules = DepositRules({"COIN": 10}, NobodyListed())
    seconds = []
    for row in (shallow, chain.chain):
        chain.chain = row
        for _ in range(FINAL_DEPTH if row is not shallow else 0):
            chain.mine(())
        scanner = DepositScanner(chain, store, books, rules)
        started = time.perf_counter()
        while scanner.step(NOW_S).behind:
            pass
        seconds.append(time.perf_counter() - started)
    if sum(books.balance.values()) != chain.total() or {each.state.value for each in store.all()} != {"final"}:
        raise SystemExit("deposits: not every deposit is final with its balance; no figure")
    return {"deposits": count, "scan_per_s": int(count / seconds[0]), "credit_per_s": int(count / seconds[1])}


def schedules(count: int) -> dict[str, int]:
    """Play random schedules on every core and count wrong balances."""
    parts = [(first, min(PART, count - first)) for first in range(0, count, PART)]
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        errors, reorgs = map(sum, zip(*pool.map(_play_part, parts), strict=True))
    return {"schedules": count, "reorgs": reorgs, "errors": errors}


def _play_part(part: tuple[int, int]) -> tuple[int, int]:
    first, count = part
    rng, errors, reorgs = random.Random(SEED + first), 0, 0
    names = [f"chain-{n}" for n in range(count)]
    database = open_database("sqlite://")
    for name in names:
        chain = a_chain(name)
        store = SqlDepositStore(database, AssetBook([chain.asset]))
        place = Address(chain.chain.id, "place")
        store.add_address(place, CustomerId("ada"), 0)
        books = Books()
        rules = DepositRules({}, NobodyListed(), tolerated_reorg=FINAL_DEPTH - 1)
        scanner = DepositScanner(chain, store, books, rules)
        mempool: list[tuple[str, Address, int]] = []
        for number in range(rng.randrange(4, 16)):
            reorgs += _play(rng, chain, mempool, (place, number))
            if rng.random() < 0.6:
                scanner.step(NOW_S)
        for _ in range(FINAL_DEPTH):
            chain.mine(())
        scanner.step(NOW_S)
        scanner.step(NOW_S)
        errors += books.balance["ada"] != chain.total()
    return errors, reorgs


def _play(
    rng: random.Random, chain: MadeUpChain, mempool: list[tuple[str, Address, int]], at: tuple[Address, int]
) -> int:
    """Pay, or reorganise so that some of the payments come back."""
    place, number = at
    if rng.random() < 0.65 or len(chain.blocks) < 2:
        chain.mine([(f"t{number}", place, rng.randrange(1, 1_000))] + [mempool.pop() for _ in mempool[:1]])
        return 0
    depth = rng.randrange(1, min(FINAL_DEPTH, len(chain.blocks)))
    left = chain.blocks[-depth:]
    del chain.blocks[-depth:]
    chain.forks += 1
    for block in left:
        back = [(each.txid, each.to, each.amount.units) for each in chain.paid[block.hash]]
        mempool += [each for each in back if rng.random() < 0.5]
    for _ in range(depth + 1):
        chain.mine(())
    return 1


def main() -> int:
    """Run and print; exit status 1 if a schedule ended with a wrong balance."""
    parser = argparse.ArgumentParser(prog="benchmarks.deposits")
    parser.add_argument("--blocks", type=int, default=100)
    parser.add_argument("--per-block", type=int, default=100)
    parser.add_argument("--schedules", type=int, default=10_000)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mext-bench-") as name:
        found = scan_rate(Path(name), chosen.blocks, chosen.per_block) | schedules(chosen.schedules)
    if chosen.json:
        print(json.dumps(found))
    else:
        print("chain and ledger made up in memory, SQLite real")
        print(f"scan        {found['scan_per_s']:>8,} deposits/s   goal 1,000   ({found['deposits']:,} deposits)")
        print(f"credit      {found['credit_per_s']:>8,} deposits/s")
        print(f"schedules   {found['schedules']:>8,} with {found['reorgs']:,} reorgs, {found['errors']} errors")
    return 1 if found["errors"] else 0


if __name__ == "__main__":
    sys.exit(main())
