"""The cold rooms of a local installation: one for each cold keyholder, over the keys that the ceremony drew.

Local chains only: here all rooms lie on one machine under one passphrase. In earnest each keyholder makes a room
where the key was drawn, and is told of wallets and places by files.

Example:
    rooms = open_local_rooms(home, wallets, staff)
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.chains.registry import chain_row
from custody.cold.home import ColdHome, Place
from custody.cold.provision import create_room, register
from custody.cold.wallets_file import ToldWallet, WalletsFile
from custody.keys.keystore import read_keystore, unseal
from custody.keys.material import SigningRole
from custody.keys.passphrase import read_passphrase
from custody.keys.private_files import make_private_folder, read_private
from custody.keys.strict_json import Fields, parse_plain
from custody.primitives.chain import ChainId, Family
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput
from custody.signers.home import SignerHome
from custody.signers.provision import register_wallet, replace_rules
from custody.signers.rules import MAX_RULES_BYTES
from custody.wallets.tags import HOUSE_NUMBER, tag_of
from exchange.app.blueprint import StaffSpec, WalletSpec
from exchange.app.ceremony import APPROVERS_NEEDED, SENDER
from exchange.app.cold_requests import LIFE_S
from exchange.app.home import Home
from exchange.app.local_chains import LocalChain, local_chain
from exchange.app.wallet_kits import COLD, EVM_SENDERS, HOT, SOLANA_PAYERS, WARM
from exchange.app.wallets import receives_at, registration_of

_SENDER_PATHS = {Family.EVM: EVM_SENDERS[COLD], Family.SOLANA: SOLANA_PAYERS[COLD]}
"""Where the sender derives the key that pays the fees of a cold wallet."""


def open_local_rooms(home: Home, wallets: Sequence[WalletSpec], staff: Sequence[StaffSpec]) -> dict[str, ColdHome]:
    """Make a cold room for each cold keyholder.

    Args:
        home: The installation.
        wallets: All its wallets.
        staff: Who approves.

    Returns:
        Rooms by the keyholder's name, below the installation's folder.

    Raises:
        Conflict: There are rooms already.
        InvalidInput: A chain that is none of the local ones.
    """
    passphrase = read_passphrase(home.passphrase)
    cold = [spec for spec in wallets if spec.tier == COLD]
    told, rooms = wallets_file_of(wallets), {}
    make_private_folder(home.folder / "cold")
    for name in dict.fromkeys(member.signer for spec in cold for member in spec.members):
        room = ColdHome(home.folder / "cold" / name)
        words = unseal(read_keystore(home.keystore(name)), passphrase)
        create_room(room, passphrase, _rules(name, staff, [_row(spec) for spec in cold]), words)
        register(room, passphrase, told.memberships(name), told.places(name))
        rooms[name] = room
    return rooms


def wallets_file_of(wallets: Sequence[WalletSpec]) -> WalletsFile:
    """What cold rooms must be told of the cold wallets among these."""
    return WalletsFile(
        tuple(
            ToldWallet(
                registration_of(spec),
                {member.signer: member.path for member in spec.members},
                places_of(spec, wallets),
            )
            for spec in wallets
            if spec.tier == COLD
        )
    )


def let_sender_pay(home: Home, wallets: Sequence[WalletSpec]) -> None:
    """Tell the sender of the cold wallets whose fees it pays, and of the only places these may pay.

    It takes effect when the sender's process is started again.
    """
    sender = home.signer(SENDER)
    cold = [spec for spec in wallets if spec.tier == COLD and _family(spec) in _SENDER_PATHS]
    before = dict(parse_plain(read_private(SignerHome(sender).rules, MAX_RULES_BYTES), MAX_RULES_BYTES, "rules"))
    fields = Fields(before, "rules")
    named = {name: list(of) for name, of in _named(fields).items()}
    named |= {spec.id: sorted(places_of(spec, wallets)) for spec in cold}
    replace_rules(sender, {**before, "version": fields.integer("version") + 1, "destinations": named})  # type: ignore[dict-item]  # JSON, as it was read
    for spec in cold:
        register_wallet(sender, registration_of(spec), {"sender": _SENDER_PATHS[_family(spec)]}, [SigningRole.SENDER])


def places_of(cold: WalletSpec, wallets: Sequence[WalletSpec]) -> dict[str, Place]:
    """Where a cold wallet may pay to: the warm wallet of its chain, or the first hot one where there is no warm."""
    here = [spec for spec in wallets if spec.chain == cold.chain]
    up = [spec for spec in here if spec.tier == WARM] or [spec for spec in here if spec.tier == HOT][:1]
    memo = str(tag_of(HOUSE_NUMBER)) if _family(cold) is Family.XRPL else ""  # there hot is shared and demands a tag
    return {receives_at(spec): Place(spec.id, spec.tier, memo) for spec in up}


def _named(rules: Fields) -> dict[str, tuple[str, ...]]:
    destinations = rules.fields("destinations")
    return {name: destinations.texts(name) for name in destinations.values}


def _rules(name: str, staff: Sequence[StaffSpec], rows: Sequence[LocalChain]) -> dict[str, Json]:
    return {
        "format": "mext/signer-rules/1",
        "name": name,
        "version": 1,
        "frozen": False,
        "roster": [
            {
                "approver": each.approver,
                "public_key": each.key,
                "person": each.person,
                "organisation": each.organisation,
            }
            for each in staff
        ],
        "quorum": {"threshold": APPROVERS_NEEDED, "max_age_s": LIFE_S, "min_organisations": 1},
        "wallet_quorums": {},
        "destinations": {},
        "own_moves": [],
        "fee_caps": {row.chain: str(row.fee_cap) for row in rows},
        "buckets": {row.asset.key: {"capacity": str(row.hourly), "refill_per_hour": str(row.hourly)} for row in rows},
    }


def _row(spec: WalletSpec) -> LocalChain:
    row = local_chain(spec.chain)
    if row is None:
        raise InvalidInput(
            f"{spec.chain} is no local chain: make its cold rooms where their keys are", chain=spec.chain
        )
    return row


def _family(spec: WalletSpec) -> Family:
    return chain_row(ChainId(spec.chain)).family
