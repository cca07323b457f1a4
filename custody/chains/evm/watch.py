"""Every block of a chain, asked whether our Safes are still what was registered.

Rules:
    * No block is passed over: a change that is taken back in the next block shows too.
    * After a long pause only the newest blocks are asked; older states may be gone from the node, and what lasts
      shows in the newest.
    * A block that could not be read is asked again; a difference is reported until someone acts.

Example:
    watch = SafeWatch(node, [hot, cold])
    watch.step()                       # raises SafeChanged within the block that changed it
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.chains.evm.node import EvmNode
from custody.chains.evm.verify import SafeChanged, verify_safe
from custody.chains.evm.wallet import SafeWallet
from custody.primitives.chain import BlockRef

MAX_BLOCKS_A_STEP = 32
"""Nodes keep the states of the last 128 blocks; a step stays well inside, and short."""


class SafeWatch:
    """Remembers how far the chain was watched."""

    def __init__(self, node: EvmNode, wallets: Sequence[SafeWallet]) -> None:
        self._node = node
        self._wallets = tuple(wallets)
        self._last: BlockRef | None = None
        self._found: SafeChanged | None = None

    def step(self) -> int:
        """Ask every block since the last step.

        Returns:
            How many blocks were asked.

        Raises:
            SafeChanged: A Safe differed in one of them; also at every later step of this watch.
            NodeUnavailable: No answer; the same blocks are asked again.
        """
        self.require_unchanged()
        tip = self._node.tip()
        blocks = self._unseen(tip)
        for block in blocks:
            try:
                for wallet in self._wallets:
                    verify_safe(self._node, wallet, block)
            except SafeChanged as found:
                self._found = found
                raise
            self._last = block
        return len(blocks)

    def require_unchanged(self) -> None:
        """Pass while no difference was found; asked before an address is handed out.

        Raises:
            SafeChanged: What was found.
        """
        if self._found is not None:
            raise self._found

    def _unseen(self, tip: BlockRef) -> list[BlockRef]:
        last = self._last
        if last is None or tip.height <= last.height:
            return [] if last == tip else [tip]
        first = max(last.height + 1, tip.height - MAX_BLOCKS_A_STEP + 1)
        return [self._node.block_at(height) for height in range(first, tip.height)] + [tip]
