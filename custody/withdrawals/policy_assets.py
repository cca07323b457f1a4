"""A policy beside the assets of the house: does every rule speak of something that exists and can be paid?

Example:
    list(asset_faults(policy, {"BTC": btc}))
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from custody.primitives.asset import Asset
from custody.withdrawals.policy_fault import Fault
from custody.withdrawals.rules import Effect, Policy


def asset_faults(policy: Policy, assets: Mapping[str, Asset]) -> Iterator[Fault]:
    """Name assets and chains that do not exist, and permissions without a fee cap to pay under.

    Args:
        policy: Any.
        assets: Those of the house, by symbol.
    """
    chains = {asset.chain for asset in assets.values()}
    for chain in sorted(policy.fee_caps.keys() - chains):
        yield Fault("unknown", f"fee_caps.{chain}", f"no asset of the house lives on {chain!r}", "correct the name")
    for index, entry in enumerate(policy.allow_list):
        if entry.chain not in chains:
            text = f"allow-list entry {entry.name}: no asset of the house lives on {entry.chain!r}"
            yield Fault("unknown", f"allow_list[{index}].chain", text, "correct the name")
    for index, rule in enumerate(policy.rules):
        path = f"rules[{index}].match.assets"
        for symbol in sorted(rule.match.assets or ()):
            asset = assets.get(symbol)
            if asset is None:
                text = f"rule {rule.name}: the house has no asset {symbol!r}"
                yield Fault("unknown", path, text, "correct the name")
            elif rule.effect is Effect.PERMIT and asset.chain not in policy.fee_caps:
                text = f"rule {rule.name}: {symbol} is unreachable, {asset.chain} has no fee cap"
                yield Fault("unreachable", path, text, "add one to fee_caps, or take the asset out")
