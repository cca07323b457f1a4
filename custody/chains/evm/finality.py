"""What the chain says of an attempt, for executions of a Safe and for plain accounts.

Rules:
    * A Safe payment is judged by its SafeTx, not by the account transaction that carried it: anyone
      may carry it, and whoever sees it in the pool can be faster than we are.
    * A reverted account transaction proves nothing: its owner signatures are public and stay valid
      until another SafeTx uses the nonce. It is reported as UNKNOWN, and nothing is refunded.
    * DEAD needs the other execution in hand, at final depth. A nonce that merely moved is not proof.
"""

from __future__ import annotations

from custody.chains.evm.answers import Receipt
from custody.chains.evm.conflict import ConflictKey, parse_conflict_key
from custody.chains.evm.executions import Execution, executions_in, find_execution, safe_nonce
from custody.chains.evm.node import EvmNode
from custody.primitives.chain import BlockRef, Finality
from custody.primitives.errors import InvalidInput


def judge(node: EvmNode, txid: str, conflict_key: str) -> Finality:
    """Tell the state of an attempt.

    Args:
        node: Whom to ask.
        txid: Account transaction of the attempt.
        conflict_key: As the codec made it.

    Raises:
        InvalidInput: A conflict key of another chain.
        NodeUnavailable: No answer.
    """
    key = parse_conflict_key(conflict_key)
    if key.chain_id != node.params.chain_id:
        raise InvalidInput(f"conflict key of chain {key.chain_id} asked on {node.params.chain.id}")
    tip = node.tip()
    receipt = node.receipt(txid)
    if key.kind == "safe":
        return _of_safe(node, key, receipt, tip) or _in_pool(node, txid, receipt)
    return _of_account(node, key, receipt, tip) or _in_pool(node, txid, receipt)


def _of_safe(node: EvmNode, key: ConflictKey, receipt: Receipt | None, tip: BlockRef) -> Finality | None:
    carried = executions_in(receipt, key.chain_id, key.account) if receipt else {}
    execution = carried.get(key.nonce)
    if execution is None:
        if safe_nonce(node, key.account, tip) <= key.nonce:
            return None
        execution = find_execution(node, key.account, key.nonce, tip)
    if execution is None:
        return Finality.UNKNOWN
    return _of_execution(node, key, execution, tip)


def _of_execution(node: EvmNode, key: ConflictKey, execution: Execution, tip: BlockRef) -> Finality:
    ours = execution.safe_tx_hash == key.safe_tx_hash
    if not _is_final(node, execution.height, tip):
        return Finality.MINED if ours else Finality.UNKNOWN
    if not ours:
        return Finality.DEAD
    return Finality.FINAL if execution.succeeded else Finality.FAILED


def _of_account(node: EvmNode, key: ConflictKey, receipt: Receipt | None, tip: BlockRef) -> Finality | None:
    if receipt is not None:
        if not _is_final(node, receipt.height, tip):
            return Finality.MINED
        # The receipt itself used the nonce: these bytes can never run again.
        return Finality.FINAL if receipt.succeeded else Finality.FAILED
    depth = node.params.chain.final_depth
    if tip.height < depth - 1:
        return None
    # Sweeps only move coins to our own Safe, so a node that lost our receipt costs a second sweep of
    # what is left, never a second payment: the advanced counter suffices here.
    final_block = node.block_at(tip.height - depth + 1)
    return Finality.DEAD if node.sequence(key.account, final_block) > key.nonce else None


def _in_pool(node: EvmNode, txid: str, receipt: Receipt | None) -> Finality:
    return Finality.PENDING if receipt is None and node.knows(txid) else Finality.UNKNOWN


def _is_final(node: EvmNode, height: int, tip: BlockRef) -> bool:
    # Depth counts the block itself: depth 1 is "in the tip".
    return tip.height - height + 1 >= node.params.chain.final_depth
