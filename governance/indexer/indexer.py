"""Follow one contract's events: seen, final, rolled back on a reorg, rebuildable to the same state hash.

Rules:
    * Only the pinned address on the pinned chain id counts; a node of another chain is refused at the start.
    * Blocks are kept with their hashes: a parent that does not match walks back and deletes.
    * A block is read by its own hash, so that logs of another fork can never slip in, and what was read is
      kept only if the last block still stands in the chain afterwards.
    * The outbox is filled from final blocks only; what is final here is never taken back. With witnesses,
      other nodes must show the same final block and the same approvals first.

Example:
    indexer = Indexer(web3, deployment, open_database("sqlite:///governance.db"), final_depth=64)
    indexer.poll()
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Engine
from web3 import Web3

from custody.primitives.encoding import digest
from custody.primitives.errors import Conflict, InvalidInput, NodesDisagree, NodeUnavailable
from governance.contracts.deployment import Deployment
from governance.indexer.source import CONTRACT, EventSource
from governance.indexer.store import Block, Event, IndexStore, args_text
from governance.listing.state import Listing, ListingEvent, Listings, ListingState

BLOCKS_PER_POLL = 200
"""Bounds one poll; a late start catches up over several."""
STATE_TAG = "mext/listing-index/1"
APPROVAL = "ListingApproved"


class FinalBlockGone(Conflict):
    """A block that counted as final left the chain; people must look."""

    code = "final_block_gone"


@dataclass(frozen=True, slots=True)
class IndexProgress:
    """What one poll did: blocks added, blocks removed by a reorg, blocks still to read."""

    added: int
    removed: int
    behind: int


class Indexer:
    """Indexes ListingVote on one chain."""

    def __init__(
        self, web3: Web3, deployment: Deployment, database: Engine, final_depth: int, witnesses: Sequence[Web3] = ()
    ) -> None:
        """Bind the indexer.

        Args:
            web3: A connected node.
            deployment: Pinned addresses and first block.
            database: Its own tables.
            final_depth: Blocks, the one in question included, after which nothing changes any more.
            witnesses: Nodes of other providers; all must agree before an approval counts as final.

        Raises:
            InvalidInput: The depth is below 1.
            WrongNetwork: A node serves another chain.
            CodeMismatch: What stands at the address is not ListingVote.
            OtherContract: The database belongs to another contract.
            NodeUnavailable: A node does not answer.
        """
        if final_depth < 1:
            raise InvalidInput(f"a block is final after {final_depth} blocks; at least 1", final_depth=final_depth)
        self._source = EventSource(web3, deployment)
        self._witnesses = tuple(EventSource(witness, deployment) for witness in witnesses)
        self._deployment = deployment
        self._address = deployment.address(CONTRACT)
        self._store = IndexStore(database, deployment.chain_id, self._address)
        self._final_depth = final_depth

    def poll(self) -> IndexProgress:
        """Advance by at most 200 blocks.

        Raises:
            NodeUnavailable: The node does not answer, lags, or reorganises at this moment; poll again.
            AnswerRefused: The node answers something that was not asked.
            NodesDisagree: A witness shows another chain; nothing became final.
            StaleState: Another indexer wrote to the same database; poll again.
            FinalBlockGone: A reorg deeper than finality.
            EventContradiction: An approval does not follow from the events before it; nothing became final.
        """
        head = self._source.head()
        tip = self._store.tip()
        keep = self._newest_still_there(tip, head)
        blocks, events = self._read_on(keep, head)
        if blocks or keep != tip:
            self._store.replace(tip, keep, blocks, events)
        self._finalize()
        reached = blocks[-1].number if blocks else self._number_of(keep)
        return IndexProgress(len(blocks), self._number_of(tip) - self._number_of(keep), max(0, head - reached))

    def final_number(self) -> int:
        """Number of the newest final block; -1 before there is one. It never falls."""
        return self._store.final_number()

    def listings(self, *, final_only: bool = False) -> Listings:
        """All proposals, as of the newest indexed block or of the newest final one.

        Raises:
            EventContradiction: The events do not fit together; events are missing or forged.
        """
        upto = self.final_number() if final_only else self._number_of(self._store.tip())
        return _replay(self._store.events(upto))

    def outbox(self, after: int = 0) -> list[tuple[int, int]]:
        """(position, listing id) of final approvals behind a position."""
        return self._store.outbox(after)

    def approved(self) -> tuple[Listing, ...]:
        """Listings of the outbox whose approval stands now, in its order: approved or listed, not lapsed."""
        standing = (ListingState.APPROVED, ListingState.LISTED)
        known, now_s = self.listings(final_only=True), self.tip_time_s()
        announced = (known.get(listing) for _, listing in self.outbox())
        return tuple(listing for listing in announced if listing.state(now_s) in standing)

    def tip_time_s(self) -> int:
        """Time of the newest indexed block: the clock that windows are measured by."""
        tip = self._store.tip()
        return 0 if tip is None else tip.time_s

    def state_hash(self) -> str:
        """Hash over all final events: equal after every rebuild from the first block."""
        parts: list[str | int] = []
        for event in self._store.events(self.final_number()):
            parts += [event.block_hash, event.log_index, event.name, args_text(event)]
        return digest(STATE_TAG, self._deployment.chain_id, self._address, *parts).hex()

    def _number_of(self, block: Block | None) -> int:
        return self._deployment.block - 1 if block is None else block.number

    def _newest_still_there(self, tip: Block | None, head: int) -> Block | None:
        final, block = self.final_number(), tip
        while block is not None and not self._is_in_chain(block, head):
            if block.number <= final and block.number > head:
                raise NodeUnavailable(f"the node is at block {head}, behind the final block {final}")
            if block.number <= final:
                raise FinalBlockGone(f"block {block.number} counted as final and left the chain", number=block.number)
            block = self._store.block(block.number - 1)
        return block

    def _is_in_chain(self, block: Block, head: int) -> bool:
        return block.number <= head and self._source.block(block.number).hash == block.hash

    def _read_on(self, keep: Block | None, head: int) -> tuple[list[Block], list[Event]]:
        start, parent = self._number_of(keep) + 1, None if keep is None else keep.hash
        blocks: list[Block] = []
        events: list[Event] = []
        for number in range(start, min(head, start + BLOCKS_PER_POLL - 1) + 1):
            block = self._source.block(number)
            if parent is not None and block.parent != parent:
                raise NodeUnavailable(f"the chain moved while block {number} was read; poll again", number=number)
            events += self._source.events(block)
            blocks.append(block)
            parent = block.hash
        if blocks and self._source.block(blocks[-1].number).hash != parent:
            raise NodeUnavailable("the chain moved while it was read; poll again", number=blocks[-1].number)
        return blocks, events

    def _finalize(self) -> None:
        old, new = self.final_number(), self._number_of(self._store.tip()) - self._final_depth + 1
        newest = self._store.block(new) if new > old else None
        if newest is None:
            return
        approvals = [event for event in self._store.events(new, after=old) if event.name == APPROVAL]
        if approvals:
            _replay(self._store.events(new))  # an approval that its own votes do not carry is announced to nobody
        for witness in self._witnesses:
            _verify_by(witness, newest, approvals)
        self._store.finalize(newest, [int(event.args["id"]) for event in approvals])


def _verify_by(witness: EventSource, newest: Block, approvals: Sequence[Event]) -> None:
    # The same final block means the same chain below it; what remains to compare are the logs.
    if witness.block(newest.number) != newest:
        raise NodesDisagree(f"a witness has another block {newest.number}", number=newest.number)
    for approval in approvals:
        if approval not in witness.events(witness.block(approval.number)):
            raise NodesDisagree(f"a witness does not know the approval in block {approval.number}")


def _replay(events: Sequence[Event]) -> Listings:
    return Listings(ListingEvent(event.name, event.args, event.time_s) for event in events)
