"""Put the wallets on local chains: deploy Safes, open accounts, give senders their float.

Local chains only. On a real network an operator sends the same calls and pays for them.

Example:
    lay_groundwork(chains, wallets, keys)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from custody.chains.evm.deploy import deploy_on_devnet
from custody.chains.registry import chain_row
from custody.chains.solana.node import SolanaNode
from custody.chains.tron.node import TronNode
from custody.chains.xrpl.node import XrplNode
from custody.chains.xrpl.reader import XrplReader
from custody.devnet.anvil import AnvilNode
from custody.devnet.network import LocalChains
from custody.primitives.chain import ChainId, Family
from custody.primitives.secret import Secret
from exchange.app.blueprint import WalletSpec
from exchange.app.solana_groundwork import GROUP_FLOAT_LAMPORTS, lay_solana_groundwork
from exchange.app.tron_groundwork import lay_tron_groundwork
from exchange.app.wallet_kits import COLD
from exchange.app.wallets import is_frost, safe_wallet, tron_wallet, xrpl_wallet
from exchange.app.xrpl_groundwork import open_xrpl

SENDER_FLOAT_WEI = 10**18


@dataclass(frozen=True, slots=True)
class OpenerKeys:
    """Keys that open accounts and are worth nothing to anybody afterwards.

    Attributes:
        solana: Ed25519 key that pays for Solana accounts.
        accounts: secp256k1 key of each Tron and XRP Ledger account, by wallet id.
    """

    solana: Secret
    accounts: Mapping[str, Secret]


def lay_groundwork(chains: LocalChains, specs: Sequence[WalletSpec], keys: OpenerKeys) -> None:
    """Make all wallets usable on chain.

    Args:
        chains: Running local chains.
        specs: Hot and cold wallets.
        keys: Openers of accounts.

    Raises:
        VerificationFailed: What stands on chain is not what the specification says.
        NodeUnavailable: A chain does not answer, or an account does not open.
    """
    by_chain: dict[str, list[WalletSpec]] = {}
    for spec in specs:
        by_chain.setdefault(spec.chain, []).append(spec)
    for chain, wallets in by_chain.items():
        lay = _GROUNDWORK.get(chain_row(ChainId(chain)).family)
        if lay is not None:
            lay(chains, chain, wallets, keys)


@dataclass(frozen=True, slots=True)
class Opening:
    """How a chain stood when its wallets were opened.

    Attributes:
        units: Base units on them before anybody deposits: ours, and in nobody's books.
        born_height: First block that can hold a deposit.
    """

    units: int = 0
    born_height: int = 0


def openings(chains: LocalChains, specs: Sequence[WalletSpec]) -> Mapping[str, Opening]:
    """How the chains stand now, before any address is handed out; chains that are read from the start have no row."""
    found: dict[str, Opening] = {}
    for spec in specs:
        family, before = chain_row(ChainId(spec.chain)).family, found.get(spec.chain, Opening())
        if family is Family.TRON:
            tron = tron_wallet(spec)
            held = TronNode(chains.tron.http, tron.params).balance(tron.address.text, tron.params.native)
            found[spec.chain] = Opening(before.units + held)
        elif family is Family.XRPL:
            # Customers share the hot account: what opened it must not look like a deposit without a tag.
            xrpl = xrpl_wallet(spec)
            reader = XrplReader(xrpl, XrplNode(chains.xrpl.rpc))
            held = reader.balance(xrpl.address, xrpl.params.native).units
            found[spec.chain] = Opening(before.units + held, reader.tip().height + 1)
        elif family is Family.SOLANA:
            # Slots are many: the scanner need not read those from before any address was handed out.
            slot = SolanaNode(chains.solana.rpc).slot("finalized")
            found[spec.chain] = Opening(before.units + GROUP_FLOAT_LAMPORTS * is_frost(spec), slot)
    return found


def _lay_evm(chains: LocalChains, chain: str, specs: Sequence[WalletSpec], _keys: OpenerKeys) -> None:
    node: AnvilNode = chains.evm(chain)
    for spec in specs:
        safe = safe_wallet(spec)
        deploy_on_devnet(node.node, safe)
        if spec.tier != COLD:
            node.fund(safe.sender_address, SENDER_FLOAT_WEI)
            if safe.station_address is not None:
                node.fund(safe.station_address, SENDER_FLOAT_WEI)


def _lay_solana(chains: LocalChains, _chain: str, specs: Sequence[WalletSpec], keys: OpenerKeys) -> None:
    lay_solana_groundwork(chains.solana, specs, keys.solana)


def _lay_tron(chains: LocalChains, _chain: str, specs: Sequence[WalletSpec], keys: OpenerKeys) -> None:
    lay_tron_groundwork(chains.tron, specs, keys.accounts)


def _lay_xrpl(chains: LocalChains, _chain: str, specs: Sequence[WalletSpec], keys: OpenerKeys) -> None:
    open_xrpl(chains.xrpl, [(xrpl_wallet(spec), keys.accounts[spec.id]) for spec in specs])


_GROUNDWORK: Mapping[Family, Callable[[LocalChains, str, Sequence[WalletSpec], OpenerKeys], None]] = {
    Family.EVM: _lay_evm,
    Family.SOLANA: _lay_solana,
    Family.TRON: _lay_tron,
    Family.XRPL: _lay_xrpl,
}
"""A UTXO wallet needs nothing on chain before it receives."""
