"""Sweeps: what a deposit account holds goes to the wallet's account, and nowhere else.

Rules:
    * TRX: the balance less the highest price of the bytes; what was reserved and not burnt stays behind and goes
      with the next sweep.
    * Tokens: the whole balance; the account needs TRX for bytes and energy, which the gas station lends.
    * The energy that a sweep may burn is bounded by a limit of its own, far below that of a payment: the
      wallet's account has held the token before, but for the first time.

Example:
    state = sweep_state(wallet, node, 7, usdt)
    if sweepable(wallet, state):
        move = plan_sweep(wallet, state)
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.tron.deposit import DepositBranch
from custody.chains.tron.move import OWN_PERMISSION, AccountMove, window_of
from custody.chains.tron.node import TronNode
from custody.chains.tron.plan import Moment, TronPlan
from custody.chains.tron.rawtx import RawPayment
from custody.chains.tron.reader import moment_of
from custody.chains.tron.wallet import TronWallet
from custody.primitives.asset import Asset
from custody.primitives.errors import InsufficientFunds, InvalidInput

SWEEP_TAG = "mext/tron-sweep/1"
SWEEP_BYTES = 320
"""A TRX payment with one signature takes about 270 bytes, the room for its result included."""
TOKEN_SWEEP_BYTES = 400
"""A token's transfer with one signature takes about 350; a test measures it."""


@dataclass(frozen=True, slots=True)
class SweepState:
    """What one deposit account can give of one asset at one moment.

    Attributes:
        index: Its place in the deposit branch.
        asset: TRX or a listed token.
        units: What it holds of the asset.
        sun: What it holds in TRX.
        moment: The chain now.
    """

    index: int
    asset: Asset
    units: int
    sun: int
    moment: Moment


def reserve_sun(wallet: TronWallet, asset: Asset) -> int:
    """What an account must hold for the network, beside what it sends."""
    prices = wallet.params.prices
    if asset.contract is None:
        return SWEEP_BYTES * prices.per_byte
    return TOKEN_SWEEP_BYTES * prices.per_byte + prices.sweep_fee_limit


def sweepable(wallet: TronWallet, state: SweepState) -> int:
    """Base units a sweep would bring; 0 if the account cannot pay for it, or TRX would cost more than half of it."""
    reserve = reserve_sun(wallet, state.asset)
    if state.asset.contract is not None:
        return state.units if state.sun >= reserve else 0
    value = state.sun - reserve
    return value if value > reserve else 0


def sweep_state(wallet: TronWallet, node: TronNode, index: int, asset: Asset) -> SweepState:
    """Ask for what a deposit account holds.

    Raises:
        LimitExceeded: The index is outside the window.
        NodeUnavailable: No answer.
    """
    account, native = branch_of(wallet).address(index), wallet.params.native
    sun = node.balance(account, native)
    units = sun if asset == native else node.balance(account, asset)
    return SweepState(index, asset, units, sun, moment_of(node))


def plan_sweep(wallet: TronWallet, state: SweepState) -> AccountMove:
    """Build the payment to the wallet's account.

    Raises:
        LimitExceeded: The index is outside the window.
        UnknownAsset: A token that is not listed.
        InsufficientFunds: Nothing worth sweeping, or no TRX for it.
    """
    asset, units = wallet.asset_of(state.asset.contract), sweepable(wallet, state)
    if units == 0:
        raise InsufficientFunds(
            f"deposit account {state.index}: {state.units} base units of {asset.symbol} are not worth a sweep, or "
            f"{state.sun} sun cannot pay it"
        )
    branch = branch_of(wallet)
    payment = RawPayment(
        owner=branch.address(state.index),
        to=wallet.address.text,
        units=units,
        contract=asset.contract,
        permission_id=OWN_PERMISSION,
        fee_limit_sun=wallet.params.prices.sweep_fee_limit if asset.contract else 0,
        window=window_of(wallet, state.moment),
    )
    plan = TronPlan(payment, asset, state.index)
    return AccountMove(wallet, plan, branch.public_key(state.index), state.index, SWEEP_TAG)


def branch_of(wallet: TronWallet) -> DepositBranch:
    """The wallet's deposit accounts.

    Raises:
        InvalidInput: It has none.
    """
    if wallet.deposits is None:
        raise InvalidInput(f"wallet {wallet.id} has no deposit accounts")
    return wallet.deposits
