"""Blocks, events and the outbox in SQL (SQLite or PostgreSQL).

Rules:
    * An event is kept under (chain id, block hash, log index): the same log in another block is another row.
    * Old blocks leave and new ones enter in one transaction, and only if the tip is still the one that the
      writer saw: of two writers one wins, the other hears `StaleState`.
    * The outbox only grows; a row enters in the transaction that makes its event final, once per
      (chain id, contract, listing). Positions are handed out there, so that a reader never skips one.
    * What is final stays final: the mark only rises, and blocks up to it are never removed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, delete, func
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, select

from custody.primitives.errors import Conflict, StaleState
from custody.primitives.invariant import invariant
from custody.store.database import for_reading
from governance.indexer.tables import BlockRow, EventRow, IndexModel, IndexRow, OutboxRow

NOTHING_FINAL = -1


class OtherContract(Conflict):
    """The database holds the index of another contract on this chain; take a new one."""

    code = "index_of_other_contract"


@dataclass(frozen=True, slots=True)
class Block:
    """A block: number, hash and parent as 0x text, time in seconds."""

    number: int
    hash: str
    parent: str
    time_s: int


@dataclass(frozen=True, slots=True)
class Event:
    """An event with its place; `args` is plain JSON, large numbers as whole numbers."""

    block_hash: str
    log_index: int
    number: int
    contract: str
    name: str
    args: Mapping[str, Any]
    time_s: int


class IndexStore:
    """The tables of one contract on one chain."""

    def __init__(self, engine: Engine, chain_id: int, contract: str) -> None:
        """Bind to a database.

        Raises:
            OtherContract: It belongs to another contract.
        """
        self._engine = engine
        self._reading = for_reading(engine)
        self._chain_id = chain_id
        self._contract = contract
        IndexModel.metadata.create_all(engine)
        with self._writing() as session:
            row = session.get(IndexRow, chain_id)
            if row is None:
                session.add(IndexRow(chain_id=chain_id, contract=contract, final_number=NOTHING_FINAL))
            elif row.contract != contract:
                message = f"this database indexes {row.contract} on chain {chain_id}, not {contract}"
                raise OtherContract(message, contract=row.contract)

    def tip(self) -> Block | None:
        """Newest indexed block."""
        with Session(self._reading) as session:
            return self._tip(session)

    def block(self, number: int) -> Block | None:
        """The indexed block of a number."""
        with Session(self._reading) as session:
            row = session.get(BlockRow, (self._chain_id, number))
            return None if row is None else _block(row)

    def final_number(self) -> int:
        """Number of the newest final block; -1 before there is one."""
        with Session(self._reading) as session:
            return session.get_one(IndexRow, self._chain_id).final_number

    def replace(
        self, seen_tip: Block | None, keep: Block | None, blocks: Sequence[Block], events: Sequence[Event]
    ) -> None:
        """Drop what lies above `keep`, and add blocks with their events, all or nothing.

        Args:
            seen_tip: The tip that this change was computed from.
            keep: Newest block that stays; None drops all.
            blocks, events: To add, in chain order.

        Raises:
            StaleState: Another writer moved the tip meanwhile.
        """
        last_kept = NOTHING_FINAL if keep is None else keep.number
        with self._writing() as session:
            final = self._locked(session).final_number
            if self._tip(session) != seen_tip:
                raise StaleState("another writer moved the index; poll again")
            invariant(last_kept >= final, "final blocks are never removed", number=final)
            for table in (EventRow, BlockRow):
                gone = (col(table.chain_id) == self._chain_id) & (col(table.number) > last_kept)
                session.execute(delete(table).where(gone))
            session.add_all([self._block_row(block) for block in blocks])
            session.add_all([self._event_row(event) for event in events])

    def finalize(self, newest: Block, posted: Sequence[int]) -> None:
        """Make all up to a block final, and put approvals into the outbox, in one transaction.

        Args:
            newest: Newest final block; below the present mark nothing happens.
            posted: Ids of the listings to announce, in chain order; a known one is passed over.

        Raises:
            StaleState: Another writer replaced the block meanwhile.
        """
        with self._writing() as session:
            row = self._locked(session)
            if newest.number <= row.final_number:
                return
            stored = session.get(BlockRow, (self._chain_id, newest.number))
            if stored is None or _block(stored) != newest:
                raise StaleState("another writer moved the index; poll again")
            row.final_number = newest.number
            ours = (col(OutboxRow.chain_id) == self._chain_id) & (col(OutboxRow.contract) == self._contract)
            known = set(session.exec(select(OutboxRow.listing).where(ours)))
            last = session.exec(select(func.max(OutboxRow.position))).one() or 0
            fresh = [listing for listing in dict.fromkeys(posted) if listing not in known]
            for position, listing in enumerate(fresh, start=last + 1):
                session.add(
                    OutboxRow(position=position, chain_id=self._chain_id, contract=self._contract, listing=listing)
                )

    def events(self, upto: int, after: int = NOTHING_FINAL) -> list[Event]:
        """Events of the blocks behind `after` up to `upto`, in chain order."""
        with Session(self._reading) as session:
            rows = session.exec(
                select(EventRow, BlockRow.time_s)
                .join(
                    BlockRow,
                    (col(BlockRow.chain_id) == EventRow.chain_id) & (col(BlockRow.hash) == EventRow.block_hash),
                )
                .where(EventRow.chain_id == self._chain_id, EventRow.number <= upto, EventRow.number > after)
                .order_by(col(EventRow.number), col(EventRow.log_index))
            )
            return [
                Event(row.block_hash, row.log_index, row.number, row.contract, row.name, json.loads(row.args), time_s)
                for row, time_s in rows
            ]

    def outbox(self, after: int) -> list[tuple[int, int]]:
        """(position, listing) of all outbox rows behind a position, in order."""
        with Session(self._reading) as session:
            rows = session.exec(
                select(OutboxRow)
                .where(OutboxRow.chain_id == self._chain_id, OutboxRow.contract == self._contract)
                .where(col(OutboxRow.position) > after)
                .order_by(col(OutboxRow.position))
            )
            return [(row.position, row.listing) for row in rows]

    @contextmanager
    def _writing(self) -> Iterator[Session]:
        try:
            with Session(self._engine) as session:
                yield session
                session.commit()
        except IntegrityError as error:
            raise StaleState("another writer was faster; poll again") from error

    def _locked(self, session: Session) -> IndexRow:
        # One writer at a time: SQLite by BEGIN IMMEDIATE, PostgreSQL by this row.
        return session.get_one(IndexRow, self._chain_id, with_for_update=True)

    def _tip(self, session: Session) -> Block | None:
        newest = select(BlockRow).where(BlockRow.chain_id == self._chain_id).order_by(col(BlockRow.number).desc())
        row = session.exec(newest.limit(1)).first()
        return None if row is None else _block(row)

    def _block_row(self, block: Block) -> BlockRow:
        return BlockRow(
            chain_id=self._chain_id, number=block.number, hash=block.hash, parent=block.parent, time_s=block.time_s
        )

    def _event_row(self, event: Event) -> EventRow:
        return EventRow(
            chain_id=self._chain_id,
            block_hash=event.block_hash,
            log_index=event.log_index,
            number=event.number,
            contract=event.contract,
            name=event.name,
            args=args_text(event),
        )


def args_text(event: Event) -> str:
    """The arguments as one text, equal for equal arguments."""
    return json.dumps(event.args, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def _block(row: BlockRow) -> Block:
    return Block(row.number, row.hash, row.parent, row.time_s)
