"""Open Solana wallets of either mechanism on the local VM, and the deposit accounts of the hot one.

Local chains only: slots are sealed by hand instead of waited for. On a real network an operator pays for the
accounts and runs the same steps.

Example:
    lay_solana_groundwork(chains.solana, solana_specs, opener)
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from custody.chains.solana.frost_setup import FrostOpener, verify_frost_deposits, verify_frost_wallet
from custody.chains.solana.keytext import key_text
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.params import LOCAL
from custody.chains.solana.setup import Opener, verify_deposits, verify_wallet
from custody.devnet.solana_vm import SolanaVm
from custody.keys import ed25519
from custody.primitives.secret import Secret
from exchange.app.blueprint import WalletSpec
from exchange.app.wallet_kits import HOT
from exchange.app.wallets import frost_wallet, is_frost, spl_wallet

FEE_PAYER_FLOAT_LAMPORTS = 10**10
OPENER_FLOAT_LAMPORTS = 10**11
GROUP_FLOAT_LAMPORTS = 10**7
"""A group's address pays its fees itself, and the first ones before anything came in from deposit accounts."""
SOLANA_DEPOSITS = 32
"""Deposit accounts opened in advance: an address is handed out only after its account stands."""


def lay_solana_groundwork(chain: SolanaVm, specs: Sequence[WalletSpec], opener: Secret) -> None:
    """Open the wallets.

    Args:
        chain: The local VM.
        specs: Hot and cold wallets on it.
        opener: Ed25519 key that opens accounts.

    Raises:
        VerificationFailed: What stands on chain when it is final is not what the specification says.
        NodeUnavailable: The VM does not answer.
    """
    node = SolanaNode(chain.rpc)
    chain.fund(key_text(ed25519.public_key(opener).raw), OPENER_FLOAT_LAMPORTS)
    checks: list[Callable[[], None]] = []
    for spec in specs:
        made: Opener | FrostOpener
        if is_frost(spec):
            group = frost_wallet(spec)
            made = FrostOpener(node, group, lambda message: ed25519.sign(opener, message))
            checks.append(partial(verify_frost_wallet, node, group))
            checks += [partial(verify_frost_deposits, node, group, range(SOLANA_DEPOSITS))] * (spec.tier == HOT)
        else:
            wallet = spl_wallet(spec)
            chain.fund(wallet.fee_payer, FEE_PAYER_FLOAT_LAMPORTS)
            made = Opener(node, wallet, lambda message: ed25519.sign(opener, message))
            checks.append(partial(verify_wallet, node, wallet))
            checks += [partial(verify_deposits, node, wallet, range(SOLANA_DEPOSITS))] * (spec.tier == HOT)
        made.open_wallet()
        if isinstance(made, FrostOpener):
            chain.fund(frost_wallet(spec).address, GROUP_FLOAT_LAMPORTS)
        if spec.tier == HOT:
            made.open_deposits(range(SOLANA_DEPOSITS))
    chain.mine(LOCAL.chain.final_depth)
    for check in checks:
        check()
