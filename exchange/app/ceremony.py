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

from custody.chains.registry import chain_row
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
from exchange.app.local_tokens import LocalToken, listing
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
EMPLOYERS = {"alice": "house", "bob": "trustee", "carol": "auditor"}
"""The local staff come from three houses, so that two approvals are never those of one."""
STAFF = tuple(EMPLOYERS)
COLD = tuple(f"cold-{number}" for number in range(1, 6))
OPERATOR = "operator"
OPENER = "opener"
RESERVES = "reserves"
SEALS = "seals"
APPROVERS_NEEDED = 2

_MEMBER_CURVES = {row.member_path: KITS[row.family].curve for row in LOCAL_CHAINS}
_OPENER_CURVES = {OPENER_PATH: Curve.ED25519} | dict.fromkeys(
    (path for paths in OPENER_PATHS.values() for path in paths.values()), Curve.SECP256K1
)
_OWN_MOVES = {True: frozenset({Family.EVM, Family.TRON}), False: frozenset({Family.EVM, Family.XRPL, Family.UTXO})}
"""Moves without an intent: the sender sweeps deposit accounts into the hot wallet, members make tickets, reject Safe
nonces, gather small coins, and spend change to themselves for the fee of a payment that waits."""
_SENDER_CURVES = {path: curve for kit in KITS.values() for path, curve in kit.sender_curves.items()}


@dataclass(frozen=True, slots=True)
class Ceremony:
    """What came out of it, all public.

    Attributes:
        staff: Who approves.
        wallets: All wallets, hot ones first.
        tokens: Those that wallets and signers were told of.
        signers: The processes that are members of wallets.
    """

    staff: tuple[StaffSpec, ...]
    wallets: tuple[WalletSpec, ...]
    tokens: tuple[LocalToken, ...] = ()
    signers: tuple[str, ...] = SIGNERS


@dataclass(frozen=True, slots=True)
class Choices:
    """What may be chosen of the wallets.

    Attributes:
        sol: How the hot wallet holds SOL: "wrapped" or "frost".
        tokens: What the wallets hold beside coins.
        warm: Chains that get a warm wallet besides.
    """

    sol: str = WRAPPED
    tokens: Sequence[LocalToken] = ()
    warm: Collection[str] = frozenset()

    def verify(self, rows: Sequence[LocalChain]) -> None:
        """Check that such wallets can be made on these chains.

        Raises:
            InvalidInput: No such way to hold SOL, tokens for a group's address, or a chain that cannot have a warm
                wallet.
        """
        if self.sol not in (WRAPPED, FROST):
            raise InvalidInput(f"SOL is held {WRAPPED} or {FROST}, not {self.sol!r}")
        if self.sol == FROST and any(chain_row(each.asset.chain).family is Family.SOLANA for each in self.tokens):
            raise InvalidInput("a group's native address holds SOL and no tokens")
        if cannot := [row.chain for row in rows if row.chain in self.warm and row.family not in WARM_FAMILIES]:
            raise InvalidInput(f"no warm wallet can be made on {', '.join(cannot)}")


PLAIN = Choices()
"""Hot and cold wallets of coins."""


def draw_passphrase(home: Home) -> Secret:
    """Draw the passphrase of all keystores of this installation and keep it in a file only we can read."""
    make_private_folder(home.folder)
    text = secrets.token_urlsafe(24).encode()
    write_new_private(home.passphrase, text + b"\n")
    return Secret(text)


