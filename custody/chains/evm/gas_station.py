"""Is a token worth its gas, and what does its deposit account lack to pay for the sweep?

Rules:
    * Only a token whose worth in the native coin is configured is swept: what nobody prices moves nowhere.
    * Swept is what brings more than sweep and top-up may cost together, at the highest price offered.
    * The station pays just what is missing.
"""

from __future__ import annotations

from custody.chains.evm.params import Pricing
from custody.chains.evm.sweep import SweepState
from custody.chains.evm.upkeep import TRANSFER_GAS
from custody.chains.token_worth import TokenWorth


def is_worth_its_gas(state: SweepState, worth: TokenWorth, pricing: Pricing) -> bool:
    """Tell whether a token sweep brings more than it may cost, the top-up before it included."""
    around = state.fee_wei_per_gas * (TRANSFER_GAS + pricing.extra_gas) + pricing.layer_fee_wei
    return worth.native_of(state.units) > state.reserve_wei + around


def missing_wei(state: SweepState) -> int:
    """What the account lacks to pay for the sweep; 0 if nothing."""
    return max(0, state.reserve_wei - state.balance_wei)
