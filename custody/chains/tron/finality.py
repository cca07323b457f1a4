"""What became of an attempt: by its own result, or by the proof that it can never be in a block.

Rules:
    * Not found proves nothing, nor does the clock: the node may be behind, or forget.
    * FINAL and FAILED need the result in the solidified view. A contract call that succeeded without a
      transfer out of our account (into it, for a sweep) contradicts itself: UNKNOWN, for a person to look at.
    * DEAD needs the solidified chain itself, without a gap, from the reference block to a block whose time
      is past the expiration, with our id in none of its blocks. No index of the node is believed for it, and
      every further node that was given must give the same proof.

Example:
    attempt_finality([node], Proof("TWallet..."), txid, "tron:...")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from custody.chains.tron.address import address_bytes
from custody.chains.tron.node import TronBlock, TronNode, shaped
from custody.chains.tron.plan import ConflictKey, parse_conflict_key
from custody.keys.keccak import keccak256
from custody.primitives.chain import Finality
from custody.primitives.errors import InvalidInput
from custody.primitives.ids import TxId

TRANSFER_TOPIC = keccak256(b"Transfer(address,address,uint256)").hex()
HEIGHTS_PER_REFERENCE = 1 << 16
"""A reference names the low 16 bits of its height; every 65,536 blocks it fits another block."""
MAX_REFERENCES = 8
"""Two days of blocks each: an attempt is followed for two weeks."""


class Side(IntEnum):
    """Where an account of ours stands in a Transfer event: the place of its topic."""

    PAYS = 1
    RECEIVES = 2


@dataclass(frozen=True, slots=True)
class Proof:
    """What a contract call of ours must show to count as done: a transfer out of, or into, this account."""

    account: str
    side: Side = Side.PAYS


def attempt_finality(nodes: Sequence[TronNode], proof: Proof, txid: TxId, conflict_key: str) -> Finality:
    """Say what the chain says of an attempt now.

    Args:
        nodes: The first is asked; all must prove that it is dead.
        proof: What a token's transfer must show.
        txid: Id of the attempt.
        conflict_key: As the codec made it.

    Raises:
        InvalidInput: Not a conflict key of this attempt.
        NodeUnavailable: No answer.
    """
    key = parse_conflict_key(conflict_key)
    if key.txid != txid:
        raise InvalidInput(f"conflict key of {key.txid} asked for {txid}")
    node = nodes[0]
    settled = node.info(txid, solid=True)
    if settled is not None:
        return outcome(settled, proof)
    if node.info(txid, solid=False) is not None:
        return Finality.MINED
    if node.is_pending(txid):
        return Finality.PENDING
    return Finality.DEAD if all(is_proven_dead(each, key) for each in nodes) else Finality.UNKNOWN


@shaped
def outcome(info: Mapping[str, Any], proof: Proof) -> Finality:
    """Read the result of a solidified transaction of ours."""
    receipt = info.get("receipt", {})
    if info.get("result") == "FAILED" or receipt.get("result", "SUCCESS") != "SUCCESS":
        return Finality.FAILED
    if "contract_address" not in info and "result" not in receipt:  # no contract was called
        return Finality.FINAL
    ours = (bytes(12) + address_bytes(proof.account)).hex()
    topics = [log.get("topics", []) for log in info.get("log", ())]
    paid = any(len(each) == 3 and each[0] == TRANSFER_TOPIC and each[proof.side] == ours for each in topics)
    return Finality.FINAL if paid else Finality.UNKNOWN


def is_proven_dead(node: TronNode, key: ConflictKey) -> bool:
    """Walk the solidified chain over the whole time in which the attempt could be in a block.

    Raises:
        NodeUnavailable: No answer, or the chain has a gap: nothing is proven.
    """
    solid = node.solid_head()
    if solid.time_ms <= key.expiration_ms:
        return False
    height = _reference_height(node, key, solid.ref.height)
    if height is None:
        return False
    parent = ""
    while height <= solid.ref.height:
        for block in node.blocks(height, solid.ref.height):
            follows = block.ref.parent == parent if parent else _fits(block, key)
            if not follows or key.txid in block.txids:
                return False
            if block.time_ms > key.expiration_ms:
                return True
            parent, height = block.ref.hash, block.ref.height + 1
    return False


def _reference_height(node: TronNode, key: ConflictKey, top: int) -> int | None:
    """Height of the block that the attempt refers to; None if no block of the last two weeks fits."""
    low = int(key.reference[:4], 16)
    height = top - (top - low) % HEIGHTS_PER_REFERENCE
    for _ in range(MAX_REFERENCES):
        if height < 0:
            return None
        if _fits(node.block(height), key):
            return height
        height -= HEIGHTS_PER_REFERENCE
    return None


def _fits(block: TronBlock, key: ConflictKey) -> bool:
    return block.ref.hash[16:32] == key.reference[4:]
