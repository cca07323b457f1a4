"""Keys and wallets of a local installation: who holds what, and which wallets follow from it.

The quick form of a key ceremony, for local chains only: all mnemonics are drawn on this machine and
sealed under one passphrase file. Hot wallets are 2-of-3 over three signer processes, cold wallets
3-of-5 over sealed keys that no process opens.

Example:
    specs = hold_ceremony(home, passphrase)
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from custody.keys import ed25519, slip10
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, SigningRole
from custody.keys.private_files import make_private_folder, write_new_private
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.encoding import Json
from custody.primitives.secret import Secret
from custody.signers.provision import create_home, export_public, register_wallet
from exchange.app.blueprint import MemberSpec, StaffSpec, WalletSpec
from exchange.app.home import Home
from exchange.app.keyholders import OPENER_PATH, STAFF_PATH, create_holder, open_ed25519, open_seed
from exchange.app.wallets import safe_wallet, spl_wallet, utxo_wallet

SIGNERS = ("signer-a", "signer-b", "signer-c")
SENDER = "sender"
STAFF = ("alice", "bob", "carol")
COLD = tuple(f"cold-{number}" for number in range(1, 6))
OPERATOR = "operator"
OPENER = "opener"
RESERVES = "reserves"
APPROVERS_NEEDED = 2

BITCOIN_PATH, EVM_PATH, SOLANA_PATH = "m/48h/1h/0h/2h", "m/44h/60h/0h/0/0", "m/44h/501h/0h/0h"
SENDER_PATH, DEPOSIT_PATH = "m/44h/60h/1h/0/0", "m/44h/60h/0h"
COLD_SENDER_PATH, COLD_FEE_PAYER_PATH = "m/44h/60h/1h/0/1", "m/44h/501h/1h/0h"
_MEMBER_CURVES = {
    BITCOIN_PATH: Curve.SECP256K1,
    EVM_PATH: Curve.SECP256K1,
    SOLANA_PATH: Curve.ED25519,
}
_SENDER_CURVES = {
    SENDER_PATH: Curve.SECP256K1,
    DEPOSIT_PATH: Curve.SECP256K1,
    COLD_SENDER_PATH: Curve.SECP256K1,
    SOLANA_PATH: Curve.ED25519,
    COLD_FEE_PAYER_PATH: Curve.ED25519,
}
BITCOIN, ETHEREUM, SOLANA = "bitcoin-regtest", "ethereum-local", "solana-local"

_FEE_CAPS = {BITCOIN: "200000", ETHEREUM: str(5 * 10**16), SOLANA: "20000000"}
_HOURLY = {f"{BITCOIN}/native": 10**11, f"{ETHEREUM}/native": 10**21, f"{SOLANA}/native": 10**13}
"""What one signer lets out per hour, base units; enough for a demonstration, far below everything."""


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What came out of it, all public."""

    staff: tuple[StaffSpec, ...]
    wallets: tuple[WalletSpec, ...]


@dataclass(frozen=True, slots=True)
class _Holder:
    """Public keys of one key holder: fingerprint, and by path the extended or plain public key in text."""

    name: str
    fingerprint: str
    keys: dict[str, str]
    xpubs: dict[str, str]


def draw_passphrase(home: Home) -> Secret:
    """Draw the passphrase of all keystores of this installation and keep it in a file only we can read."""
    make_private_folder(home.folder)
    text = secrets.token_urlsafe(24).encode()
    write_new_private(home.passphrase, text + b"\n")
    return Secret(text)


def hold_ceremony(home: Home, passphrase: Secret) -> Ceremony:
    """Draw all keys, set the signers up, and describe the wallets.

    Raises:
        Conflict: Something of it exists already; nothing is overwritten.
    """
    # The key stretching takes half a second a keystore and releases the interpreter lock.
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(
            pool.map(
                lambda name: create_holder(home.keystore(name), passphrase), (*STAFF, *COLD, OPERATOR, OPENER, RESERVES)
            )
        )
        staff = tuple(pool.map(lambda name: _staff(home, name, passphrase), STAFF))
        list(pool.map(lambda name: create_home(home.signer(name), passphrase, _rules(name, staff)), (*SIGNERS, SENDER)))
        members = list(pool.map(lambda name: _signer(home, name, passphrase, _MEMBER_CURVES), SIGNERS))
        cold = list(pool.map(lambda name: _cold(home, name, passphrase), COLD))
        sender = _signer(home, SENDER, passphrase, _SENDER_CURVES)
        opener = ed25519.public_key(open_ed25519(home.keystore(OPENER), passphrase, OPENER_PATH)).raw.hex()
    wallets = (*_wallets("hot", 2, members, sender, opener), *_wallets("cold", 3, cold, sender, opener))
    _register(home, wallets)
    return Ceremony(staff, wallets)


