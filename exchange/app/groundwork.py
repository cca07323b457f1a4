"""Put the wallets on local chains: deploy Safes, open Solana accounts, give senders their float.

Local chains only. On a real network an operator sends the same calls and pays for them.

Example:
    lay_groundwork(chains, wallets, opener_key)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial

from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.solana.frost_setup import FrostOpener, verify_frost_deposits, verify_frost_wallet
from custody.chains.solana.keytext import key_text
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.setup import Opener, verify_deposits, verify_wallet
from custody.devnet.network import LocalChains
from custody.devnet.solana_vm import SolanaVm
from custody.keys import ed25519
from custody.primitives.errors import VerificationFailed
from custody.primitives.secret import Secret
from exchange.app.blueprint import WalletSpec
from exchange.app.wallets import frost_wallet, is_frost, safe_wallet, spl_wallet

SENDER_FLOAT_WEI = 10**18
FEE_PAYER_FLOAT_LAMPORTS = 10**10
OPENER_FLOAT_LAMPORTS = 10**11
SOLANA_DEPOSITS = 32
"""Deposit accounts opened in advance: an address is handed out only after its account stands."""
WAIT_S = 60
_POLL_S = 0.2


def lay_groundwork(chains: LocalChains, specs: Sequence[WalletSpec], opener: Secret) -> None:
    """Make all wallets usable on chain.

    Args:
        chains: Running local chains.
        specs: Hot and cold wallets.
        opener: Ed25519 key that opens Solana accounts.

    Raises:
        VerificationFailed: What stands on chain is not what the specification says.
        NodeUnavailable: A chain does not answer, or accounts were not open in a minute.
    """
    for spec in specs:
        if spec.chain == "ethereum-local":
            safe = safe_wallet(spec)
            deploy_on_devnet(chains.ethereum.node, safe)
            if spec.tier == "hot":
                chains.ethereum.fund(safe.sender_address, SENDER_FLOAT_WEI)
    solana = [spec for spec in specs if spec.chain == "solana-local"]
    if solana:
        lay_solana_groundwork(chains.solana, solana, opener)


def lay_solana_groundwork(chain: SolanaVm, specs: Sequence[WalletSpec], opener: Secret) -> None:
    """Open Solana wallets of either mechanism, and the deposit accounts of the hot one.

    Args:
        chain: The local VM.
        specs: Hot and cold wallets on it.
        opener: Ed25519 key that opens accounts.

    Raises:
        VerificationFailed, NodeUnavailable: See `lay_groundwork`.
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
            checks += [partial(verify_frost_deposits, node, group, range(SOLANA_DEPOSITS))] * (spec.tier == "hot")
        else:
            wallet = spl_wallet(spec)
            chain.fund(wallet.fee_payer, FEE_PAYER_FLOAT_LAMPORTS)
            made = Opener(node, wallet, lambda message: ed25519.sign(opener, message))
            checks.append(partial(verify_wallet, node, wallet))
            checks += [partial(verify_deposits, node, wallet, range(SOLANA_DEPOSITS))] * (spec.tier == "hot")
        made.open_wallet()
        if spec.tier == "hot":
            made.open_deposits(range(SOLANA_DEPOSITS))
    _wait_until_open(checks)


def _wait_until_open(checks: Sequence[Callable[[], None]]) -> None:
    until = time.monotonic() + WAIT_S
    while True:
        try:
            for check in checks:
                check()
        except VerificationFailed:
            if time.monotonic() > until:
                raise
        else:
            return
        time.sleep(_POLL_S)
