"""Find deposits by scanning real blocks; credit at depth; take back what a reorg removes.

Rules:
    * Blocks are scanned in order, each exactly once while it stays in the main chain; the hash chain
      of scanned blocks is kept, and a parent that does not match walks back.
    * A step that is repeated after a crash changes nothing: block and deposits are recorded in one
      transaction, bookings are announced before the ledger is asked and idempotent by transfer id.
    * A source that is behind us is waited for; it is no reorg.
    * A reorg deeper than the chain has shown before pauses deposits (`depths`); one that reaches a final
      block stops the lane: `ReorgTooDeep` is for people. A source without any block we know is no
      source of this chain: `ForeignChain`.

Example:
    scanner = DepositScanner(source, store, ledger, rules)
    scanner.step(now_s)      # call it again and again
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from custody.primitives.chain import BlockRef, Chain
from custody.primitives.errors import Conflict, VerificationFailed
from custody.wallets.crediting import Crediting
from custody.wallets.deposit import Deposit
from custody.wallets.deposit_rules import DepositRules
from custody.wallets.depths import DepthGuard, after_reorg
from custody.wallets.ports import CreditLedger, DepositStore
from custody.wallets.sighting import SeenPayment, WatchList, sight

MAX_BLOCKS_PER_STEP = 200
"""Bounds one step; a scanner that starts late catches up over several steps."""
MAX_REORG_BLOCKS = 2_000
"""How far back a common block is looked for: far more than any chain of value ever gave up."""


class ReorgTooDeep(Conflict):
    """A block that counted as final is no longer in the main chain."""

    code = "reorg_too_deep"


class ForeignChain(VerificationFailed):
    """The source serves another history than the one that was scanned: another chain, or a fork of it."""

    code = "foreign_chain"


class BlockSource(Protocol):
    """The part of a chain reader that the scanner needs."""

    chain: Chain

    def tip(self) -> BlockRef: ...  # noqa: D102
    def block_at(self, height: int) -> BlockRef: ...  # noqa: D102
    def deposits(self, watched: frozenset[str], block: BlockRef) -> Sequence[SeenPayment]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class ScanProgress:
    """What one step did.

    Attributes:
        scanned: Blocks read.
        changed: Deposits whose state moved, or that wait for a new reason.
        behind: Blocks still to scan.
        paused: Why nothing is credited; empty while deposits run.
    """

    scanned: int
    changed: tuple[Deposit, ...]
    behind: int
    paused: str = ""


class DepositScanner:
    """Scans one chain for payments to handed-out addresses."""

    def __init__(self, source: BlockSource, store: DepositStore, ledger: CreditLedger, rules: DepositRules) -> None:
        """Bind the scanner.

        Args:
            source: Asks one node, or several that must agree.
            store: Deposits and scanned blocks.
            ledger: Credits and reversals.
            rules: What is credited, and when.
        """
        self.chain = source.chain
        self._source = source
        self._store = store
        self._rules = rules
        self._crediting = Crediting(source.chain, store, ledger, rules)
        self._came_to: BlockRef | None = None  # the tip up to which everything was scanned

    def step(self, now_s: int) -> ScanProgress:
        """Advance: leave reorganised blocks, scan new ones, credit what is deep enough.

        Args:
            now_s: Now, seconds since 1970 UTC.

        Raises:
            NodeUnavailable, NodesDisagree: No common answer; nothing is lost, call again.
            ReorgTooDeep: A final block is gone; the lane waits for officers.
            ForeignChain: The source serves another history.
                DepositChanged, StaleState: See `sighting`.
        """
        self._came_to = None
        changed = self._crediting.complete()
        guard = self.guard()
        if guard.is_halted:
            raise ReorgTooDeep(f"{self.chain.id}: {guard.paused}", chain=self.chain.id)
        tip = self._source.tip()
        last, guard = self._leave_stale_blocks(tip, guard, changed)
        scanned = 0
        while last.height < tip.height and scanned < MAX_BLOCKS_PER_STEP:
            block = self._source.block_at(last.height + 1)
            if last.hash and block.parent != last.hash:
                break  # the chain moved under us: the next step walks back first
            changed += self._scan(block)
            last, scanned = block, scanned + 1
        changed += self._crediting.advance(last, guard, now_s)
        if last.hash == tip.hash:
            self._came_to = tip
        return ScanProgress(scanned, tuple(changed), max(tip.height - last.height, 0), guard.paused)

    def sees_news(self) -> bool:
        """Tell whether the chain stands elsewhere than where the last step left it, or that step did not reach the end.

        Raises:
            NodeUnavailable, NodesDisagree: No common answer.
        """
        return self._came_to is None or self._source.tip() != self._came_to

    def _before_first(self) -> BlockRef:
        return BlockRef(self.chain.id, self._rules.born_height - 1, "", "")

    def guard(self) -> DepthGuard:
        """The depths of now."""
        return self._store.depth_guard(self.chain.id) or DepthGuard(self.chain.credit_depth, self.chain.final_depth)

    def _leave_stale_blocks(
        self, tip: BlockRef, guard: DepthGuard, changed: list[Deposit]
    ) -> tuple[BlockRef, DepthGuard]:
        last = self._store.scanned_tip(self.chain.id)
        if last is None:
            return self._before_first(), guard
        common = self._common_block(last, tip)
        if common.height == last.height or (0 <= common.height == tip.height):
            return last, guard  # nothing left the chain; the source may be behind us
        guard = self._judge_reorg(last.height - common.height, common, guard)
        while last.height > common.height:
            changed += self._crediting.take_back(self._store.in_block(last))
            self._store.forget_block(last)
            last = self._store.scanned_block(self.chain.id, last.height - 1) or common
        return last, guard

    def _common_block(self, last: BlockRef, tip: BlockRef) -> BlockRef:
        """Find the newest scanned block that is still in the main chain; height -1 for none."""
        block: BlockRef | None = last
        if tip.height < last.height:
            block = self._store.scanned_block(self.chain.id, tip.height)
        while block is not None and last.height - block.height <= MAX_REORG_BLOCKS:
            there = tip if block.height == tip.height else self._source.block_at(block.height)
            if there.hash == block.hash:
                return block
            block = self._store.scanned_block(self.chain.id, block.height - 1)
        return self._before_first()

    def _judge_reorg(self, blocks: int, common: BlockRef, guard: DepthGuard) -> DepthGuard:
        """Raise depths and pause where a reorg was deeper than expected, durably, before anything is taken back.

        Raises:
            ReorgTooDeep: It reaches a final block.
            ForeignChain: Nothing in common, and more was scanned than a reorg may remove.
        """
        if common.height < 0 and blocks >= guard.final_depth:
            raise ForeignChain(f"{self.chain.id}: the source knows none of the scanned blocks", chain=self.chain.id)
        tolerated = self._rules.tolerated_reorg
        judged = after_reorg(guard, blocks, self.chain.credit_depth - 1 if tolerated is None else tolerated)
        if judged != guard:
            self._store.save_depth_guard(self.chain.id, judged)
        if judged.is_halted:
            raise ReorgTooDeep(
                f"{self.chain.id}: {blocks} blocks above height {common.height} left the chain, "
                f"{guard.final_depth} count as final",
                chain=self.chain.id,
                blocks=blocks,
            )
        return judged

    def _scan(self, block: BlockRef) -> list[Deposit]:
        watch = self._watch_list()
        found = self._source.deposits(watch.texts, block)
        keys = [f"{self.chain.id}/{seen.txid}/{seen.index}" for seen in found]
        known = self._store.known(keys)
        fresh: dict[str, Deposit] = {}
        for key, seen in zip(keys, found, strict=True):
            owner = watch.owner(seen)
            if owner is None:
                continue
            floor_units = self._rules.floors.get(seen.amount.asset.symbol, 0)
            deposit = sight(seen, owner, block, fresh.get(key) or known.get(key), floor_units)
            if deposit is not None:
                fresh[key] = deposit
        self._store.record_block(block, tuple(fresh.values()))
        return list(fresh.values())

    def _watch_list(self) -> WatchList:
        """Read anew for every block: an address handed out a moment ago may be paid in it."""
        own = self._store.watched(self.chain.id)
        elsewhere = {
            text: chain for chain in self._rules.siblings for text in self._store.watched(chain) if text not in own
        }
        return WatchList(own, elsewhere, self._rules)