def _staff(home: Home, name: str, passphrase: Secret) -> StaffSpec:
    key = ed25519.public_key(open_ed25519(home.keystore(name), passphrase, STAFF_PATH))
    return StaffSpec(name, key.raw.hex(), person=name, organisation="house")


def _signer(home: Home, name: str, passphrase: Secret, curves: dict[str, Curve]) -> _Holder:
    public = export_public(home.signer(name), passphrase, curves, KeyNetwork.TEST)
    keys: dict[str, str] = {}
    xpubs: dict[str, str] = {}
    for path, entry in public["keys"].items():  # type: ignore[union-attr]  # the shape `export_public` states
        keys[path] = entry["public_key"]  # type: ignore[call-overload,index,assignment]
        if "xpub" in entry:  # type: ignore[operator]
            xpubs[path] = entry["xpub"]  # type: ignore[call-overload,index,assignment]
    return _Holder(name, str(public["fingerprint"]), keys, xpubs)


def _cold(home: Home, name: str, passphrase: Secret) -> _Holder:
    seed = open_seed(home.keystore(name), passphrase)
    root = PrivateNode.from_seed(seed)
    nodes = {path: root.derive(path).public() for path in (BITCOIN_PATH, EVM_PATH)}
    keys = {path: node.key.hex() for path, node in nodes.items()}
    keys[SOLANA_PATH] = ed25519.public_key(slip10.derive(seed, SOLANA_PATH, Curve.ED25519)).raw.hex()
    xpubs = {path: encode_xpub(node, KeyNetwork.TEST) for path, node in nodes.items()}
    return _Holder(name, root.public().fingerprint().hex(), keys, xpubs)


def _wallets(
    tier: str, threshold: int, members: Iterable[_Holder], sender: _Holder, opener: str
) -> tuple[WalletSpec, WalletSpec, WalletSpec]:
    holders = tuple(members)
    hot = tier == "hot"
    bitcoin = tuple(
        MemberSpec(m.name, BITCOIN_PATH, f"[{m.fingerprint}{BITCOIN_PATH[1:]}]{m.xpubs[BITCOIN_PATH]}") for m in holders
    )
    evm = tuple(MemberSpec(m.name, EVM_PATH, m.keys[EVM_PATH]) for m in holders)
    solana = tuple(MemberSpec(m.name, SOLANA_PATH, m.keys[SOLANA_PATH]) for m in holders)
    payer_path = SOLANA_PATH if hot else COLD_FEE_PAYER_PATH
    evm_service = {"salt_nonce": "0", "sender": sender.keys[SENDER_PATH if hot else COLD_SENDER_PATH]}
    if hot:
        evm_service |= {"deposit_path": DEPOSIT_PATH, "deposit_xpub": sender.xpubs[DEPOSIT_PATH]}
    solana_service = {
        "fee_payer": sender.keys[payer_path],
        "fee_payer_path": payer_path,
        "opener": opener,
        "opener_path": OPENER_PATH,
    }
    return (
        WalletSpec(f"{tier}-btc", tier, BITCOIN, threshold, bitcoin),
        WalletSpec(f"{tier}-eth", tier, ETHEREUM, threshold, evm, evm_service),
        WalletSpec(f"{tier}-sol", tier, SOLANA, threshold, solana, solana_service),
    )


def _register(home: Home, wallets: tuple[WalletSpec, ...]) -> None:
    bitcoin, ethereum, solana = (spec for spec in wallets if spec.tier == "hot")
    registrations: tuple[tuple[dict[str, Json], str, dict[str, str]], ...] = (
        (utxo_wallet(bitcoin).registration(), BITCOIN_PATH, {}),
        (safe_wallet(ethereum).registration(), EVM_PATH, {"sender": SENDER_PATH, "deposits": DEPOSIT_PATH}),
        (spl_wallet(solana).registration(), SOLANA_PATH, {"sender": SOLANA_PATH}),
    )
    for registration, member_path, sender_paths in registrations:
        for name in SIGNERS:
            register_wallet(home.signer(name), registration, {"member": member_path}, [SigningRole.MEMBER])
        if sender_paths:
            register_wallet(home.signer(SENDER), registration, sender_paths, [SigningRole.SENDER])


def _rules(name: str, staff: tuple[StaffSpec, ...]) -> dict[str, Json]:
    return {
        "format": "mext/signer-rules/1",
        "name": name,
        "version": 1,
        "frozen": False,
        "roster": [
            {
                "approver": person.approver,
                "public_key": person.key,
                "person": person.person,
                "organisation": person.organisation,
            }
            for person in staff
        ],
        "quorum": {"threshold": APPROVERS_NEEDED, "max_age_s": 86_400, "min_organisations": 1},
        "wallet_quorums": {},
        "destinations": {},
        "own_moves": ["hot-eth"] if name == SENDER else [],
        "fee_caps": dict(_FEE_CAPS),
        "buckets": {key: {"capacity": str(units), "refill_per_hour": str(units)} for key, units in _HOURLY.items()},
    }
