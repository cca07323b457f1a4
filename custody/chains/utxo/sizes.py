"""Sizes and fees: how large a transaction will be at most once everybody has signed.

Rules:
    * Every signature is counted with its greatest length, so that the fee rate is never below the wish.
    * Fees round up.

Spec: BIP-141 (weight).
"""

from __future__ import annotations

from collections.abc import Iterable

from custody.chains.utxo.params import ScriptType
from custody.chains.utxo.wallet import UtxoWallet

MAX_SIGNATURE_BYTES = 72
"""DER with low s (71) and the sighash byte."""
MAX_WEIGHT = 400_000
"""Larger transactions are not relayed."""

_WEIGHT_PER_BYTE = 4
_KEY_PUSH_BYTES = 34


def vsize(wallet: UtxoWallet, inputs: int, scripts: Iterable[bytes]) -> int:
    """Return the largest virtual size in bytes.

    Args:
        wallet: Gives threshold and number of keys.
        inputs: How many coins are spent.
        scripts: Output scripts.
    """
    return -(-weight(wallet, inputs, scripts) // _WEIGHT_PER_BYTE)


def weight(wallet: UtxoWallet, inputs: int, scripts: Iterable[bytes]) -> int:
    """Return the largest weight; four a byte, one a witness byte."""
    lengths = [8 + _count_bytes(len(script)) + len(script) for script in scripts]
    frame = 4 + _count_bytes(inputs) + _count_bytes(len(lengths)) + 4
    segwit_marker = 2 if wallet.params.script is ScriptType.WSH else 0
    return _WEIGHT_PER_BYTE * (frame + sum(lengths)) + segwit_marker + inputs * input_weight(wallet)


def input_weight(wallet: UtxoWallet) -> int:
    """Return the weight of one spent coin with all signatures."""
    script = 3 + _KEY_PUSH_BYTES * len(wallet.cosigners)
    signatures = wallet.threshold * (1 + MAX_SIGNATURE_BYTES)
    if wallet.params.script is ScriptType.WSH:
        # Number of items, the empty item CHECKMULTISIG wants, signatures, script; and an empty scriptSig.
        return 1 + 1 + signatures + _count_bytes(script) + script + _WEIGHT_PER_BYTE * (32 + 4 + 1 + 4)
    push = 1 if script <= 75 else 2 if script <= 255 else 3
    script_sig = 1 + signatures + push + script
    return _WEIGHT_PER_BYTE * (32 + 4 + _count_bytes(script_sig) + script_sig + 4)


def fee_sat(virtual_bytes: int, sat_per_kvb: int) -> int:
    """Return the fee for a size at a rate, rounded up."""
    return -(-virtual_bytes * sat_per_kvb // 1_000)


def _count_bytes(count: int) -> int:
    return 1 if count < 0xFD else 3 if count <= 0xFFFF else 5
