"""Recognise our own payment where somebody changed its txid on the way (Mt. Gox, 2014).

Before segwit the txid covers the input scripts, which no signature covers: a relay or a miner can push something
useless, push the same in a longer form, or turn s into n - s. Another quorum of the same wallet signs otherwise, too.

Rules:
    * Signers sign SIGHASH_ALL and nothing else, so that what is signed is everything but the input scripts: two
      transactions with the same rest are one payment, and whoever changes the rest needs other signatures.
    * The bytes a node gives must have the id they were asked by.

Example:
    is_same_payment(signed.raw, node.raw_txs([spender])[0], spender)
"""

from __future__ import annotations

from embit.script import Script

from custody.chains.utxo.psbt import parse_tx
from custody.primitives.errors import NodeUnavailable


def is_same_payment(ours: bytes, found: bytes, found_txid: str) -> bool:
    """Tell whether two transactions differ in their input scripts only.

    Args:
        ours: Complete bytes that we stored.
        found: Complete bytes as a node gives them.
        found_txid: The id that node was asked for.

    Raises:
        NodeUnavailable: The node gave other bytes than those of the id.
        MalformedPayload: One of them is no transaction.
    """
    seen = parse_tx(found)
    if seen.txid().hex() != found_txid:
        raise NodeUnavailable(f"a node gave other bytes than those of {found_txid}", txid=found_txid)
    return _signed_part(ours) == _signed_part(found)


def _signed_part(raw: bytes) -> bytes:
    tx = parse_tx(raw)
    for entry in tx.vin:
        entry.script_sig = Script(b"")
    return bytes(tx.serialize())
