"""Plans as bytes: canonical JSON, read back strictly.

Rules:
    * Whole numbers that may pass 2**53 are decimal text.
    * What does not read back to a plan of this very wallet is refused, and so is any other spelling of it.
"""

from __future__ import annotations

import json
from typing import Any

from custody.chains.solana.state import Draw, Nonce, Route, SplPayment, SplPlan
from custody.chains.solana.wallet import SplWallet
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import MalformedPayload, ToolkitError

FORMAT = "mext/solana-plan/1"


def encode_plan(plan: SplPlan) -> bytes:
    """Serialise a plan."""
    return canonical_json(
        {
            "format": FORMAT,
            "wallet": plan.wallet_id,
            "nonce": [plan.nonce.account, plan.nonce.value],
            "members": list(plan.members),
            "asset": plan.asset.symbol,
            "route": plan.route.value,
            "draws": [[draw.account, str(draw.units), draw.stale] for draw in plan.draws],
            "payments": [[payment.to, str(payment.units)] for payment in plan.payments],
            "scratch_seed": plan.scratch_seed,
        }
    )


def decode_plan(wallet: SplWallet, raw: bytes) -> SplPlan:
    """Read a plan of this wallet.

    Raises:
        MalformedPayload: Not canonical, incomplete, unbalanced, or of another wallet.
    """
    try:
        plan = _plan(wallet, json.loads(raw))
        canonical = encode_plan(plan) == raw
    except (ValueError, KeyError, TypeError, RecursionError, ToolkitError) as error:
        raise MalformedPayload(f"not a stored Solana plan of wallet {wallet.id}: {error}") from error
    if not canonical:
        raise MalformedPayload(f"stored Solana plan of wallet {wallet.id} is not in canonical form")
    return plan


def _plan(wallet: SplWallet, stored: Any) -> SplPlan:  # noqa: ANN401 - decoded JSON, checked field by field
    if stored["format"] != FORMAT or stored["wallet"] != wallet.id:
        raise MalformedPayload(f"format {stored['format']!r}, wallet {stored['wallet']!r}")
    account, value = stored["nonce"]
    plan = SplPlan(
        wallet_id=wallet.id,
        nonce=Nonce(account, value),
        members=tuple(stored["members"]),
        asset={asset.symbol: asset for asset in wallet.assets}[stored["asset"]],
        route=Route(stored["route"]),
        draws=tuple(Draw(account, int(units), stale) for account, units, stale in stored["draws"]),
        payments=tuple(SplPayment(to, int(units)) for to, units in stored["payments"]),
        scratch_seed=stored["scratch_seed"],
    )
    _verify(wallet, plan)
    return plan


def _verify(wallet: SplWallet, plan: SplPlan) -> None:
    units = [draw.units for draw in plan.draws], [payment.units for payment in plan.payments]
    if min(map(min, units)) <= 0 or sum(units[0]) != sum(units[1]):
        raise MalformedPayload("draws and payments must be above zero and of equal sum")
    known = {member.text for member in wallet.members}
    if len(set(plan.members)) != wallet.threshold or not set(plan.members) <= known:
        raise MalformedPayload("the signing members are not of this wallet")
    if plan.nonce.account not in wallet.nonce_accounts:
        raise MalformedPayload("the nonce account is not of this wallet")
