"""Tokens of a local installation: what the wallets, the signers, the policy and the books need of each.

Local chains only: nobody else lists a token by default. On a real network an operator writes the same into the
blueprint, the policy and the signers' rules.

Rules:
    * A token is its contract, or mint, on one chain; what else calls itself by the symbol is another asset.
    * A token without a worth is credited and paid out; on chains that are swept it stays where it arrived.

Example:
    asset = Asset("USDT", 6, ChainId("tron-local"), "T...")
    usdt = LocalToken(asset, 9, 0, daily=10**9, hourly=10**10, worth=TokenWorth(10**6, 4 * 10**6))
    provision_wallets(home, chains, tokens=[usdt])
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from custody.chains.token_worth import TokenWorth
from custody.primitives.asset import Asset
from exchange.app.blueprint import AssetSpec, WalletSpec


@dataclass(frozen=True, slots=True)
class LocalToken:
    """One token.

    Attributes:
        asset: Symbol, decimals, chain and contract.
        number, exponent: Its number in the ledger, and the power of ten of one quantum in base units.
        daily, hourly: Most that the policy lets one customer take out a day, and a signer lets out an hour; base units.
        worth: In the chain's coin, for the gas station; None where nobody sweeps, or nobody shall.
    """

    asset: Asset
    number: int
    exponent: int
    daily: int
    hourly: int
    worth: TokenWorth | None = None

    def row(self) -> AssetSpec:
        """Its row in the blueprint."""
        asset = self.asset
        return AssetSpec(asset.symbol, asset.decimals, asset.chain, asset.contract, self.number, self.exponent)

    def text(self) -> str:
        """How the wallets of its chain list it; `exchange.app.wallets` reads it."""
        worth = f":{self.worth.units}={self.worth.native}" if self.worth else ""
        return f"{self.asset.symbol}:{self.asset.decimals}:{self.asset.contract}{worth}"

    def rule(self) -> str:
        """Its rule in the policy: two of the staff approve, within a limit a customer and day."""
        symbol = self.asset.symbol
        return (
            f"  - name: customers-{symbol.lower()}\n"
            "    effect: permit\n"
            f"    match: {{ kinds: [customer], assets: [{symbol}], sources: [hot], destinations: [one_time, book] }}\n"
            "    groups: [{ name: treasury, approvers: [alice, bob, carol], threshold: 2 }]\n"
            "    limits:\n"
            f"      - {{ scope: customer, window_s: 86400, max_units: {self.daily} }}\n"
        )


def listing(spec: WalletSpec, tokens: Iterable[LocalToken]) -> WalletSpec:
    """The wallet with the tokens of its chain on its list."""
    here = ",".join(token.text() for token in tokens if token.asset.chain == spec.chain)
    return replace(spec, service={**spec.service, "tokens": here}) if here else spec
