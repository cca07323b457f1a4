"""Sends signed bytes, and settles an unclear answer by looking the transaction up.

Rules:
    * The bytes are stored before they come here; nothing is ever rebuilt or signed again.
    * "Already exists" is success. Any other refusal is believed only after the node was asked for the id:
      an expired transaction may be in a block since a minute.
    * Only codes that no waiting can cure are `Refused`; a refused attempt is still dead only by `finality`.
"""

from __future__ import annotations

from custody.chains.port import SignedTx
from custody.chains.tron.node import TronNode
from custody.primitives.errors import NodeUnavailable, Refused
from custody.primitives.ids import TxId

TAKEN = frozenset({"SUCCESS", "DUP_TRANSACTION_ERROR"})
FOR_GOOD = frozenset(
    {
        "SIGERROR",
        "CONTRACT_VALIDATE_ERROR",
        "CONTRACT_EXE_ERROR",
        "BANDWITH_ERROR",  # java-tron's spelling
        "TOO_BIG_TRANSACTION_ERROR",
        "TRANSACTION_EXPIRATION_ERROR",
    }
)
"""Codes of java-tron after which these bytes are not sent again; TAPOS_ERROR may be a node that is behind."""
_MAX_TEXT_CHARS = 400


class TronNodeRefuses(Refused):
    """The node rejects these bytes; its code and text are in the message."""

    code = "tron_node_refuses"


class TronBroadcaster:
    """Broadcaster of the family; see `custody.chains.port.Broadcaster`."""

    def __init__(self, node: TronNode) -> None:
        self.node = node

    def broadcast(self, tx: SignedTx) -> TxId:
        """Hand the bytes to the node; the same bytes again are safe.

        Raises:
            TronNodeRefuses: A signature, the contract or the expiration is not acceptable to the node.
            NodeUnavailable: No answer, or a refusal that may pass (busy, no connection, behind).
        """
        txid, code, text = self.node.send(tx.raw)
        if txid and txid != tx.txid:
            raise NodeUnavailable(f"node answers with id {txid[:100]} for {tx.txid}")
        if code in TAKEN or self.node.info(tx.txid, solid=False) is not None or self.node.is_pending(tx.txid):
            return tx.txid
        said = f"{tx.txid}: {code}: {text[:_MAX_TEXT_CHARS]}"
        if code in FOR_GOOD:
            raise TronNodeRefuses(said, txid=tx.txid, node_code=code)
        raise NodeUnavailable(said, txid=tx.txid, node_code=code)
