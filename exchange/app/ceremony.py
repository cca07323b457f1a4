"""Keys and wallets of a local installation: who holds what, and which wallets follow from it.

The quick form of a key ceremony, for local chains only: all mnemonics are drawn on this machine and
sealed under one passphrase file. Hot wallets are 2-of-3 over three signer processes, cold wallets
3-of-5 over sealed keys that no process opens. Warm wallets, where they are asked for, are 2-of-3 over three signer
processes of their own, which pay our own places and nobody else. With `sol="frost"` the hot wallet of Solana is a
group's native address instead; its ceremony leaves a transcript in the home, and registers the wallet itself.

Example:
    made = hold_ceremony(home, passphrase, LOCAL_CHAINS)
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from custody.keys import ed25519, slip10
from custody.keys.hd import PrivateNode
from custody.keys.material import Curve, PublicKey, SigningRole
from custody.keys.private_files import make_private_folder, write_new_private
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.chain import Family
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret
from custody.signers.provision import create_home, export_public, register_wallet, replace_rules
from exchange.app.blueprint import StaffSpec, WalletSpec
from exchange.app.frost_ceremony import FrostPlaces, hold_frost_ceremony
from exchange.app.home import Home
from exchange.app.keyholders import OPENER_PATH, STAFF_PATH, create_holder, open_ed25519, open_seed
from exchange.app.local_chains import LOCAL_CHAINS, LocalChain
from exchange.app.wallet_kits import COLD as COLD_TIER
from exchange.app.wallet_kits import (
    COLD_THRESHOLD,
    HOT,
    HOT_THRESHOLD,
    KITS,
    OPENER_PATHS,
    WARM,
    WARM_THRESHOLD,
    Holder,
    ServiceKeys,
)
from exchange.app.wallet_tiers import WARM_FAMILIES
from exchange.app.wallets import FROST, WRAPPED, is_frost, receives_at, registration_of

SIGNERS = ("signer-a", "signer-b", "signer-c")
SENDER = "sender"
WARM_SIGNERS = ("warm-a", "warm-b", "warm-c")
STAFF = ("alice", "bob", "carol")
COLD = tuple(f"cold-{number}" for number in range(1, 6))
OPERATOR = "operator"
OPENER = "opener"
RESERVES = "reserves"
APPROVERS_NEEDED = 2

_MEMBER_CURVES = {row.member_path: KITS[row.family].curve for row in LOCAL_CHAINS}
_OPENER_CURVES = {OPENER_PATH: Curve.ED25519} | dict.fromkeys(
    (path for paths in OPENER_PATHS.values() for path in paths.values()), Curve.SECP256K1
)
_OWN_MOVES = {True: frozenset({Family.EVM, Family.TRON}), False: frozenset({Family.EVM, Family.XRPL, Family.UTXO})}
"""Moves without an intent: the sender sweeps deposit accounts into the hot wallet, members make tickets, reject
Safe nonces and gather small coins."""
_SENDER_CURVES = {path: curve for kit in KITS.values() for path, curve in kit.sender_curves.items()}


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What came out of it, all public; `signers` names the processes that are members of wallets."""

    staff: tuple[StaffSpec, ...]
    wallets: tuple[WalletSpec, ...]
    signers: tuple[str, ...] = SIGNERS


def draw_passphrase(home: Home) -> Secret:
    """Draw the passphrase of all keystores of this installation and keep it in a file only we can read."""
    make_private_folder(home.folder)
    text = secrets.token_urlsafe(24).encode()
    write_new_private(home.passphrase, text + b"\n")
    return Secret(text)


def hold_ceremony(
    home: Home,
    passphrase: Secret,
    rows: Sequence[LocalChain],
    sol: str = WRAPPED,
    warm: Collection[str] = frozenset(),
) -> Ceremony:
    """Draw all keys, set the signers up, and describe the wallets.

    Args:
        home: Where everything is kept; empty, but for the passphrase.
        passphrase: Of all keystores.
        rows: The chains that get wallets, and that signers sign for.
        sol: How the hot wallet holds SOL: "wrapped" or "frost".
        warm: Chains that get a warm wallet besides.

    Raises:
        InvalidInput: No such way to hold SOL, or a chain that cannot have a warm wallet; nothing was drawn.
        Conflict: Something of it exists already; nothing is overwritten.
    """
    if sol not in (WRAPPED, FROST):
        raise InvalidInput(f"SOL is held {WRAPPED} or {FROST}, not {sol!r}")
    warm_rows = [row for row in rows if row.chain in warm]
    if cannot := [row.chain for row in warm_rows if row.family not in WARM_FAMILIES]:
        raise InvalidInput(f"no warm wallet can be made on {', '.join(cannot)}")
    signers = (*SIGNERS, *WARM_SIGNERS) if warm_rows else SIGNERS
    # The key stretching takes half a second a keystore and releases the interpreter lock.
    with ThreadPoolExecutor(max_workers=2) as pool:
        list(
            pool.map(
                lambda name: create_holder(home.keystore(name), passphrase), (*STAFF, *COLD, OPERATOR, OPENER, RESERVES)
            )
        )
        staff = tuple(pool.map(lambda name: _staff(home, name, passphrase), STAFF))
        list(
            pool.map(
                lambda name: create_home(home.signer(name), passphrase, _rules(name, staff, rows)), (*signers, SENDER)
            )
        )
        members = list(pool.map(lambda name: _signer(home, name, passphrase, _MEMBER_CURVES), signers))
        cold = list(pool.map(lambda name: _seeded(home, name, passphrase, _MEMBER_CURVES), COLD))
        sender = _signer(home, SENDER, passphrase, _SENDER_CURVES)
        opener = _seeded(home, OPENER, passphrase, _OPENER_CURVES)
    keys = ServiceKeys(sender, opener, cold)
    groups = _hold_group_ceremonies(home, passphrase, opener) if sol == FROST else {}
    hot_members, warm_members = members[: len(SIGNERS)], members[len(SIGNERS) :]
    wallets = tuple(
        groups.get(f"{tier}-{row.wallet}") or KITS[row.family].spec(row, tier, threshold, holders, keys)
        for tier, threshold, holders, its_rows in (
            (HOT, HOT_THRESHOLD, hot_members, rows),
            (WARM, WARM_THRESHOLD, warm_members, warm_rows),
            (COLD_TIER, COLD_THRESHOLD, cold, rows),
        )
        for row in its_rows
    )
    _register(home, rows, wallets)
    if warm_rows:
        _register_warm(home, warm_rows, wallets, {name: _rules(name, staff, warm_rows) for name in WARM_SIGNERS})
    return Ceremony(staff, wallets, signers)


