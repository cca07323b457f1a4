"""From wallet specifications to the wallets of each family."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from custody.chains.evm.deposit import DepositBranch
from custody.chains.evm.params import params_for as evm_params
from custody.chains.evm.wallet import Owner, SafeWallet
from custody.chains.registry import chain_row
from custody.chains.solana import params as solana
from custody.chains.solana.frost_wallet import FrostWallet
from custody.chains.solana.params import SolanaParams
from custody.chains.solana.wallet import ServiceKeys, SplKey, SplWallet
from custody.chains.token_worth import TokenWorth
from custody.chains.tron.deposit import DepositBranch as TronDeposits
from custody.chains.tron.params import params_for as tron_params
from custody.chains.tron.wallet import Member as TronMember
from custody.chains.tron.wallet import OwnerQuorum, TronWallet
from custody.chains.utxo.params import row as utxo_params
from custody.chains.utxo.wallet import RECEIVE, KeyOrigin, UtxoWallet
from custody.chains.xrpl.address import address_of
from custody.chains.xrpl.params import row as xrpl_params
from custody.chains.xrpl.wallet import XrplMember, XrplWallet
from custody.keys.material import Curve, PublicKey
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId, Family
from custody.primitives.encoding import Json
from custody.primitives.errors import UnknownChain
from exchange.app.blueprint import InvalidBlueprint, WalletSpec

DEPOSIT_WINDOW = 10_000
"""Deposit accounts a signer follows."""
HOT_NONCES, COLD_NONCES = 32, 4
"""Durable nonces of a Solana wallet: each carries one payment from its plan until it is final, some 13 seconds."""
WRAPPED, FROST = "wrapped", "frost"
"""How a Solana wallet holds SOL: wrapped in an SPL multisig, or on one native address that a group signs for."""

AnyWallet = UtxoWallet | SafeWallet | SplWallet | FrostWallet | TronWallet | XrplWallet

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
    station = spec.service.get("gas_station")
    return SafeWallet(
        spec.id,
        evm_params(ChainId(spec.chain)),
        tuple(Owner(member.path, _secp256k1(member.key)) for member in spec.members),
        spec.threshold,
        int(spec.service["salt_nonce"]),
        _secp256k1(spec.service["sender"]),
        tokens=tuple(token for token, _ in _tokens(spec)),
        deposits=deposits,
        station=None if station is None else _secp256k1(station),
    )


def token_worths(spec: WalletSpec) -> dict[str, TokenWorth]:
    """What the tokens of a wallet are worth to its gas station, by asset key."""
    return {token.key: worth for token, worth in _tokens(spec) if worth is not None}


def _tokens(spec: WalletSpec) -> Iterator[tuple[Asset, TokenWorth | None]]:
    """The tokens of a wallet, as service "tokens" lists them.

    Written "USDT:6:0xdAC1...:1000000=400000000000000" each, with commas between: symbol, decimals, contract (the mint,
    on Solana), and base units with what they are worth in base units of the native coin; without the last part
    the token is never swept.
    """
    for text in filter(None, spec.service.get("tokens", "").split(",")):
        try:
            symbol, decimals, contract, *rest = text.split(":")
            worth = [int(number) for number in rest[0].split("=")] if rest else []
            asset = Asset(symbol, int(decimals), ChainId(spec.chain), contract)
            priced = TokenWorth(*worth) if worth else None
        except (ValueError, TypeError) as error:
            raise InvalidBlueprint(f"wallet {spec.id}: {text!r} is not a token") from error
        yield asset, priced


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
        nonce_count=HOT_NONCES if spec.tier == "hot" else COLD_NONCES,
        tokens=tuple(token for token, _ in _tokens(spec)),
    )


def tron_wallet(spec: WalletSpec) -> TronWallet:
    """Build a Tron wallet.

    In `service`: "account", the key that opened the account; "owners", keys of the owner permission separated by
    blanks, with "owner_threshold", or neither where the members own it themselves; "deposit_path", "deposit_xpub";
    "gas_station", the key that lends deposit accounts TRX; "tokens".
    """
    service = spec.service
    keys, threshold = tuple(_secp256k1(member.key) for member in spec.members), spec.threshold
    owners = OwnerQuorum(keys, threshold)
    if "owners" in service:
        cold = tuple(_secp256k1(key) for key in service["owners"].split())
        owners = OwnerQuorum(cold, int(service["owner_threshold"]))
    deposits = None
    if "deposit_xpub" in service:
        deposits = TronDeposits(service["deposit_path"], service["deposit_xpub"], DEPOSIT_WINDOW)
    return TronWallet(
        spec.id,
        tron_params(ChainId(spec.chain)),
        _secp256k1(service["account"]),
        tuple(TronMember(member.path, key) for member, key in zip(spec.members, keys, strict=True)),
        threshold,
        owners,
        tokens=tuple(token for token, _ in _tokens(spec)),
        deposits=deposits,
        station=_secp256k1(service["gas_station"]) if "gas_station" in service else None,
    )


def xrpl_wallet(spec: WalletSpec) -> XrplWallet:
    """Build an XRP Ledger wallet; its account is the one whose master key the specification names."""
    members = tuple(XrplMember(_secp256k1(member.key), member.path) for member in spec.members)
    account, is_hot = address_of(account_key(spec)), spec.tier == "hot"
    return XrplWallet(spec.id, xrpl_params(spec.chain), account, members, spec.threshold, is_shared=is_hot)


def account_key(spec: WalletSpec) -> PublicKey:
    """The key that made an XRP Ledger account, and that is switched off there."""
    return _secp256k1(spec.service["account"])


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
    """Build a FROST wallet: one native address that a group signs for.

    Raises:
        InvalidBlueprint: It lists tokens, which only a multisig holds.
    """
    service = spec.service
    if service.get("tokens"):
        raise InvalidBlueprint(f"wallet {spec.id}: a group's native address holds SOL and no tokens")
    return FrostWallet(
        spec.id,
        solana_params(spec.chain),
        PublicKey(Curve.ED25519, bytes.fromhex(service["group"])),
        tuple(_spl_key(member.key, member.path) for member in spec.members),
        spec.threshold,
        _spl_key(service["opener"], service["opener_path"]),
    )


WALLETS: Mapping[Family, Callable[[WalletSpec], AnyWallet]] = {
    Family.UTXO: utxo_wallet,
    Family.EVM: safe_wallet,
    Family.SOLANA: lambda spec: frost_wallet(spec) if is_frost(spec) else spl_wallet(spec),
    Family.TRON: tron_wallet,
    Family.XRPL: xrpl_wallet,
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
        case FrostWallet():
            return wallet.address
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


def member_keys(spec: WalletSpec) -> tuple[tuple[str, str], ...]:
    """Who holds which key of a wallet, as its ceremony described it: (signer, public key in hex), sorted."""
    keys = (
        (each.signer, KeyOrigin.parse(each.key).node().key.hex() if each.key.startswith("[") else each.key)
        for each in spec.members
    )
    return tuple(sorted(keys))
