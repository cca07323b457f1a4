"""Sends signed bytes, and settles an unclear answer by looking the transaction up.

Rules:
    * The bytes are stored before they come here; nothing is ever rebuilt or signed again.
    * An error of the node is not believed before its own receipt was asked: it may have relayed.
    * Only texts that no waiting can cure are `Refused`.
"""

from __future__ import annotations

from custody.chains.evm.node import EvmNode
from custody.chains.evm.outer_tx import txid_of
from custody.chains.port import SignedTx
from custody.nodes.jsonrpc import NodeError
from custody.primitives.errors import MalformedPayload, Refused
from custody.primitives.ids import TxId

FOR_GOOD = (
    "nonce too low",
    "invalid sender",
    "chain id",
    "intrinsic gas too low",
    "exceeds block gas limit",
    "gas limit too high",
    "max priority fee per gas higher than max fee per gas",
    "failed to decode",
    "rlp",
)
"""Parts of node texts, lower case, after which these bytes can never be mined."""


class BytesRejected(Refused):
    """The node rejects these bytes for good; its text is in the message."""

    code = "bytes_rejected"


class EvmBroadcaster:
    """Sends to one node."""

    def __init__(self, node: EvmNode) -> None:
        self.node = node

    def broadcast(self, tx: SignedTx) -> TxId:
        """Hand the bytes to the node; the same bytes again are safe.

        Raises:
            MalformedPayload: The bytes are not those of this txid.
            BytesRejected: Another transaction used the nonce, or the bytes are unacceptable.
            NodeUnavailable: No answer, or a refusal that may pass (empty sender, low fee, full pool).
        """
        if txid_of(tx.raw) != tx.txid:
            raise MalformedPayload(f"the bytes have id {txid_of(tx.raw)}, not {tx.txid}")
        try:
            self.node.send_raw(tx.raw)
        except NodeError as error:
            # "already known", "nonce too low" after a lost answer: the transaction itself decides.
            if self.node.knows(tx.txid):
                return tx.txid
            text = error.rpc_message.lower()
            if any(part in text for part in FOR_GOOD):
                raise BytesRejected(f"{self.node.params.chain.id}: {error.rpc_message}", txid=tx.txid) from error
            raise
        return tx.txid