def _hold_group_ceremonies(home: Home, passphrase: Secret, opener: Holder) -> dict[str, WalletSpec]:
    """Make the key of each hot Solana wallet in shares; the transcript is for anybody to check."""
    folders = {name: home.signer(name) for name in SIGNERS}
    key, made = PublicKey(Curve.ED25519, bytes.fromhex(opener.keys[OPENER_PATH])), {}
    for row in LOCAL_CHAINS:
        if row.family is Family.SOLANA:
            places = FrostPlaces(f"{HOT}-{row.wallet}", HOT, row.chain, key, OPENER_PATH)
            held = hold_frost_ceremony(places, folders, passphrase)
            make_private_folder(home.transcript(places.wallet_id).parent)
            write_new_private(home.transcript(places.wallet_id), held.transcript)
            made[places.wallet_id] = held.spec
    return made


def _staff(home: Home, name: str, passphrase: Secret) -> StaffSpec:
    key = ed25519.public_key(open_ed25519(home.keystore(name), passphrase, STAFF_PATH))
    return StaffSpec(name, key.raw.hex(), person=name, organisation="house")


def _signer(home: Home, name: str, passphrase: Secret, curves: Mapping[str, Curve]) -> Holder:
    public = export_public(home.signer(name), passphrase, curves, KeyNetwork.TEST)
    keys: dict[str, str] = {}
    xpubs: dict[str, str] = {}
    for path, entry in public["keys"].items():  # type: ignore[union-attr]  # the shape `export_public` states
        keys[path] = entry["public_key"]  # type: ignore[call-overload,index,assignment]
        if "xpub" in entry:  # type: ignore[operator]
            xpubs[path] = entry["xpub"]  # type: ignore[call-overload,index,assignment]
    return Holder(name, str(public["fingerprint"]), keys, xpubs)


def _seeded(home: Home, name: str, passphrase: Secret, curves: Mapping[str, Curve]) -> Holder:
    seed = open_seed(home.keystore(name), passphrase)
    root = PrivateNode.from_seed(seed)
    keys: dict[str, str] = {}
    xpubs: dict[str, str] = {}
    for path, curve in curves.items():
        if curve is Curve.SECP256K1:
            node = root.derive(path).public()
            keys[path], xpubs[path] = node.key.hex(), encode_xpub(node, KeyNetwork.TEST)
        else:
            keys[path] = ed25519.public_key(slip10.derive(seed, path, curve)).raw.hex()
    return Holder(name, root.public().fingerprint().hex(), keys, xpubs)


def _register(home: Home, rows: Sequence[LocalChain], wallets: tuple[WalletSpec, ...]) -> None:
    hot = {spec.chain: spec for spec in wallets if spec.tier == HOT}
    for row in rows:
        if is_frost(hot[row.chain]):
            continue  # its own ceremony registered it, with the shares
        registration = registration_of(hot[row.chain])
        for name in SIGNERS:
            register_wallet(home.signer(name), registration, {"member": row.member_path}, [SigningRole.MEMBER])
        if sender_paths := KITS[row.family].sender_paths:
            register_wallet(home.signer(SENDER), registration, sender_paths, [SigningRole.SENDER])


def _register_warm(
    home: Home, rows: Sequence[LocalChain], wallets: tuple[WalletSpec, ...], rules: Mapping[str, dict[str, Json]]
) -> None:
    """Tell the warm signers of their wallets, and of the only places these may pay: our own on the same chain."""
    warm = {spec.chain: spec for spec in wallets if spec.tier == WARM}
    places: dict[str, Json] = {
        spec.id: [receives_at(each) for each in wallets if each.chain == chain and each.tier in (HOT, COLD_TIER)]
        for chain, spec in warm.items()
    }
    for name, first in rules.items():
        replace_rules(home.signer(name), first | {"version": 2, "destinations": places})
    for row in rows:
        registration, kit = registration_of(warm[row.chain]), KITS[row.family]
        for name in rules:
            register_wallet(home.signer(name), registration, {"member": row.member_path}, [SigningRole.MEMBER])
        if kit.warm_paths:
            register_wallet(home.signer(SENDER), registration, kit.warm_paths, [SigningRole.SENDER])


def _rules(name: str, staff: tuple[StaffSpec, ...], rows: Sequence[LocalChain]) -> dict[str, Json]:
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
        "own_moves": [
            f"{tier}-{row.wallet}"
            for tier in ((WARM,) if name in WARM_SIGNERS else (HOT, WARM) if name == SENDER else (HOT,))
            for row in rows
            if row.family in _OWN_MOVES[name == SENDER]
        ],
        "fee_caps": {row.chain: str(row.fee_cap) for row in rows},
        "buckets": {
            f"{row.chain}/native": {"capacity": str(row.hourly), "refill_per_hour": str(row.hourly)} for row in rows
        },
    }
