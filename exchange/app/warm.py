"""The warm wallet of a chain in the blueprint: an option, between hot, which pays, and cold, which stores.

Example:
    spec = warm_on(blueprint, "bitcoin-regtest")
"""

from __future__ import annotations

from custody.chains.registry import chain_row
from custody.primitives.chain import ChainId, Family
from exchange.app.blueprint import Blueprint, InvalidBlueprint, WalletSpec
from exchange.app.wallet_kits import WARM

WARM_FAMILIES = frozenset({Family.UTXO, Family.EVM})
"""Families whose parts can put a third wallet between hot and cold."""


def warm_on(blueprint: Blueprint, chain: str) -> WalletSpec | None:
    """The warm wallet on a chain; None where there is none.

    Raises:
        InvalidBlueprint: Several, one under the name or the keys of another wallet, or a family that cannot have one.
    """
    here = [spec for spec in blueprint.wallets if spec.chain == chain]
    warm = [spec for spec in here if spec.tier == WARM]
    if not warm:
        return None
    family = chain_row(ChainId(chain)).family
    if family not in WARM_FAMILIES:
        raise InvalidBlueprint(
            f"blueprint: {chain} can have no warm wallet; only {', '.join(sorted(WARM_FAMILIES))} can"
        )
    if len(warm) > 1:
        raise InvalidBlueprint(f"blueprint: {chain} has {len(warm)} warm wallets instead of one")
    (found,) = warm
    others = [spec for spec in here if spec is not found]
    if found.id in {spec.id for spec in others}:
        raise InvalidBlueprint(f"blueprint: two wallets on {chain} are called {found.id}")
    keys = {member.key for spec in others for member in spec.members}
    if keys & {member.key for member in found.members}:
        raise InvalidBlueprint(f"wallet {found.id}: who holds a key of another tier can empty both")
    return found
