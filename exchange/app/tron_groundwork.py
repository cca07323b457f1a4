"""Open Tron accounts on the local ledger and hand them to their quorums.

Local chains only. On a real network an operator funds the accounts and runs the same steps.

Example:
    lay_tron_groundwork(simulator, tron_specs, {"hot-trx": key, "cold-trx": other})
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from custody.chains.tron.node import TronNode
from custody.chains.tron.setup import open_account, verify_wallet
from custody.devnet.tron_simulator import TronSimulator
from custody.keys.ecdsa import sign_recoverable
from custody.primitives.secret import Secret
from exchange.app.blueprint import WalletSpec
from exchange.app.patience import until_it_stands
from exchange.app.wallets import tron_wallet

TRON_FLOAT_SUN = 200 * 10**6
"""For the permission update, 100 TRX, and some bandwidth."""
STATION_FLOAT_SUN = 10**9
"""For the sweeps of some thirty deposits of tokens."""


def lay_tron_groundwork(chain: TronSimulator, specs: Sequence[WalletSpec], account_keys: Mapping[str, Secret]) -> None:
    """Open the accounts of the Tron wallets, hand them to their quorums, and compare what stands.

    Args:
        chain: The running simulator.
        specs: Tron wallets.
        account_keys: secp256k1 key that opens the account, by wallet id; useless afterwards.

    Raises:
        SetUpRefused: The ledger does not take the permissions.
        TronAccountChanged: What stands on chain a minute later is not what the specification says.
    """
    wallets = [tron_wallet(spec) for spec in specs]
    for wallet in wallets:
        chain.fund(wallet.address.text, TRON_FLOAT_SUN)
        if wallet.station_address is not None:
            chain.fund(wallet.station_address, STATION_FLOAT_SUN)
    node = TronNode(chain.http, wallets[0].params)
    for wallet in wallets:
        until_it_stands(partial(open_account, node, wallet, partial(sign_recoverable, account_keys[wallet.id])))
    for wallet in wallets:
        until_it_stands(partial(verify_wallet, node, wallet))
