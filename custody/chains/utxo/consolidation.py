"""Gather many small coins into one of our own while fees are low (attacks B13, E08).

A wallet of dust-like coins cannot pay when fees are high: every coin costs its share. Gathering pays nobody and
has no intent; signers do it only for wallets whose rules allow own moves.

Rules:
    * Only at a calm fee rate, only when there are many coins, and for at most a tenth of what is gathered.
    * A coin that costs more than it brings stays where it is.

Example:
    plan = plan_consolidation(wallet, reader.small_coins(reserved))
"""

from __future__ import annotations

from custody.chains.utxo.coins import Coins, UtxoOutput, UtxoPlan
from custody.chains.utxo.selection import MAX_INPUTS
from custody.chains.utxo.sizes import fee_sat, vsize
from custody.chains.utxo.wallet import CHANGE, UtxoWallet

MIN_GATHERED = 50
"""Fewer coins are no burden, and payments in parallel need some."""
MAX_COST_SHARE = 10
"""The fee is at most one part in so many of what is gathered."""


def plan_consolidation(wallet: UtxoWallet, small: Coins) -> UtxoPlan | None:
    """Plan one transaction that gathers the smallest coins, or None when it is not worth while now.

    Args:
        wallet: Whose coins, and who gets them.
        small: From `UtxoReader.small_coins`; the smallest of them are taken, at most `MAX_INPUTS`.
    """
    rate, fees = small.fee_sat_per_kvb, wallet.params.fees
    if not fees.floor <= rate <= fees.calm:
        return None
    script = wallet.script_pubkey(CHANGE, small.change_index)

    def fee_of(inputs: int) -> int:
        return fee_sat(vsize(wallet, inputs, (script,)), rate)

    own_cost = fee_of(2) - fee_of(1)
    worth = [coin for coin in small.coins if coin.value_sat >= fees.dust_sat and coin.value_sat > own_cost]
    chosen = tuple(sorted(worth, key=lambda coin: (coin.value_sat, coin.txid, coin.vout))[:MAX_INPUTS])
    total, fee = sum(coin.value_sat for coin in chosen), fee_of(len(chosen))
    if len(chosen) < MIN_GATHERED or fee * MAX_COST_SHARE > total or total - fee < fees.dust_sat:
        return None
    return UtxoPlan.ordered(chosen, (UtxoOutput(total - fee, script, small.change_index),))
