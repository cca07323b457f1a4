"""What an officer is shown of a cold plan before approving it; symbol and decimals are ours, never the plan's.

Rules:
    * An approval covers base units and asset key. A plan that names the asset otherwise than we do is refused: with
      other decimals the screen would show another amount than the one approved.
    * Base units stand first; a payment without a memo says so.

Example:
    lines = payment_lines(decode_cold_plan(raw), known_assets(home))
"""

from __future__ import annotations

from collections.abc import Mapping

from custody.chains.registry import NATIVES
from custody.cold.files import plain
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import UnknownAsset, VerificationFailed
from custody.primitives.intent import intent_hash
from exchange.app.blueprint import load_blueprint
from exchange.app.cold_requests import ColdPlan
from exchange.app.home import Home


class LabelDiffers(VerificationFailed):
    """A plan gives an asset another symbol or other decimals than we do."""

    code = "asset_label_differs"


def known_assets(home: Home) -> Mapping[str, Asset]:
    """Assets by key: those of the installation, or the coins of all chains where this home has no blueprint.

    Raises:
        InvalidBlueprint: The blueprint is damaged.
    """
    if not home.blueprint.exists():
        return {asset.key: asset for asset in NATIVES.values()}
    rows = load_blueprint(home.blueprint).assets
    assets = (Asset(row.symbol, row.decimals, ChainId(row.chain), row.contract) for row in rows)
    return {asset.key: asset for asset in assets}


def payment_lines(plan: ColdPlan, known: Mapping[str, Asset]) -> list[str]:
    """Say what a plan's payment is, line by line; nothing in a line can change the screen.

    Args:
        plan: As it was read from its file.
        known: From `known_assets`.

    Raises:
        UnknownAsset: An asset that is not known here.
        LabelDiffers: Symbol or decimals are not ours.
    """
    intent = plan.intent
    for amount in (intent.amount, intent.fee_max):
        _require_ours(amount.asset, known)
    lines = (
        f"pays         {_whole(intent.amount)}",
        f"to           {intent.to.text}",
        f"memo         {intent.memo}" if intent.memo else "no memo",
        f"fee          at most {_whole(intent.fee_max)}",
        f"wallet       {plan.request.wallet_id}",
        f"id           {intent.withdrawal_id}",
        f"intent       {intent_hash(intent).hex()}",
    )
    return [plain(line) for line in lines]


def _require_ours(asset: Asset, known: Mapping[str, Asset]) -> None:
    ours = known.get(asset.key)
    if ours is None:
        raise UnknownAsset(f"cold plan: {plain(asset.key)} is no asset known here", asset=asset.key)
    if asset != ours:
        raise LabelDiffers(
            f"cold plan: it calls {ours.key} {asset.symbol} with {asset.decimals} decimals;"
            f" it is {ours.symbol} with {ours.decimals}",
            asset=ours.key,
        )


def _whole(amount: Amount) -> str:
    return f"{amount.units} base units of {amount.asset.key}, {amount}"
