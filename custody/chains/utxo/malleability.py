"""Recognise our own payment where somebody changed its txid on the way (Mt. Gox, 2014).

Before segwit the txid covers the input scripts, which no signature covers: a relay or a miner can push something
useless, push the same in a longer form, or turn s into n - s. What is paid cannot be changed that way.

Rules:
    * A transaction is ours if, with its input scripts written as we write them, it has the txid we stored: the
      same coins, the same outputs, the same signatures.
    * Other signatures over the same outputs are not recognised; such a spender stays unknown, never dead.

Example:
    canonical_txid(raw) == signed.txid
"""

from __future__ import annotations

from collections.abc import Sequence

from embit.script import Script

from custody.chains.utxo.psbt import parse_tx
from custody.keys.ecdsa import encode_der, parse_der
from custody.keys.hd import CURVE_ORDER
from custody.primitives.errors import BadSignature

_OP_PUSHDATA1, _OP_PUSHDATA2, _OP_PUSHDATA4 = 0x4C, 0x4D, 0x4E
_OP_1NEGATE, _OP_1, _OP_16 = 0x4F, 0x51, 0x60
_OP_BASE = 0x50


def canonical_txid(raw: bytes) -> str:
    """Return the txid a transaction has once its multisig input scripts are in the form we write.

    Raises:
        MalformedPayload: Not a transaction.
    """
    tx = parse_tx(raw)
    for entry in tx.vin:
        entry.script_sig = Script(_canonical(entry.script_sig.data))
    return str(tx.txid().hex())


def _canonical(script_sig: bytes) -> bytes:
    """Empty item, as many signatures as the script behind wants, and that script; anything else stays as it is."""
    items = _pushes(script_sig)
    if not items or not items[-1] or not _OP_1 <= items[-1][0] <= _OP_16:
        return script_sig
    wanted = items[-1][0] - _OP_BASE
    if len(items) < wanted + 2:
        return script_sig
    signatures = [_low(each) for each in items[-1 - wanted : -1]]
    return b"".join(map(_push, [b"", *signatures, items[-1]]))


def _pushes(script: bytes) -> Sequence[bytes]:
    """What a script of pushes leaves on the stack; nothing if it does anything else."""
    items: list[bytes] = []
    at = 0
    while at < len(script):
        code = script[at]
        at += 1
        if code > _OP_PUSHDATA4:
            if not (code == _OP_1NEGATE or _OP_1 <= code <= _OP_16):
                return ()
            items.append(b"\x81" if code == _OP_1NEGATE else bytes([code - _OP_BASE]))
            continue
        width = {_OP_PUSHDATA1: 1, _OP_PUSHDATA2: 2, _OP_PUSHDATA4: 4}.get(code, 0)
        length = int.from_bytes(script[at : at + width], "little") if width else code
        item = script[at + width : at + width + length]
        if len(item) != length:
            return ()
        items.append(item)
        at += width + length
    return items


def _push(item: bytes) -> bytes:
    if len(item) < _OP_PUSHDATA1:
        return bytes([len(item)]) + item
    if len(item) <= 0xFF:
        return bytes([_OP_PUSHDATA1, len(item)]) + item
    return bytes([_OP_PUSHDATA2]) + len(item).to_bytes(2, "little") + item


def _low(signature: bytes) -> bytes:
    """The signature with s in the lower half, its sighash byte kept; what is no signature stays as it is."""
    try:
        r, s = parse_der(signature[:-1])
    except BadSignature:
        return signature
    return encode_der(r, min(s, CURVE_ORDER - s)) + signature[-1:] if 0 < s < CURVE_ORDER else signature
