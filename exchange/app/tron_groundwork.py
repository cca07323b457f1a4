"""Open Tron accounts on the local ledger and hand them to their quorums.

Local chains only: blocks are sealed by hand instead of waited for. On a real network an operator funds the accounts
and runs the same steps.

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
from exchange.app.wallets import tron_wallet

TRON_FLOAT_SUN = 200 * 10**6
"""For the permission update, 100 TRX, and some bandwidth."""
STATION_FLOAT_SUN = 10**9
"""For the sweeps of some thirty deposits of tokens."""
NO_TIME_MS = 1
"""Between blocks sealed here: the chain's clock must not run ahead of ours, which expiries are compared with."""


def lay_tron_groundwork(chain: TronSimulator, specs: Sequence[WalletSpec], account_keys: Mapping[str, Secret]) -> None:
    """Open the accounts of the Tron wallets, hand them to their quorums, and compare what stands.

    Args:
        chain: The running simulator.
        specs: Tron wallets.
        account_keys: secp256k1 key that opens the account, by wallet id; useless afterwards.

    Raises:
        SetUpRefused: The ledger does not take the permissions.
        TronAccountChanged: What stands on chain when it is final is not what the specification says.
    """
    wallets = [tron_wallet(spec) for spec in specs]
    for wallet in wallets:
        chain.fund(wallet.address.text, TRON_FLOAT_SUN)
        if wallet.station_address is not None:
            chain.fund(wallet.station_address, STATION_FLOAT_SUN)
    chain.mine(milliseconds=NO_TIME_MS)
    params = wallets[0].params
    node = TronNode(chain.http, params)
    for wallet in wallets:
        open_account(node, wallet, partial(sign_recoverable, account_keys[wallet.id]))
    chain.mine(params.chain.final_depth, milliseconds=NO_TIME_MS)
    for wallet in wallets:
        verify_wallet(node, wallet)
