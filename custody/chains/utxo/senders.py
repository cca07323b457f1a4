"""Whose coins a transaction spent: one text for every place, for the screening.

Rules:
    * Every input counts: one listed coin among a hundred is reason enough to look.
    * A bare public key is named by the address of that key, as the lists name it.
    * A script without an address is named as a script, which no screening can read: people look at it.

Example:
    senders_of(tx, BITCOIN)  # ("bc1q...", "script:5221...")
"""

from __future__ import annotations

from custody.chains.utxo.address import address_of_script
from custody.chains.utxo.params import UtxoParams
from custody.keys.hd import hash160
from custody.nodes.bitcoin_answers import BlockTx
from custody.primitives.errors import NodeUnavailable

_SHOWN_CHARS = 80
_OP_CHECKSIG = 0xAC
_KEY_SIZES = (33, 65)


def senders_of(tx: BlockTx, params: UtxoParams) -> tuple[str, ...]:
    """Name the places of all spent outputs, each once, in the order of the inputs.

    Raises:
        NodeUnavailable: The block was read without what its inputs spend.
    """
    places: dict[str, None] = {}
    for entry in tx.inputs:
        if entry.spent is None:
            raise NodeUnavailable(f"{params.chain.id}: {tx.txid} without what it spends", txid=tx.txid)
        places[_place(entry.spent.script, params)] = None
    return tuple(places)


def _place(script: bytes, params: UtxoParams) -> str:
    if len(script) - 2 in _KEY_SIZES and script[0] == len(script) - 2 and script[-1] == _OP_CHECKSIG:
        script = b"\x76\xa9\x14" + hash160(script[1:-1]) + b"\x88\xac"
    address = address_of_script(script, params)
    return address.text if address else f"script:{script.hex()[:_SHOWN_CHARS]}"
