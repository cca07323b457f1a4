"""Sending stored bytes to a Solana node.

Rules:
    * The same bytes again are safe: the chain executes a durable nonce's value once.
    * A refusal is final only with proof; "blockhash not found" may be a node that is behind.

Example:
    SplBroadcaster(node).broadcast(signed)
"""

from __future__ import annotations

from custody.chains.port import SignedTx
from custody.chains.solana.finality import attempt_finality
from custody.chains.solana.node import SolanaNode
from custody.nodes.jsonrpc import NodeError
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable, Refused
from custody.primitives.ids import TxId

_PREFLIGHT_FAILURE = -32002
_SIGNATURE_FAILURE = -32003
_MALFORMED = -32602
_MAX_TEXT_CHARS = 600


class NodeRefuses(Refused):
    """The node rejects these bytes; its text is in the message."""

    code = "solana_node_refuses"


class SplBroadcaster:
    """Broadcaster of the family; see `custody.chains.port.Broadcaster`."""

    def __init__(self, node: SolanaNode) -> None:
        self._node = node

    def broadcast(self, tx: SignedTx) -> TxId:
        """Hand the bytes to the node, unless it knows them already.

        Raises:
            Refused: The node's own execution fails, a signature does not verify, or the nonce's value was
                used by another finalized transaction.
            NodeUnavailable: No answer, or the nonce's value is unknown to the node: it may be behind.
        """
        if self._node.status(tx.txid) is not None:
            return tx.txid
        try:
            answered = self._node.send(tx.raw)
        except NodeError as error:
            return self._judge(tx, error)
        if answered != tx.txid:
            raise NodeUnavailable(f"node answers with id {answered[:100]} for {tx.txid}")
        return tx.txid

    def _judge(self, tx: SignedTx, error: NodeError) -> TxId:
        text = f"{error.rpc_message} {error.data}".strip()[:_MAX_TEXT_CHARS]
        if "AlreadyProcessed" in text:
            return tx.txid
        if error.rpc_code not in {_PREFLIGHT_FAILURE, _SIGNATURE_FAILURE, _MALFORMED}:
            raise error
        if "BlockhashNotFound" in text:
            outcome = attempt_finality(self._node, tx.txid, tx.conflict_key)
            if outcome in {Finality.MINED, Finality.FINAL, Finality.FAILED}:
                return tx.txid  # it landed between our question and our sending
            if outcome is not Finality.DEAD:
                raise NodeUnavailable(f"{tx.txid}: the node does not know the nonce's value: {text}") from error
        raise NodeRefuses(f"{tx.txid}: {text}", txid=tx.txid, rpc_code=error.rpc_code) from error