def hold_ceremony(home: Home, passphrase: Secret, rows: Sequence[LocalChain], choices: Choices = PLAIN) -> Ceremony:
    """Draw all keys, set the signers up, and describe the wallets.

    Args:
        home: Where everything is kept; empty, but for the passphrase.
        passphrase: Of all keystores.
        rows: The chains that get wallets, and that signers sign for.
        choices: What may be chosen of the wallets.

    Raises:
        InvalidInput: Such wallets cannot be made on these chains; nothing was drawn.
        Conflict: Something of it exists already; nothing is overwritten.
    """
    choices.verify(rows)
    tokens, warm_rows = choices.tokens, [row for row in rows if row.chain in choices.warm]
    signers = (*SIGNERS, *WARM_SIGNERS) if warm_rows else SIGNERS
    # The key stretching takes half a second a keystore and releases the interpreter lock: nobody waits for another,
    # but the signers' rules for the staff. What a pool was given first it does first.
    with ThreadPoolExecutor(max_workers=2) as pool:
        drawing_staff = pool.map(lambda name: _staff(home, name, passphrase), STAFF)
        drawing_cold = pool.map(lambda name: _seeded(home, name, passphrase, _MEMBER_CURVES), COLD)
        drawing_opener = pool.submit(_seeded, home, OPENER, passphrase, _OPENER_CURVES)
        sealing = pool.map(lambda name: create_holder(home.keystore(name), passphrase), (OPERATOR, RESERVES, SEALS))
        staff = tuple(drawing_staff)
        rules = {
            name: _rules(name, staff, warm_rows if name in WARM_SIGNERS else rows, tokens)
            for name in (*signers, SENDER)
        }
        *members, sender = pool.map(lambda name: _signer(home, name, passphrase, rules[name]), rules)
        cold, opener = list(drawing_cold), drawing_opener.result()
        list(sealing)  # raises what went wrong
    keys = ServiceKeys(sender, opener, cold)
    groups = _hold_group_ceremonies(home, passphrase, opener) if choices.sol == FROST else {}
    wallets = tuple(
        groups.get(f"{tier}-{row.wallet}")
        or listing(KITS[row.family].spec(row, tier, threshold, holders, keys), tokens)
        for tier, threshold, holders, its_rows in (
            (HOT, HOT_THRESHOLD, members[: len(SIGNERS)], rows),
            (WARM, WARM_THRESHOLD, members[len(SIGNERS) :], warm_rows),
            (COLD_TIER, COLD_THRESHOLD, cold, rows),
        )
        for row in its_rows
    )
    _register(home, rows, wallets)
    if warm_rows:
        _register_warm(home, warm_rows, wallets, {name: rules[name] for name in WARM_SIGNERS})
    return Ceremony(staff, wallets, tuple(tokens), signers)


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
    """Draw the key of one of the staff; every public key is read back from what was sealed."""
    create_holder(home.keystore(name), passphrase)
    key = ed25519.public_key(open_ed25519(home.keystore(name), passphrase, STAFF_PATH))
    return StaffSpec(name, key.raw.hex(), person=name, organisation=EMPLOYERS[name])


def _signer(home: Home, name: str, passphrase: Secret, rules: Mapping[str, Json]) -> Holder:
    create_home(home.signer(name), passphrase, rules)
    curves = _SENDER_CURVES if name == SENDER else _MEMBER_CURVES
    public = export_public(home.signer(name), passphrase, curves, KeyNetwork.TEST)
    keys: dict[str, str] = {}
    xpubs: dict[str, str] = {}
    for path, entry in public["keys"].items():  # type: ignore[union-attr]  # the shape `export_public` states
        keys[path] = entry["public_key"]  # type: ignore[call-overload,index,assignment]
        if "xpub" in entry:  # type: ignore[operator]
            xpubs[path] = entry["xpub"]  # type: ignore[call-overload,index,assignment]
    return Holder(name, str(public["fingerprint"]), keys, xpubs)


def _seeded(home: Home, name: str, passphrase: Secret, curves: Mapping[str, Curve]) -> Holder:
    create_holder(home.keystore(name), passphrase)
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


def _rules(
    name: str, staff: tuple[StaffSpec, ...], rows: Sequence[LocalChain], tokens: Sequence[LocalToken]
) -> dict[str, Json]:
    hourly = {row.asset.key: str(row.hourly) for row in rows}
    hourly |= {each.asset.key: str(each.hourly) for each in tokens if each.asset.chain in {row.chain for row in rows}}
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
        "buckets": {key: {"capacity": most, "refill_per_hour": most} for key, most in hourly.items()},
    }
