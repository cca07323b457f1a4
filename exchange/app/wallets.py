"""From wallet specifications to the wallets of each family."""

from __future__ import annotations

from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.params import params_for as evm_params
from custody.chains.evm.wallet import Owner, SafeWallet
from custody.chains.solana import params as solana
from custody.chains.solana.frost_wallet import FrostWallet
from custody.chains.solana.params import SolanaParams
from custody.chains.solana.wallet import ServiceKeys, SplKey, SplWallet
from custody.chains.utxo.params import row as utxo_params
from custody.chains.utxo.wallet import KeyOrigin, UtxoWallet
from custody.keys.material import Curve, PublicKey
from custody.primitives.chain import ChainId
from custody.primitives.errors import UnknownChain
from exchange.app.blueprint import InvalidBlueprint, WalletSpec

DEPOSIT_WINDOW = 10_000
"""Deposit accounts a signer follows."""
WRAPPED, FROST = "wrapped", "frost"
"""How a Solana wallet holds SOL: wrapped in an SPL multisig, or on one native address that a group signs for."""

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


def is_frost(spec: WalletSpec) -> bool:
    """Tell which of the two mechanisms a Solana wallet uses: "wrapped" (the default) or "frost".

    Raises:
        InvalidBlueprint: Another one is named.
    """
    mechanism = spec.service.get("mechanism", WRAPPED)
    if mechanism not in (WRAPPED, FROST):
        raise InvalidBlueprint(f"wallet {spec.id}: mechanism {mechanism!r}; known: {WRAPPED}, {FROST}")
    return mechanism == FROST


def frost_wallet(spec: WalletSpec) -> FrostWallet:
    """Build a FROST wallet: one native address that a group signs for."""
    service = spec.service
    return FrostWallet(
        spec.id,
        solana_params(spec.chain),
        PublicKey(Curve.ED25519, bytes.fromhex(service["group"])),
        tuple(_spl_key(member.key, member.path) for member in spec.members),
        spec.threshold,
        _spl_key(service["opener"], service["opener_path"]),
    )


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
