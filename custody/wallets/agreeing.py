"""Several nodes as one source of blocks: what they do not agree on does not exist.

Rules:
    * A block counts where all nodes give the same hash and parent for its height, and a deposit where all
      see the same payment. One invented block, or one hidden payment, stops the chain's deposits.
    * The slowest node sets the pace: a node that lags delays, it does not contradict.
    * The newest common height is compared in every step, so that a fork is named when it begins.
    * Senders are taken from all nodes together: hiding one from the screening takes all of them.

Example:
    source = AgreeingSource([Named("own", reader), Named("rented", other_reader)])
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from custody.chains.port import SeenDeposit
from custody.primitives.chain import BlockRef, Chain
from custody.primitives.errors import InvalidInput, NodesDisagree, NodeUnavailable, WrongNetwork
from custody.primitives.ids import TxId


class NodeSource(Protocol):
    """One node's answers, as a chain reader gives them."""

    chain: Chain

    def tip(self) -> BlockRef: ...  # noqa: D102
    def block_at(self, height: int) -> BlockRef: ...  # noqa: D102
    def deposits(self, watched: frozenset[str], block: BlockRef) -> Sequence[SeenDeposit]: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Named:
    """A node with the name that people know it by."""

    name: str
    source: NodeSource


class AgreeingSource:
    """Implements `custody.wallets.scanner.BlockSource` over nodes that must agree."""

    def __init__(self, nodes: Sequence[Named]) -> None:
        """Bind the nodes.

        Raises:
            InvalidInput: None, or two of one name.
            WrongNetwork: They are of different chains.
        """
        if not nodes or len({node.name for node in nodes}) != len(nodes):
            raise InvalidInput("nodes that must agree need at least one, each with its own name")
        first, *others = nodes
        for other in others:
            if other.source.chain != first.source.chain:
                raise WrongNetwork(f"{other.name} is of {other.source.chain.id}, {first.name} of another chain")
        self.chain = first.source.chain
        self._nodes = tuple(nodes)

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes, for the status."""
        return tuple(node.name for node in self._nodes)

    def tip(self) -> BlockRef:
        """The newest block that every node has.

        Raises:
            NodesDisagree: They have different blocks at that height.
            NodeUnavailable: One does not answer.
        """
        tips = [node.source.tip() for node in self._nodes]
        height = min(tip.height for tip in tips)
        found = [
            tip if tip.height == height else node.source.block_at(height)
            for node, tip in zip(self._nodes, tips, strict=True)
        ]
        return self._same_block(height, found)

    def block_at(self, height: int) -> BlockRef:
        """The block of the main chain at this height, where all nodes have the same.

        Raises:
            NodesDisagree: They do not.
        """
        return self._same_block(height, [node.source.block_at(height) for node in self._nodes])

    def deposits(self, watched: frozenset[str], block: BlockRef) -> Sequence[SeenDeposit]:
        """All payments in this block to the watched addresses, where all nodes see the same.

        Raises:
            NodesDisagree: One sees a payment that another does not, or sees it differently.
        """
        seen = [node.source.deposits(watched, block) for node in self._nodes]
        contents = [sorted(_content(deposit) for deposit in one) for one in seen]
        for node, content in zip(self._nodes, contents, strict=True):
            if content != contents[0]:
                odd = sorted(set(content) ^ set(contents[0])) or content
                raise self._disagreement(f"deposits in block {block.height}", node, f"{odd[0][0]}/{odd[0][1]}")
        senders: dict[tuple[TxId, int], dict[str, None]] = {}
        for deposit in (deposit for one in seen for deposit in one):
            senders.setdefault((deposit.txid, deposit.index), {}).update(dict.fromkeys(deposit.senders))
        return tuple(
            replace(deposit, senders=tuple(senders[deposit.txid, deposit.index])) if len(seen) > 1 else deposit
            for deposit in seen[0]
        )

    def _same_block(self, height: int, found: Sequence[BlockRef]) -> BlockRef:
        for node, block in zip(self._nodes, found, strict=True):
            if block.height != height:
                raise NodeUnavailable(f"{self.chain.id}: {node.name} answers another height than {height}")
            if (block.hash, block.parent) != (found[0].hash, found[0].parent):
                raise self._disagreement(f"block {height}", node, block.hash)
        return found[0]

    def _disagreement(self, about: str, node: Named, what: str) -> NodesDisagree:
        first = self._nodes[0].name
        return NodesDisagree(
            f"{self.chain.id}: {first} and {node.name} disagree about {about} ({node.name}: {what})",
            first=first,
            second=node.name,
        )


def _content(deposit: SeenDeposit) -> tuple[str, int, str, str, int, str]:
    return (
        deposit.txid,
        deposit.index,
        deposit.to.text,
        deposit.amount.asset.key,
        deposit.amount.units,
        deposit.memo,
    )
