"""Hand stored bytes to a node; sending the same bytes twice is the same as once.

Rules:
    * The node must compute the txid that was stored, and must accept every script, before anything is sent.
    * "Already known" is success, and so is any refusal of a transaction the node turns out to have.
    * A refusal is `TxRejected` with the node's own words, and releases nothing: only `finality` proves
      an attempt dead. What speaks of the pool and not of the bytes (it is full) is `NodeUnavailable`.

Example:
    UtxoBroadcaster(params, node).broadcast(signed)
"""

from __future__ import annotations

from custody.chains.port import SignedTx
from custody.chains.utxo.params import UtxoParams
from custody.nodes.bitcoin import BitcoinNode
from custody.nodes.jsonrpc import NodeError
from custody.primitives.errors import NodeUnavailable, Refused
from custody.primitives.ids import TxId
from custody.primitives.invariant import invariant

PASSING_REASONS = ("mempool min fee not met", "mempool full", "too-long-mempool-chain", "too many unconfirmed")
"""Refusals that say something about the pool now, not about the bytes."""


class TxRejected(Refused):
    """The node refuses these bytes; its text is in `reason`."""

    code = "tx_rejected"


class UtxoBroadcaster:
    """`Broadcaster` over one node."""

    def __init__(self, params: UtxoParams, node: BitcoinNode) -> None:
        self.params = params
        self.node = node

    def broadcast(self, tx: SignedTx) -> TxId:
        """Send, unless the node has it already.

        Raises:
            TxRejected: The node rejects these bytes (its text in the message).
            NodeUnavailable: No answer, or a refusal that may pass; whether it was relayed is unknown.
        """
        computed, reason = self.node.test_accept(tx.raw)
        invariant(computed == tx.txid, "the bytes have the txid they were stored under", txid=tx.txid)
        if not reason:
            try:
                self.node.send(tx.raw)
            except NodeError as error:
                # The answer may be wrong about what happened: look before believing it.
                reason = error.rpc_message
            else:
                return tx.txid
        place = self.node.place(tx.txid)
        if place is not None and (place.confirmations > 0 or place.block_hash is None):  # not a stale block
            return tx.txid
        if any(passing in reason for passing in PASSING_REASONS):
            raise NodeUnavailable(f"{self.params.chain.id}: {tx.txid} not accepted now: {reason}", reason=reason)
        raise TxRejected(f"{self.params.chain.id}: {tx.txid} rejected: {reason}", reason=reason)
