"""Find deposits by scanning real blocks; credit at depth; take back what a reorg removes.

Rules:
    * Blocks are scanned in order, each exactly once while it stays in the main chain; the hash chain
      of scanned blocks is kept, and a parent that does not match walks back.
    * A step that is repeated after a crash changes nothing: block and deposits are recorded in one
      transaction, bookings are announced before the ledger is asked and idempotent by transfer id.
    * A reorg deeper than the final depth stops the lane: `ReorgTooDeep` is for people.

Example:
    scanner = DepositScanner(reader, store, ledger, floors)
    scanner.step()      # call it again and again
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.chain import BlockRef, Chain
from custody.primitives.errors import Conflict, InsufficientFunds
from custody.primitives.ids import CustomerId, TxId
from custody.wallets.deposit import DEPOSIT, Deposit, DepositEvent, DepositState
from custody.wallets.ports import CreditLedger, DepositStore

MAX_BLOCKS_PER_STEP = 200
"""Bounds one step; a scanner that starts late catches up over several steps."""


class ReorgTooDeep(Conflict):
    """A block that counted as final is no longer in the main chain."""

    code = "reorg_too_deep"


class SeenPayment(Protocol):
    """A payment as a chain reader reports it (`custody.chains.port.SeenDeposit`)."""

    @property
    def txid(self) -> TxId: ...  # noqa: D102
    @property
    def index(self) -> int: ...  # noqa: D102
    @property
    def to(self) -> Address: ...  # noqa: D102
    @property
    def amount(self) -> Amount: ...  # noqa: D102


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
        changed: Deposits whose state moved, in their new state.
        behind: Blocks still to scan.
    """

    scanned: int
    changed: tuple[Deposit, ...]
    behind: int


class DepositScanner:
    """Scans one chain for payments to handed-out addresses."""

    def __init__(
        self, reader: BlockSource, store: DepositStore, ledger: CreditLedger, floors: Mapping[str, int]
    ) -> None:
        """Bind the scanner.

        Args:
            reader: Asks the node.
            store: Deposits and scanned blocks.
            ledger: Credits and reversals.
            floors: Asset symbol -> smallest deposit that is credited, base units.
        """
        self.chain = reader.chain
        self._reader = reader
        self._store = store
        self._ledger = ledger
        self._floors = floors

    def step(self) -> ScanProgress:
        """Advance: leave reorganised blocks, scan new ones, credit what is deep enough.

        Raises:
            NodeUnavailable: The node does not answer; nothing is lost, call again.
            ReorgTooDeep: A final block is gone; the lane must stop.
        """
        changed: list[Deposit] = []
        tip = self._reader.tip()
        announced = (DepositState.CREDITING, DepositState.REVERSING)
        changed.extend(self._book(deposit) for deposit in self._store.in_states(self.chain.id, announced))
        last = self._leave_stale_blocks(changed)
        scanned = 0
        while last.height < tip.height and scanned < MAX_BLOCKS_PER_STEP:
            block = self._reader.block_at(last.height + 1)
            if last.hash and block.parent != last.hash:
                break  # the chain moved under us: the next step walks back first
            self._scan(block, changed)
            last, scanned = block, scanned + 1
        self._credit_deep_enough(last, changed)
        return ScanProgress(scanned, tuple(changed), tip.height - last.height)

    def _leave_stale_blocks(self, changed: list[Deposit]) -> BlockRef:
        last = self._store.scanned_tip(self.chain.id)
        while last is not None:
            if self._still_in_chain(last):
                return last
            changed.extend(self._take_back(deposit) for deposit in self._store.in_block(last))
            self._store.forget_block(last)
            last = self._store.scanned_block(self.chain.id, last.height - 1)
        return BlockRef(self.chain.id, -1, "", "")

    def _still_in_chain(self, block: BlockRef) -> bool:
        return self._reader.tip().height >= block.height and self._reader.block_at(block.height).hash == block.hash

    def _scan(self, block: BlockRef, changed: list[Deposit]) -> None:
        watched = self._store.watched(self.chain.id)
        found = [self._sighting(seen, watched, block) for seen in self._reader.deposits(frozenset(watched), block)]
        fresh = [deposit for deposit in found if deposit is not None]
        self._store.record_block(block, fresh)
        changed.extend(fresh)

    def _sighting(self, seen: SeenPayment, watched: Mapping[str, CustomerId], block: BlockRef) -> Deposit | None:
        deposit = Deposit(seen.txid, seen.index, watched[seen.to.text], seen.amount, block, DepositState.SEEN)
        if seen.amount.units < self._floors.get(seen.amount.asset.symbol, 0):
            return replace(deposit, state=DEPOSIT.next(deposit.state, DepositEvent.FALL_BELOW_FLOOR))
        known = self._store.get(deposit.key)
        if known is None:
            return deposit
        if not DEPOSIT.allows(known.state, DepositEvent.SEE_AGAIN):
            return None  # the same block, read twice
        state = DEPOSIT.next(known.state, DepositEvent.SEE_AGAIN)
        # A credit that was never taken back stands: it must keep the id it was booked under.
        generation = known.generation + (known.state is DepositState.REVERSED)
        return replace(deposit, state=state, generation=generation)

    def _credit_deep_enough(self, last: BlockRef, changed: list[Deposit]) -> None:
        for deposit in self._store.in_states(self.chain.id, (DepositState.SEEN, DepositState.CREDITED)):
            depth = last.height - deposit.block.height + 1
            moved = deposit
            if moved.state is DepositState.SEEN and depth >= self.chain.credit_depth:
                moved = self._book(self._move(moved, DepositEvent.REACH_CREDIT_DEPTH))
            if moved.state is DepositState.CREDITED and depth >= self.chain.final_depth:
                moved = self._move(moved, DepositEvent.REACH_FINAL_DEPTH)
            if moved is not deposit:
                changed.append(moved)

    def _take_back(self, deposit: Deposit) -> Deposit:
        if deposit.state is DepositState.FINAL:
            raise ReorgTooDeep(
                f"{self.chain.id}: block {deposit.block.height} with final deposit {deposit.key} left the chain",
                chain=self.chain.id,
                height=deposit.block.height,
            )
        if not DEPOSIT.allows(deposit.state, DepositEvent.LOSE_BLOCK):
            return deposit
        moved = self._move(deposit, DepositEvent.LOSE_BLOCK)
        return self._book(moved) if moved.state is DepositState.REVERSING else moved

    def _book(self, deposit: Deposit) -> Deposit:
        try:
            if deposit.state is DepositState.CREDITING:
                self._ledger.credit(deposit)
            else:
                self._ledger.reverse(deposit)
        except InsufficientFunds:
            return self._move(deposit, DepositEvent.FAIL_TO_BOOK)
        return self._move(deposit, DepositEvent.BOOK)

    def _move(self, deposit: Deposit, event: DepositEvent) -> Deposit:
        moved = replace(deposit, state=DEPOSIT.next(deposit.state, event))
        self._store.save(moved)
        return moved
