"""The digests that signatures of the UTXO family cover, for sighash type ALL alone.

Spec: BIP-143 for segwit inputs; the original algorithm for the others.
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.signers.decoders.utxo_psbt import RawOutput, RawTx, compact_size, double_sha256

SIGHASH_ALL = 1


@dataclass(frozen=True, slots=True)
class Spent:
    """What one input spends: its output, and the multisig script behind it."""

    output: RawOutput
    inner_script: bytes


class SegwitDigests:
    """Digests of one transaction; the parts that all inputs share are hashed once."""

    def __init__(self, tx: RawTx) -> None:
        self._tx = tx
        self._prevouts = double_sha256(b"".join(e.txid + _u32(e.vout) for e in tx.inputs))
        self._sequences = double_sha256(b"".join(_u32(e.sequence) for e in tx.inputs))
        self._outputs = double_sha256(b"".join(output.serialize() for output in tx.outputs))

    def digest(self, number: int, spent: Spent) -> bytes:
        """Return the 32 bytes to sign for one input."""
        entry = self._tx.inputs[number]
        return double_sha256(
            _u32(self._tx.version)
            + self._prevouts
            + self._sequences
            + entry.txid
            + _u32(entry.vout)
            + compact_size(len(spent.inner_script))
            + spent.inner_script
            + spent.output.value_sat.to_bytes(8, "little")
            + _u32(entry.sequence)
            + self._outputs
            + _u32(self._tx.locktime)
            + _u32(SIGHASH_ALL)
        )


def legacy_digest(tx: RawTx, number: int, spent: Spent) -> bytes:
    """Return the 32 bytes to sign for one input before segwit."""
    inputs = b"".join(
        entry.txid
        + _u32(entry.vout)
        + (compact_size(len(spent.inner_script)) + spent.inner_script if at == number else b"\x00")
        + _u32(entry.sequence)
        for at, entry in enumerate(tx.inputs)
    )
    outputs = b"".join(output.serialize() for output in tx.outputs)
    return double_sha256(
        _u32(tx.version)
        + compact_size(len(tx.inputs))
        + inputs
        + compact_size(len(tx.outputs))
        + outputs
        + _u32(tx.locktime)
        + _u32(SIGHASH_ALL)
    )


def _u32(value: int) -> bytes:
    return value.to_bytes(4, "little")
