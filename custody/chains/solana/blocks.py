"""Slots as a chain of blocks without gaps.

A slot may pass without a block. Scanners count heights one by one and compare parents, so a skipped
slot gets a stand-in block: no transactions, a hash made of the slot and the last real block's hash.

Example:
    block_at(node, chain_id, 1_000).parent == block_at(node, chain_id, 999).hash
"""

from __future__ import annotations

from typing import Any

from custody.chains.solana.node import SolanaNode
from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.errors import NodeUnavailable

MAX_SKIPPED_SLOTS = 10_000
"""Over an hour without a block: the network stands still and people must look."""


def block_at(node: SolanaNode, chain: ChainId, slot: int) -> BlockRef:
    """Return the block, or the stand-in, of a slot up to the confirmed one.

    Raises:
        NodeUnavailable: No answer, or nothing but skipped slots.
    """
    block = node.block(slot, "none")
    if block is not None:
        return block_ref(chain, slot, block)
    last = node.last_block_slot(max(0, slot - MAX_SKIPPED_SLOTS), slot)
    real = node.block(last, "none")
    if real is None or last >= slot:
        raise NodeUnavailable(f"{chain}: contradictory answers about slot {slot}", slot=slot)
    last_hash = str(real["blockhash"])
    return BlockRef(chain, slot, _stand_in(slot, last_hash), _parent_hash(slot, last, last_hash))


def block_ref(chain: ChainId, slot: int, block: dict[str, Any]) -> BlockRef:
    """Read a real block's place in the chain."""
    if slot == 0:
        return BlockRef(chain, 0, str(block["blockhash"]), "")
    parent = _parent_hash(slot, int(block["parentSlot"]), str(block["previousBlockhash"]))
    return BlockRef(chain, slot, str(block["blockhash"]), parent)


def _parent_hash(slot: int, last_real: int, last_hash: str) -> str:
    return last_hash if last_real == slot - 1 else _stand_in(slot - 1, last_hash)


def _stand_in(slot: int, last_hash: str) -> str:
    return f"skipped:{slot}:{last_hash}"
