"""From wallet specifications to the wallets of each family."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.params import params_for as evm_params
from custody.chains.evm.wallet import Owner, SafeWallet
from custody.chains.registry import chain_row
from custody.chains.solana import params as solana
from custody.chains.solana.params import SolanaParams
from custody.chains.solana.wallet import ServiceKeys, SplKey, SplWallet
from custody.chains.utxo.params import row as utxo_params
from custody.chains.utxo.wallet import RECEIVE, KeyOrigin, UtxoWallet
from custody.keys.material import Curve, PublicKey
from custody.primitives.chain import ChainId, Family
from custody.primitives.encoding import Json
from custody.primitives.errors import UnknownChain
from exchange.app.blueprint import WalletSpec

DEPOSIT_WINDOW = 10_000
"""Deposit accounts a signer follows."""

AnyWallet = UtxoWallet | SafeWallet | SplWallet

_SOLANA_ROWS = {row.chain.id: row for row in (solana.MAINNET, solana.DEVNET, solana.LOCAL)}


def utxo_wallet(spec: WalletSpec) -> UtxoWallet:
    """Build a multisig wallet of the UTXO family."""
    cosigners = tuple(KeyOrigin.parse(member.key) for member in spec.members)
    return UtxoWallet(spec.id, utxo_params(spec.chain), spec.threshold, cosigners)


def safe_wallet(spec: WalletSpec) -> SafeWallet:
    """Build a Safe wallet."""
    deposits = None
    if "deposit_xpub" in spec.service:
        deposits = DepositBranch(spec.service["deposit_path"], spec.service["deposit_xpub"], DEPOSIT_WINDOW)
    return SafeWallet(
        spec.id,
        evm_params(ChainId(spec.chain)),
        tuple(Owner(member.path, _secp256k1(member.key)) for member in spec.members),
        spec.threshold,
        int(spec.service["salt_nonce"]),
        _secp256k1(spec.service["sender"]),
        deposits=deposits,
    )


def spl_wallet(spec: WalletSpec) -> SplWallet:
    """Build an SPL multisig wallet."""
    service = spec.service
    return SplWallet(
        spec.id,
        solana_params(spec.chain),
        tuple(_spl_key(member.key, member.path) for member in spec.members),
        spec.threshold,
        ServiceKeys(
            _spl_key(service["fee_payer"], service["fee_payer_path"]),
            _spl_key(service["opener"], service["opener_path"]),
        ),
    )


WALLETS: Mapping[Family, Callable[[WalletSpec], AnyWallet]] = {
    Family.UTXO: utxo_wallet,
    Family.EVM: safe_wallet,
    Family.SOLANA: spl_wallet,
}
"""Builder of each family's wallet."""


def registration_of(spec: WalletSpec) -> dict[str, Json]:
    """What signers are told of a wallet, whatever its family."""
    return WALLETS[chain_row(ChainId(spec.chain)).family](spec).registration()


def receives_at(spec: WalletSpec) -> str:
    """Where a wallet itself receives its native coin."""
    wallet = WALLETS[chain_row(ChainId(spec.chain)).family](spec)
    match wallet:
        case UtxoWallet():
            return wallet.address(RECEIVE, 0).text
        case SplWallet():
            return wallet.receive_address(wallet.params.native).text
        case _:
            return wallet.address.text


def solana_params(chain: str) -> SolanaParams:
    """Look a Solana network up.

    Raises:
        UnknownChain: No such row.
    """
    if chain not in _SOLANA_ROWS:
        raise UnknownChain(f"unknown Solana network {chain!r}; known: {', '.join(_SOLANA_ROWS)}", chain=chain)
    return _SOLANA_ROWS[ChainId(chain)]


def _secp256k1(text: str) -> PublicKey:
    return PublicKey(Curve.SECP256K1, bytes.fromhex(text))


def _spl_key(text: str, path: str) -> SplKey:
    return SplKey(PublicKey(Curve.ED25519, bytes.fromhex(text)), path)
