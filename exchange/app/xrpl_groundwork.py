"""Put XRP Ledger wallets on a local ledger: fund, signer list, tags required, tickets, master key off.

Local chains only: ledgers are closed by hand instead of waited for. On a real network an operator funds the accounts
and runs the same steps.

Example:
    open_xrpl(chains.node("xrpl-local"), [(wallet, master_key) for wallet, master_key in ...])
"""

from __future__ import annotations

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
MAX_LEDGERS = 20
"""Signer list, tag, tickets and master key take a ledger each."""


def open_xrpl(chain: XrplSimulator, wallets: Sequence[tuple[XrplWallet, Secret]]) -> None:
    """Open accounts and hand them over to their members.

    Args:
        chain: A running local ledger.
        wallets: Each with the master key of its account, which is worth nothing afterwards.

    Raises:
        InvalidInput: A master key is not its account's.
        NodeUnavailable: The ledger does not answer, or an account did not stand after twenty ledgers.
        VerificationFailed: What stands on the ledger is not what the wallet says.
    """
    node = XrplNode(chain.rpc)
    for wallet, master in wallets:
        chain.fund(wallet.account, ACCOUNT_FLOAT_DROPS)
        opener = AccountOpener(node, wallet, ecdsa.public_key(master), _signing_with(master))
        for _ in range(MAX_LEDGERS):
            if opener.step():
                break
            chain.mine()
        else:
            raise NodeUnavailable(f"wallet {wallet.id}: not open after {MAX_LEDGERS} ledgers", wallet=wallet.id)


def _signing_with(key: Secret) -> Callable[[bytes], bytes]:
    return lambda digest: ecdsa.sign_der(key, digest)
