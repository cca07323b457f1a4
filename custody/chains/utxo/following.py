"""Keep a wallet's view of its coins at the newest block: scan once, then follow the blocks.

Rules:
    * Where the node can scan its unspent outputs, the first question does; where it cannot (Dogecoin), every
      block since the wallet was born is read, which on a main network takes hours a year of blocks.
    * A reorganisation, or a gap longer than two days, starts again.
    * One follower a reader, which lets one thread at a time in: the view that is handed out moves with the next
      question.

Example:
    follower = CoinFollower(wallet, node, born_height=0)
    follower.view().coins
"""

from __future__ import annotations

from collections.abc import Iterator

from custody.chains.utxo.view import CoinView, ViewOutOfStep, wallet_places
from custody.chains.utxo.wallet import CHANGE, RECEIVE, UtxoWallet
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.bitcoin_answers import Block
from custody.primitives.chain import BlockRef
from custody.primitives.errors import NodeUnavailable

MAX_FOLLOW_BLOCKS = 288
"""Further behind than two days, one scan is cheaper than the blocks."""
MAX_REWIND_BLOCKS = 288
"""Two days: how far back a balance can be told by undoing blocks."""


class CoinFollower:
    """The view of one wallet, as new as its node."""

    def __init__(self, wallet: UtxoWallet, node: BitcoinNode, born_height: int) -> None:
        """Bind to a wallet.

        Args:
            wallet: Whose coins.
            node: Who knows the blocks.
            born_height: No coin of the wallet is older; only asked where the node cannot scan.
        """
        self.places = wallet_places(wallet)
        self._wallet = wallet
        self._node = node
        self._born_height = born_height
        self._view: CoinView | None = None

    def view(self) -> CoinView:
        """Follow the chain from where the view stands; start again where there is no way from there.

        Raises:
            NodeUnavailable: No answer, or the blocks moved meanwhile.
        """
        view = self._view
        missing: list[Block] = []
        block_hash = self._node.best_hash()
        while view is not None and block_hash != view.block_hash:
            block = self._node.block(block_hash) if block_hash and len(missing) < MAX_FOLLOW_BLOCKS else None
            if block is None or block.header.height <= view.height:
                view = None  # reorganised, or too far behind
            else:
                missing.append(block)
                block_hash = block.header.parent
        if view is None:
            view, missing = self._from_scratch(), []
        self._view = None  # until every block went in
        for block in reversed(missing):
            view.advance(block, self.places)
        self._view = view
        return view

    def blocks_since(self, goal: BlockRef, view: CoinView) -> Iterator[Block]:
        """Blocks above the goal, newest first, with what they spent; the goal must lie below them.

        Raises:
            NodeUnavailable: The goal is off the main chain or too old, or the node leaves out what was spent.
        """
        name, height, block_hash = self._wallet.params.chain.id, view.height, view.block_hash
        if height - goal.height > MAX_REWIND_BLOCKS:
            raise NodeUnavailable(f"{name}: block {goal.height} is too old for a balance")
        while height > goal.height:
            block = self._node.block(block_hash, with_spent=True)
            yield block
            block_hash, height = block.header.parent, height - 1
        if block_hash != goal.hash:
            raise NodeUnavailable(f"{name}: block {goal.hash} is not on the main chain", height=goal.height)

    def _from_scratch(self) -> CoinView:
        descriptors = [self._wallet.branch_descriptor(branch) for branch in (RECEIVE, CHANGE)]
        scan = self._node.scan(descriptors, self._wallet.window - 1)
        return CoinView.from_scan(scan, self.places) if scan is not None else self._walked()

    def _walked(self) -> CoinView:
        """Read every block since the wallet was born."""
        tip = self._node.height()
        first = min(max(0, self._born_height - 1), tip)  # stands before the first that is read
        view = CoinView(first, self._block_hash(first), {})
        for height in range(first + 1, tip + 1):
            try:
                view.advance(self._node.block(self._block_hash(height)), self.places)
            except ViewOutOfStep as error:
                raise NodeUnavailable(f"{self._wallet.params.chain.id}: blocks moved while they were read") from error
        return view

    def _block_hash(self, height: int) -> str:
        found = self._node.block_hash(height)
        if found is None:
            raise NodeUnavailable(f"{self._wallet.params.chain.id}: block {height} is gone", height=height)
        return found
