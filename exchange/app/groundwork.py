"""Put the wallets on local chains: deploy Safes, open Solana accounts, give senders their float.

Local chains only. On a real network an operator sends the same calls and pays for them.

Example:
    lay_groundwork(chains, wallets, opener_key)
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.registry import chain_row
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.setup import Opener, verify_deposits, verify_wallet
from custody.chains.solana.wallet import SplWallet
from custody.chains.tron.node import TronNode
from custody.chains.tron.setup import SetUpRefused, open_account
from custody.chains.tron.setup import verify_wallet as verify_tron_wallet
from custody.devnet.anvil import AnvilNode
from custody.devnet.network import LocalChains
from custody.devnet.solana_vm import SolanaVm
from custody.devnet.tron_simulator import TronSimulator
from custody.keys import ed25519
from custody.keys.ecdsa import sign_recoverable
from custody.primitives.chain import ChainId, Family
from custody.primitives.errors import VerificationFailed
from custody.primitives.secret import Secret
from exchange.app.blueprint import WalletSpec
from exchange.app.wallet_kits import HOT
from exchange.app.wallets import safe_wallet, spl_wallet, tron_wallet

SENDER_FLOAT_WEI = 10**18
FEE_PAYER_FLOAT_LAMPORTS = 10**10
OPENER_FLOAT_LAMPORTS = 10**11
TRON_FLOAT_SUN = 200 * 10**6
"""For the permission update, 100 TRX, and some bandwidth."""
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
    by_chain: dict[str, list[WalletSpec]] = {}
    for spec in specs:
        by_chain.setdefault(spec.chain, []).append(spec)
    for chain, wallets in by_chain.items():
        family = chain_row(ChainId(chain)).family
        if family is Family.EVM:
            _deploy_safes(chains.evm(chain), wallets)
        elif family is Family.SOLANA:
            _open_solana(chains.solana, [spl_wallet(spec) for spec in wallets], opener)


def _deploy_safes(node: AnvilNode, specs: Sequence[WalletSpec]) -> None:
    for spec in specs:
        safe = safe_wallet(spec)
        deploy_on_devnet(node.node, safe)
        if spec.tier == HOT:
            node.fund(safe.sender_address, SENDER_FLOAT_WEI)
            if safe.station_address is not None:
                node.fund(safe.station_address, SENDER_FLOAT_WEI)


def _open_solana(chain: SolanaVm, wallets: Sequence[SplWallet], opener: Secret) -> None:
    node = SolanaNode(chain.rpc)
    chain.fund(wallets[0].opener, OPENER_FLOAT_LAMPORTS)
    for wallet in wallets:
        chain.fund(wallet.fee_payer, FEE_PAYER_FLOAT_LAMPORTS)
        Opener(node, wallet, lambda message: ed25519.sign(opener, message)).open_wallet()
    hot = wallets[0]
    Opener(node, hot, lambda message: ed25519.sign(opener, message)).open_deposits(range(SOLANA_DEPOSITS))
    _wait_until_open(node, wallets, hot)


def lay_tron_groundwork(chain: TronSimulator, specs: Sequence[WalletSpec], account_keys: Mapping[str, Secret]) -> None:
    """Open the accounts of the Tron wallets, hand them to their quorums, and compare what stands.

    Args:
        chain: The running simulator.
        specs: Tron wallets among them.
        account_keys: secp256k1 key that opens the account, by wallet id; useless afterwards.

    Raises:
        SetUpRefused: The ledger does not take the permissions.
        TronAccountChanged: What stands on chain a minute later is not what the specification says.
    """
    wallets = [tron_wallet(spec) for spec in specs if spec.chain == "tron-local"]
    for wallet in wallets:
        chain.fund(wallet.address.text, TRON_FLOAT_SUN)
    node = TronNode(chain.http, wallets[0].params)
    for wallet in wallets:
        _wait(partial(open_account, node, wallet, partial(sign_recoverable, account_keys[wallet.id])))
    for wallet in wallets:
        _wait(partial(verify_tron_wallet, node, wallet))


def _wait_until_open(node: SolanaNode, wallets: Sequence[SplWallet], hot: SplWallet) -> None:
    def verify() -> None:
        for wallet in wallets:
            verify_wallet(node, wallet)
        verify_deposits(node, hot, range(SOLANA_DEPOSITS))

    _wait(verify)


def _wait(step: Callable[[], object]) -> None:
    """Try until the chain is as far as the step needs."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            step()
        except (VerificationFailed, SetUpRefused):
            if time.monotonic() > until:
                raise
        else:
            return
        time.sleep(_POLL_S)
