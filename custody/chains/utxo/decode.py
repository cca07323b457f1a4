"""Read an unsigned PSBT of ours back into the plan it was written from.

Rules:
    * What is read is written again and must be the same bytes: nothing hides in a field not looked at.
    * A previous transaction must hash to the outpoint it stands for.

Spec: BIP-174.
"""

from __future__ import annotations

from embit.base import EmbitError

from custody.chains.utxo.coins import Coin, UtxoOutput, UtxoPlan
from custody.chains.utxo.psbt import encode_plan, parse_psbt, without_witness
from custody.chains.utxo.wallet import CHANGE, UtxoWallet
from custody.primitives.errors import InvalidInput, MalformedPayload


def decode_plan(wallet: UtxoWallet, raw: bytes) -> UtxoPlan:
    """Read a plan of this wallet.

    Raises:
        MalformedPayload: Not exactly what `encode_plan` writes for this wallet.
    """
    psbt = parse_psbt(raw)
    if not psbt.inputs or not psbt.outputs:
        raise MalformedPayload(f"{wallet.id}: a transaction without inputs or outputs")
    inputs = tuple(_coin(wallet, scope, number) for number, scope in enumerate(psbt.inputs))
    outputs = tuple(_output(wallet, scope, number) for number, scope in enumerate(psbt.outputs))
    plan = UtxoPlan.ordered(inputs, outputs)
    try:
        written = encode_plan(wallet, plan)
    except InvalidInput as error:  # a place outside the window
        raise MalformedPayload(f"{wallet.id}: {error.message}") from error
    if written != raw:
        raise MalformedPayload(f"{wallet.id}: not an unsigned transaction as this wallet writes it")
    return plan


def _coin(wallet: UtxoWallet, scope: object, number: int) -> Coin:
    place = _place(wallet, scope)
    try:
        scope.verify()  # type: ignore[attr-defined]  # embit has no types
        previous = scope.non_witness_utxo  # type: ignore[attr-defined]
        spent = previous.vout[scope.vout]  # type: ignore[attr-defined]
    except (EmbitError, IndexError) as error:
        raise MalformedPayload(f"{wallet.id}: input {number}: the previous transaction is absent or another") from error
    if place is None:
        raise MalformedPayload(f"{wallet.id}: input {number} is not of this wallet")
    return Coin(
        txid=scope.txid.hex(),  # type: ignore[attr-defined]
        vout=scope.vout,  # type: ignore[attr-defined]
        value_sat=spent.value,
        branch=place[0],
        index=place[1],
        previous_tx=without_witness(previous.serialize()),
    )


def _output(wallet: UtxoWallet, scope: object, number: int) -> UtxoOutput:
    place = _place(wallet, scope)
    if place is not None and place[0] != CHANGE:
        raise MalformedPayload(f"{wallet.id}: output {number} is marked as change on another branch")
    value: int = scope.value  # type: ignore[attr-defined]
    script: bytes = scope.script_pubkey.data  # type: ignore[attr-defined]
    return UtxoOutput(value, script, place[1] if place else None)


def _place(wallet: UtxoWallet, scope: object) -> tuple[int, int] | None:
    """Branch and index as the derivations state them; writing the plan again proves or refutes it."""
    first = wallet.cosigners[0]
    for stated in scope.bip32_derivations.values():  # type: ignore[attr-defined]
        if stated.fingerprint == first.fingerprint and len(stated.derivation) == len(first.path) + 2:
            branch, index = stated.derivation[-2:]
            return branch, index
    return None
