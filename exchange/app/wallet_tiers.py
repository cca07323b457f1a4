"""Which wallets of the blueprint do what on a chain: hot pays, cold stores, and warm, an option, refills hot.

Example:
    hot, cold = wallets_on(blueprint, "bitcoin-regtest")
    warm = warm_on(blueprint, "bitcoin-regtest")
"""

from __future__ import annotations

from custody.chains.registry import chain_row
from custody.primitives.chain import ChainId, Family
from exchange.app.blueprint import Blueprint, InvalidBlueprint, WalletSpec
from exchange.app.wallet_kits import WARM

SEVERAL_LANES = frozenset({Family.EVM})
"""Families that can pay from several hot wallets of a chain side by side."""
WARM_FAMILIES = frozenset({Family.UTXO, Family.EVM})
"""Families whose parts can put a third wallet between hot and cold."""


def wallets_on(blueprint: Blueprint, chain: str) -> tuple[tuple[WalletSpec, ...], WalletSpec]:
    """The hot wallets on a chain, and the cold one. The first hot wallet receives; the others only pay.

    Raises:
        InvalidBlueprint: No hot wallet, several in a family that has one lane, two of one name, or not one cold wallet.
    """
    here = [spec for spec in blueprint.wallets if spec.chain == chain and spec.tier != WARM]
    hot, cold = (tuple(spec for spec in here if spec.tier == tier) for tier in ("hot", "cold"))
    if not hot or len(cold) != 1 or len({spec.id for spec in here}) != len(hot) + 1 or len(here) != len(hot) + 1:
        raise InvalidBlueprint(f"blueprint: {chain} needs hot wallets and one cold wallet, each with a name of its own")
    if len(hot) > 1 and chain_row(ChainId(chain)).family not in SEVERAL_LANES:
        raise InvalidBlueprint(f"blueprint: {chain} pays from one hot wallet, not from {len(hot)}")
    return hot, cold[0]


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
