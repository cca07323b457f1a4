"""Which coins of deposits may be moved: those that were looked at, and nothing stands against.

Rules:
    * An address with one deposit that is not screened yet, or set aside, is not swept: a sweep takes the whole
      account and would mix its coins with all others.
    * A coin of a deposit is spent only once the deposit is credited; dust is never spent.

Example:
    for address in sweepable(records, chain_id): ...
"""

from __future__ import annotations

from collections.abc import Collection

from custody.primitives.chain import ChainId
from custody.wallets.deposit import DepositState
from custody.wallets.ports import CoinRecords

_SPENDABLE = (DepositState.CREDITED, DepositState.FINAL)
_OPEN = (DepositState.SEEN, DepositState.CREDITING, DepositState.UNATTRIBUTED, DepositState.QUARANTINED)


def sweepable(records: CoinRecords, chain: ChainId) -> frozenset[str]:
    """Return the addresses that received something final and hold nothing that must stay apart."""
    return records.addresses_in(chain, (DepositState.FINAL,)) - records.addresses_in(chain, _OPEN)


def spendable_keys(records: CoinRecords, keys: Collection[str]) -> frozenset[str]:
    """Return those deposits whose coins may be spent.

    Args:
        records: Deposits.
        keys: "chain/txid/index" of each coin on a handed-out address.
    """
    return records.keys_in(keys, _SPENDABLE)
