"""Is a token worth its energy, what does its deposit account lack to pay for the sweep, and who lends it?

Rules:
    * Only a token whose worth in TRX is configured is swept: what nobody prices moves nowhere.
    * Swept is what brings more than sweep and top-up may cost together, at the pinned prices.
    * The station, an account of its own, pays just what is missing, to deposit accounts only; it is no deposit.
    * What the sweep does not burn comes home with the next sweep of TRX.

Example:
    if is_worth_its_energy(wallet, state, worth):
        move = top_up(wallet, state, station_sun)
"""

from __future__ import annotations

from custody.chains.token_worth import TokenWorth
from custody.chains.tron.move import OWN_PERMISSION, AccountMove, window_of
from custody.chains.tron.plan import TronPlan
from custody.chains.tron.rawtx import RawPayment
from custody.chains.tron.sweep import SWEEP_BYTES, SweepState, branch_of, reserve_sun
from custody.chains.tron.wallet import TronWallet
from custody.primitives.errors import InsufficientFunds, InvalidInput

TOP_UP_TAG = "mext/tron-top-up/1"


def is_worth_its_energy(wallet: TronWallet, state: SweepState, worth: TokenWorth) -> bool:
    """Tell whether a token sweep brings more than it may cost, the top-up before it included."""
    prices = wallet.params.prices
    around = SWEEP_BYTES * prices.per_byte + prices.activation
    return worth.native_of(state.units) > reserve_sun(wallet, state.asset) + around


def missing_sun(wallet: TronWallet, state: SweepState) -> int:
    """What the account lacks to pay for the sweep; 0 if nothing."""
    return max(0, reserve_sun(wallet, state.asset) - state.sun)


def top_up(wallet: TronWallet, state: SweepState, station_sun: int) -> AccountMove:
    """Plan the TRX that a deposit account lacks.

    Args:
        wallet: With a gas station and deposit accounts.
        state: Of the account.
        station_sun: What the gas station has to offer.

    Raises:
        InvalidInput: The wallet has no gas station or no deposit accounts, or nothing is missing.
        LimitExceeded: The index is outside the window.
        InsufficientFunds: The station holds too little: fill it up.
    """
    missing, branch = missing_sun(wallet, state), branch_of(wallet)
    if wallet.station is None or wallet.station_address is None or missing == 0:
        raise InvalidInput(f"wallet {wallet.id}: no gas station, or a top-up of nothing")
    payment = RawPayment(
        owner=wallet.station_address,
        to=branch.address(state.index),
        units=missing,
        contract=None,
        permission_id=OWN_PERMISSION,
        fee_limit_sun=0,
        window=window_of(wallet, state.moment),
    )
    plan, opening = TronPlan(payment, wallet.params.native, state.index), wallet.params.prices.activation
    move = AccountMove(wallet, plan, wallet.station, state.index, TOP_UP_TAG, opening)
    if missing + move.fee.units > station_sun:
        raise InsufficientFunds(
            f"{wallet.id}: the gas station holds {station_sun} sun, a top-up takes {missing + move.fee.units}",
            asset=wallet.params.native.key,
        )
    return move
