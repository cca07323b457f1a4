"""What became of an attempt, and the proof that it is dead.

Rules:
    * Alive is proven by the txid: found in a block of the main chain, or in the pool; and, where txids are
      malleable, by the spender of the first input being the same payment under another name (`malleability`).
    * Dead is proven by the outpoint alone: another transaction, buried at final depth, spends the
      attempt's first input. Absence, eviction from the pool and time prove nothing.
    * The search walks back from one tip by parent hashes, so that a reorg meanwhile cannot mix two chains.
    * Where a txid is malleable (scripts before segwit) it takes our own bytes to tell another payment from ours
      under another name: without them nothing is called dead there.
"""

from __future__ import annotations

from custody.chains.utxo.coins import outpoint_of
from custody.chains.utxo.malleability import is_same_payment
from custody.chains.utxo.params import UtxoParams
from custody.nodes.bitcoin import BitcoinNode
from custody.primitives.chain import Finality
from custody.primitives.ids import TxId

MAX_SEARCH_BLOCKS = 4_320
"""Thirty days of Bitcoin blocks; a spender further back stays unknown, which releases nothing."""


def attempt_finality(
    node: BitcoinNode, params: UtxoParams, txid: TxId, conflict_key: str, raw: bytes = b""
) -> Finality:
    """Tell what the chain says of an attempt now.

    Args:
        node: Needs `txindex=1`.
        params: Gives the final depth.
        txid: Of the attempt.
        conflict_key: Its first input, as `UtxoCodec.reservations` names it.
        raw: Its complete bytes; empty if they are not known.

    Returns:
        FINAL, MINED or PENDING for the attempt itself, under whatever txid; DEAD if another payment at
        final depth spends its first input; otherwise UNKNOWN.

    Raises:
        InvalidInput: Not a conflict key of this chain.
        NodeUnavailable: No answer.
    """
    outpoint = outpoint_of(conflict_key, params.chain.id)
    place = node.place(txid)
    if place is not None and place.confirmations > 0:
        return Finality.FINAL if place.confirmations >= params.chain.final_depth else Finality.MINED
    if place is not None and place.block_hash is None:
        return Finality.PENDING
    if node.unspent_flags([outpoint], with_pool=False)[0]:
        return Finality.UNKNOWN
    spender = _find_spender(node, outpoint)
    if spender is None:
        return Finality.UNKNOWN
    found, depth = spender
    is_final = depth >= params.chain.final_depth
    if found == txid or (params.is_malleable and raw and is_same_payment(raw, node.raw_txs([found])[0], found)):
        return Finality.FINAL if is_final else Finality.MINED
    can_tell = bool(raw) or not params.is_malleable
    return Finality.DEAD if is_final and can_tell else Finality.UNKNOWN


def _find_spender(node: BitcoinNode, outpoint: tuple[str, int]) -> tuple[str, int] | None:
    """Return txid and depth of the main-chain transaction that spends an outpoint, None if none is found."""
    made = node.place(outpoint[0])
    if made is None or made.confirmations <= 0:
        return None  # the coin itself is not on this chain: reorganised away, it may come back
    block_hash = node.best_hash()
    for depth in range(1, MAX_SEARCH_BLOCKS + 1):
        if not block_hash:
            return None
        block = node.block(block_hash)
        for tx in block.txs:
            if any((entry.txid, entry.vout) == outpoint for entry in tx.inputs):
                return tx.txid, depth
        if any(tx.txid == outpoint[0] for tx in block.txs):
            return None  # the coin was made here: nothing earlier can spend it
        block_hash = block.header.parent
    return None  # spent longer ago than we look
