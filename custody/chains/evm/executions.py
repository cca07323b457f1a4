"""What a Safe executed with one of its nonces, proven from the chain's own events.

Rules:
    * SafeL2 logs every execution with all its fields and its nonce. From them the SafeTx hash is
      computed here, and the success or failure event must carry the same hash.
    * A nonce that is used but whose execution is not found proves nothing.
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.evm.abi import NONCE, WORD
from custody.chains.evm.answers import Log, Receipt
from custody.chains.evm.keccak import keccak256
from custody.chains.evm.node import EvmNode
from custody.chains.evm.safe_tx import hash_of_fields
from custody.primitives.chain import BlockRef
from custody.primitives.errors import NodeUnavailable

SEARCH_CHUNK_BLOCKS = 5_000
"""Public endpoints limit one search for events to 10,000 blocks or fewer."""
SEARCH_CHUNKS = 40
"""200,000 blocks: about a month of Ethereum, far longer than a payment waits."""

MULTISIG_TOPIC = keccak256(
    b"SafeMultiSigTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes,bytes)"
)
SUCCESS_TOPIC = keccak256(b"ExecutionSuccess(bytes32,uint256)")
FAILURE_TOPIC = keccak256(b"ExecutionFailure(bytes32,uint256)")

_HEAD_WORDS = 11


@dataclass(frozen=True, slots=True)
class Execution:
    """One use of a Safe nonce.

    Attributes:
        safe_tx_hash: What was executed, 64 hex digits.
        txid: Account transaction that carried it.
        height: Block height.
        succeeded: ExecutionSuccess; False means the nonce was used and no value moved.
    """

    safe_tx_hash: str
    txid: str
    height: int
    succeeded: bool


def safe_nonce(node: EvmNode, safe: str, at: BlockRef | None = None) -> int:
    """Next nonce of a Safe, as of a block.

    Raises:
        NodeUnavailable: No Safe answers there: it is not deployed, or the node is behind.
    """
    answer = node.view(safe, NONCE, at)
    if len(answer) != WORD:
        raise NodeUnavailable(f"{node.params.chain.id}: no Safe answers at {safe}; is it deployed?", safe=safe)
    return int.from_bytes(answer, "big")


def executions_in(receipt: Receipt, chain_id: int, safe: str) -> dict[int, Execution]:
    """Every execution of this Safe inside one transaction, by Safe nonce."""
    outcome = {
        log.topics[1].hex(): log.topics[0] == SUCCESS_TOPIC
        for log in receipt.logs
        if log.emitter == safe and len(log.topics) == 2 and log.topics[0] in (SUCCESS_TOPIC, FAILURE_TOPIC)
    }
    found = {}
    for log in receipt.logs:
        logged = _logged(log, chain_id) if log.emitter == safe else None
        if logged is not None and logged[1] in outcome:
            nonce, digest = logged
            found[nonce] = Execution(digest, receipt.txid, receipt.height, outcome[digest])
    return found


def find_execution(node: EvmNode, safe: str, nonce: int, tip: BlockRef) -> Execution | None:
    """Search backwards for the execution that used a nonce.

    Returns:
        None if it is not in the last 200,000 blocks: nothing is proven then.
    """
    last = tip.height
    for _ in range(SEARCH_CHUNKS):
        first = max(0, last - SEARCH_CHUNK_BLOCKS + 1)
        for txid in reversed(node.logs(safe, MULTISIG_TOPIC, first, last)):
            receipt = node.receipt(txid)
            found = executions_in(receipt, node.params.chain_id, safe) if receipt else {}
            if nonce in found:
                return found[nonce]
            if found and max(found) < nonce:
                return None  # nonces only grow: what lies further back is older still
        if first == 0:
            return None
        last = first - 1
    return None


def _logged(log: Log, chain_id: int) -> tuple[int, str] | None:
    """Nonce and SafeTx hash of a SafeMultiSigTransaction event; None for any other event.

    The hash is taken over all logged fields, gas and refund included, so that an execution which
    this software would never build is recognised as well.
    """
    body = log.body
    if log.topics != (MULTISIG_TOPIC,) or len(body) < _HEAD_WORDS * WORD:
        return None
    call = _tail(body, int.from_bytes(body[2 * WORD : 3 * WORD], "big"))
    additional = _tail(body, int.from_bytes(body[10 * WORD : 11 * WORD], "big"))
    if call is None or additional is None or len(additional) < WORD:
        return None
    fields = body[: 2 * WORD] + keccak256(call) + body[3 * WORD : 9 * WORD] + additional[:WORD]
    return int.from_bytes(additional[:WORD], "big"), hash_of_fields(chain_id, log.emitter, fields).hex()


def _tail(body: bytes, offset: int) -> bytes | None:
    size = int.from_bytes(body[offset : offset + WORD], "big")
    content = body[offset + WORD : offset + WORD + size]
    return content if len(content) == size else None
