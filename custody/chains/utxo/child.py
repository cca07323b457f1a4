"""Child pays for parent: our own change of a payment that waits is spent to ourselves, at a fee that lifts both.

For networks and payments whose fee cannot be raised by a replacement. A miner who wants the child's fee must mine the
payment first.

Rules:
    * One input, the payment's change, and one output, the same place of ours: it pays nobody, whatever happens.
    * Both fees together stay within what the payment's intents allow.
    * Only where ids are fixed by the signatures: a child of a changed id could never be mined, nor proven dead.

Example:
    plan = plan_child(wallet, Parent(plan, signed), sat_per_kvb, fee_max_sat)
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.port import SignedTx
from custody.chains.utxo.coins import Coin, UtxoOutput, UtxoPlan, resource
from custody.chains.utxo.psbt import without_witness
from custody.chains.utxo.sizes import fee_sat, vsize
from custody.chains.utxo.wallet import CHANGE, UtxoWallet

LEAST_GAIN_SHARE = 4
"""A child must raise the rate of both together by at least one part in so many, or it is not worth its bytes."""


@dataclass(frozen=True, slots=True)
class Parent:
    """A payment that waits: its plan, and the bytes that nodes have."""

    plan: UtxoPlan
    signed: SignedTx


def child_key(wallet: UtxoWallet, parent: Parent) -> str | None:
    """Name the change of a payment, the conflict key of its child; None if it has none of use."""
    coin = _change(wallet, parent)
    return None if coin is None else resource(wallet.params.chain.id, coin.txid, coin.vout)


def plan_child(wallet: UtxoWallet, parent: Parent, wanted_sat_per_kvb: int, fee_max_sat: int) -> UtxoPlan | None:
    """Plan the child of a payment; None if the caps, the change or the network leave no room for one that helps.

    Args:
        wallet: Whose payment.
        parent: What waits.
        wanted_sat_per_kvb: What would confirm soon, as the node estimates.
        fee_max_sat: Most that payment and child may cost together.
    """
    coin, policy = _change(wallet, parent), wallet.params.fees
    if coin is None or wallet.params.is_malleable:
        return None
    script = wallet.script_pubkey(coin.branch, coin.index)
    own, paid = vsize(wallet, 1, (script,)), parent.plan.fee_sat
    waiting = vsize(wallet, len(parent.plan.inputs), [output.script for output in parent.plan.outputs])
    both = own + waiting
    raised = -(-paid * both * (LEAST_GAIN_SHARE + 1) // (waiting * LEAST_GAIN_SHARE))
    least = max(fee_sat(own, policy.floor), raised - paid)
    most = min(fee_max_sat - paid, coin.value_sat - policy.dust_sat, fee_sat(both, policy.cap) - paid)
    if most < least:
        return None
    fee = min(max(fee_sat(both, wanted_sat_per_kvb) - paid, least), most)
    return UtxoPlan.ordered((coin,), (UtxoOutput(coin.value_sat - fee, script, coin.index),))


def _change(wallet: UtxoWallet, parent: Parent) -> Coin | None:
    raw = without_witness(parent.signed.raw)
    for vout, output in enumerate(parent.plan.outputs):
        if output.change_index is not None and output.value_sat >= wallet.params.fees.dust_sat:
            return Coin(parent.signed.txid, vout, output.value_sat, CHANGE, output.change_index, raw)
    return None
