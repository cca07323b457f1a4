"""Signatures of a plan: which digest each one must cover, who has signed, and the finished bytes.

Rules:
    * Only SIGHASH_ALL. A signature with any other flag is bad, however well it verifies.
    * Every signature given is verified; one that does not hold spoils the call and is named.
    * The same key twice for one input counts once.

Spec: BIP-143 (digests), BIP-147 (the empty first item), BIP-174 (finalizer, extractor).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

import wallycore as wally

from custody.chains.utxo.coins import UtxoPlan
from custody.chains.utxo.params import ScriptType
from custody.chains.utxo.psbt import encode_plan, unsigned_tx
from custody.chains.utxo.wallet import UtxoWallet
from custody.keys.ecdsa import verify_der
from custody.keys.material import PublicKey, Signature
from custody.primitives.errors import BadSignature
from custody.primitives.ids import TxId
from custody.primitives.invariant import invariant

SIGHASH_ALL = 1

SignaturesByInput = Sequence[Mapping[PublicKey, bytes]]
"""For each input: verified signatures (DER and sighash byte) by key."""


@lru_cache(maxsize=8)  # a pipeline asks again after each of m signatures; a plan may hold megabytes
def signing_digests(wallet: UtxoWallet, plan: UtxoPlan) -> tuple[bytes, ...]:
    """Return the 32-byte digest that signatures of each input cover."""
    tx = wally.tx_from_bytes(unsigned_tx(plan).serialize(), 0)
    flags = wally.WALLY_TX_FLAG_USE_WITNESS if wallet.params.script is ScriptType.WSH else 0
    return tuple(
        bytes(
            wally.tx_get_btc_signature_hash(
                tx, number, wallet.multisig_script(coin.branch, coin.index), coin.value_sat, SIGHASH_ALL, flags
            )
        )
        for number, coin in enumerate(plan.inputs)
    )


def verified_signatures(wallet: UtxoWallet, plan: UtxoPlan, signatures: Sequence[Signature]) -> SignaturesByInput:
    """Check every signature and sort them by input.

    Raises:
        BadSignature: One is by a stranger, for an input that is not there, of another sighash type,
            not strict DER with low s, or does not verify.
    """
    digests = signing_digests(wallet, plan)
    keys = [wallet.public_cosigner_keys(coin.branch, coin.index) for coin in plan.inputs]
    found: list[dict[PublicKey, bytes]] = [{} for _ in plan.inputs]
    for signature in signatures:
        where = f"{wallet.id}: input {signature.index}, key {signature.key.raw.hex()}"
        if not 0 <= signature.index < len(plan.inputs):
            raise BadSignature(f"{where}: there is no such input", key=signature.key.raw.hex())
        if signature.key not in keys[signature.index]:
            raise BadSignature(f"{where}: not a cosigner of this input", key=signature.key.raw.hex())
        if signature.value[-1:] != bytes([SIGHASH_ALL]):
            raise BadSignature(f"{where}: sighash type is not ALL", key=signature.key.raw.hex())
        verify_der(signature.key, digests[signature.index], signature.value[:-1])
        # A signer repeats its answer after a crash: the first of two good ones stays.
        found[signature.index].setdefault(signature.key, signature.value)
    return found


def finished_bytes(wallet: UtxoWallet, plan: UtxoPlan, found: SignaturesByInput) -> tuple[TxId, bytes]:
    """Put enough verified signatures into the transaction.

    Args:
        wallet, plan: What is spent.
        found: At least `threshold` signatures for every input.

    Returns:
        The txid and the bytes a node accepts.
    """
    psbt = wally.psbt_from_bytes(encode_plan(wallet, plan), 0)
    for number, by_key in enumerate(found):
        invariant(len(by_key) >= wallet.threshold, "every input has a quorum", input=number)
        # By key, so that one set of signatures always makes the same bytes.
        for key in sorted(by_key, key=lambda key: key.raw)[: wallet.threshold]:
            wally.psbt_add_input_signature(psbt, number, key.raw, by_key[key])
    wally.psbt_finalize(psbt, 0)
    invariant(bool(wally.psbt_is_finalized(psbt)), "a quorum on every input completes the transaction")
    tx = wally.psbt_extract(psbt, 0)
    raw = bytes(wally.tx_to_bytes(tx, wally.WALLY_TX_FLAG_USE_WITNESS))
    txid = bytes(wally.tx_get_txid(tx))[::-1].hex()
    if wallet.params.script is ScriptType.WSH:
        planned = unsigned_tx(plan)
        invariant(txid == planned.txid().hex(), "signing leaves the txid of a segwit transaction alone", txid=txid)
    return TxId(txid), raw
