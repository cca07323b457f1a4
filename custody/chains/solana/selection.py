"""Which token accounts a payment draws from, and whether the fee payer can carry it.

Rules:
    * Largest first, ties by address: the fewest accounts, and the same choice for the same state.
    * Nothing is drawn from an account that is paid: what it gains must be the whole payment, since that
      is what its owner is credited with. So a collection never draws from the vault it fills.
"""

from __future__ import annotations

from custody.chains.solana.state import Draw, Route, SplPayment, SplState
from custody.chains.solana.wallet import SplWallet
from custody.primitives.asset import Asset
from custody.primitives.errors import InsufficientFunds


def choose_draws(
    wallet: SplWallet, spendable: SplState, wanted: tuple[Asset, tuple[SplPayment, ...]]
) -> tuple[Draw, ...]:
    """Take sources until the total is reached, the last one in part.

    Args:
        wallet: Whose sources.
        spendable: What they hold.
        wanted: Asset and payments.

    Raises:
        InsufficientFunds: All sources that may be drawn from hold less.
    """
    asset, payments = wanted
    total, paid = sum(payment.units for payment in payments), {payment.to for payment in payments}
    if wallet.receive_address(asset).text in paid:
        paid.add(wallet.vault(asset))
    sources = [
        source
        for source in spendable.sources
        if source.asset == asset and source.units > 0 and source.account not in paid
    ]
    sources.sort(key=lambda source: (-source.units, source.account))
    draws: list[Draw] = []
    missing = total
    for source in sources:
        if missing == 0:
            break
        taken = min(source.units, missing)
        draws.append(Draw(source.account, taken, source.stale))
        missing -= taken
    if missing:
        held = total - missing
        raise InsufficientFunds(f"{wallet.id}: {held} of {total} {asset.symbol} units", asked=total, held=held)
    return tuple(draws)


def verify_fee_payer(wallet: SplWallet, spendable: SplState, fee: int, route: Route) -> None:
    """Refuse what the fee payer cannot carry, down to the rent it must itself keep.

    Raises:
        InsufficientFunds: Its balance is too low; needed and held in lamports.
    """
    needed = fee + lent_lamports(wallet, route) + wallet.params.empty_account_rent
    if spendable.fee_payer_lamports < needed:
        held = spendable.fee_payer_lamports
        raise InsufficientFunds(f"{wallet.id}: fee payer holds {held} of {needed} lamports", asked=needed, held=held)


def lent_lamports(wallet: SplWallet, route: Route) -> int:
    """What the fee payer lends within the transaction: the rent of the throw-away account."""
    return wallet.params.token_account_rent if route is Route.UNWRAP else 0
