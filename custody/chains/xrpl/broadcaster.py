"""Sending stored bytes to an XRP Ledger node.

Rules:
    * The same bytes again are safe: a ticket is used once.
    * What the node answers is provisional. Only what is wrong with the bytes themselves is a refusal; everything
      else is settled by looking at validated ledgers.

Example:
    XrplBroadcaster(node).broadcast(signed)
"""

from __future__ import annotations

from custody.chains.port import SignedTx
from custody.chains.xrpl.finality import attempt_finality
from custody.chains.xrpl.node import XrplNode
from custody.nodes.jsonrpc import NodeError
from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable, Refused
from custody.primitives.ids import TxId

_TAKEN = frozenset({"tesSUCCESS", "terQUEUED", "tefALREADY"})
_WRONG_BYTES = frozenset(
    {"tefBAD_QUORUM", "tefBAD_SIGNATURE", "tefNOT_MULTI_SIGNING", "tefMASTER_DISABLED", "tefBAD_AUTH"}
)
_SLOT_GONE = frozenset({"tefPAST_SEQ", "tefNO_TICKET", "tefMAX_LEDGER", "terPRE_TICKET"})
_KNOWN = frozenset({Finality.PENDING, Finality.FINAL, Finality.FAILED})


class LedgerRefuses(Refused):
    """The node rejects these bytes; its text is in the message."""

    code = "xrpl_node_refuses"


class XrplBroadcaster:
    """Broadcaster of the family; see `custody.chains.port.Broadcaster`."""

    def __init__(self, node: XrplNode) -> None:
        self._node = node

    def broadcast(self, tx: SignedTx) -> TxId:
        """Hand the bytes to the node.

        Raises:
            Refused: The bytes are malformed or their signatures do not count, or they are provably dead.
            NodeUnavailable: No answer, or one that says nothing lasting: whether it was relayed is unknown.
        """
        try:
            answer = self._node.submit(tx.raw)
        except NodeError as error:
            if error.rpc_message == "invalidTransaction":  # malformed, or a signature that does not hold
                raise LedgerRefuses(f"{tx.txid}: {error.data[:400]}", txid=tx.txid) from error
            raise
        if answer.result in _TAKEN or answer.result.startswith("tec"):
            return tx.txid  # a provisional tec is relayed too, and may succeed in the ledger that counts
        text = f"{tx.txid}: {answer.result} {answer.message}".strip()
        if answer.result in _WRONG_BYTES or answer.result.startswith("tem"):
            raise LedgerRefuses(text, txid=tx.txid, result=answer.result)
        if answer.result in _SLOT_GONE:
            outcome = attempt_finality(self._node, tx.txid, tx.conflict_key)
            if outcome in _KNOWN:
                return tx.txid
            if outcome is Finality.DEAD:
                raise LedgerRefuses(text, txid=tx.txid, result=answer.result)
        raise NodeUnavailable(text, txid=tx.txid, result=answer.result)
