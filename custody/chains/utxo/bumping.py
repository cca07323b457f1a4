"""How much dearer the next replacement of a waiting transaction should be.

Rules:
    * A raise pays the old fee, the relay of its own bytes, and a twentieth more: signatures differ by a byte
      or two, and the real rate must rise whatever their lengths.
    * A step is at least a quarter, so that few steps reach the cap; every step is signed by people's machines.

Spec: BIP-125 rules 3, 4 and the rate rule of its implementations.
"""

from __future__ import annotations

from custody.chains.utxo.coins import UtxoPlan
from custody.chains.utxo.sizes import fee_sat, vsize
from custody.chains.utxo.wallet import UtxoWallet

STEP_SHARE = 4
"""A step raises the fee by at least one part in so many."""
MARGIN_SHARE = 20
"""The smallest raise that certainly raises the real rate is one part in so many."""


def next_rate(wallet: UtxoWallet, plan: UtxoPlan, wanted_sat_per_kvb: int, fee_max_sat: int) -> int | None:
    """Return the fee rate of the next replacement, None if the caps leave no room for one.

    Args:
        wallet: Gives sizes and the network's policy.
        plan: What waits.
        wanted_sat_per_kvb: What would confirm soon, as the node estimates.
        fee_max_sat: Most that may be paid in all.
    """
    policy, old = wallet.params.fees, plan.fee_sat
    size = vsize(wallet, len(plan.inputs), [output.script for output in plan.outputs])
    change_sat = sum(output.value_sat for output in plan.outputs if output.change_index is not None)
    least = old + max(fee_sat(size, policy.increment), -(-old // MARGIN_SHARE))
    most = min(fee_max_sat, old + change_sat - policy.dust_sat)
    lowest, highest = -(-least * 1_000 // size), min(policy.cap, most * 1_000 // size)
    if highest < lowest:
        return None
    step = -(-(old + -(-old // STEP_SHARE)) * 1_000 // size)
    return min(max(lowest, step, wanted_sat_per_kvb), highest)
