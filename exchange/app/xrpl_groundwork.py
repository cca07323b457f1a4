"""Put XRP Ledger wallets on a local ledger: fund, signer list, tags required, tickets, master key off.

Local chains only. On a real network an operator funds the accounts and runs the same steps.

Example:
    open_xrpl(chains.node("xrpl-local"), [(wallet, master_key) for wallet, master_key in ...])
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from custody.chains.xrpl.node import XrplNode
from custody.chains.xrpl.setup import AccountOpener
from custody.chains.xrpl.wallet import XrplWallet
from custody.devnet.xrpl_simulator import XrplSimulator
from custody.keys import ecdsa
from custody.primitives.errors import NodeUnavailable
from custody.primitives.secret import Secret

ACCOUNT_FLOAT_DROPS = 20_000_000
"""Reserve of an account with 32 tickets is 7.6 XRP; the rest pays for fees."""
WAIT_S = 60
_POLL_S = 0.2


def open_xrpl(chain: XrplSimulator, wallets: Sequence[tuple[XrplWallet, Secret]]) -> None:
    """Open accounts and hand them over to their members.

    Args:
        chain: A running local ledger.
        wallets: Each with the master key of its account, which is worth nothing afterwards.

    Raises:
        InvalidInput: A master key is not its account's.
        NodeUnavailable: The ledger does not answer, or an account did not stand in a minute.
        VerificationFailed: What stands on the ledger is not what the wallet says.
    """
    node = XrplNode(chain.rpc)
    for wallet, master in wallets:
        chain.fund(wallet.account, ACCOUNT_FLOAT_DROPS)
        opener = AccountOpener(node, wallet, ecdsa.public_key(master), _signing_with(master))
        until = time.monotonic() + WAIT_S
        while not opener.step():
            if time.monotonic() > until:
                raise NodeUnavailable(f"wallet {wallet.id}: not open after {WAIT_S} s", wallet=wallet.id)
            time.sleep(_POLL_S)


def _signing_with(key: Secret) -> Callable[[bytes], bytes]:
    return lambda digest: ecdsa.sign_der(key, digest)
