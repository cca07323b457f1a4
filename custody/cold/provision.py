"""Setting up a cold room: a signer's home, the wallets it is a member of, the places these may pay, and the seal.

Example:
    create_room(ColdHome(folder), passphrase, rules, words)
    register(ColdHome(folder), passphrase, [Membership(registration, "m/48h/1h/0h/2h")], places)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from custody.cold.home import ColdHome, Places, begin_sequences, write_places
from custody.keys.material import SigningRole
from custody.primitives.encoding import Json
from custody.primitives.errors import Conflict, InvalidInput
from custody.primitives.secret import Secret
from custody.signers.keyring import Keyring
from custody.signers.provision import create_home, register_wallet
from custody.signers.registration import MEMBER_PATH
from custody.signers.registry import family_of


@dataclass(frozen=True, slots=True)
class Membership:
    """A wallet, and where this keyholder's member key of it is derived.

    Attributes:
        registration: What the wallet writes about itself.
        path: Derivation path.
    """

    registration: Mapping[str, Json]
    path: str


def create_room(home: ColdHome, passphrase: Secret, rules: Mapping[str, Json], words: Secret | None = None) -> None:
    """Create the folder of a new cold room.

    Args:
        home: Folder to create, mode 0700.
        passphrase: Seals the mnemonic.
        rules: Who must approve, fee caps, limits; see docs/signers.md.
        words: A mnemonic to restore from; None draws a new one of 24 words.

    Raises:
        Conflict: A keystore exists there.
        InvalidInput: The rules or the words are malformed; nothing was written.
    """
    create_home(home.folder, passphrase, rules, words)
    begin_sequences(home)


def register(home: ColdHome, passphrase: Secret, memberships: Sequence[Membership], places: Places) -> None:
    """Tell a cold room of its wallets and of the only places they may pay, and seal what it was told.

    Raises:
        InvalidInput: A wallet without a place it may pay, which could never sign anything.
        Conflict: Wallets are registered already: a room is told once.
        VerificationFailed: The passphrase is wrong.
        NotFound: The home has no keystore.
    """
    if home.seal.exists():
        raise Conflict(f"{home.folder} was told of its wallets already", folder=str(home.folder))
    ids = {str(each.registration["id"]) for each in memberships}
    if ids != set(places) or not all(places.values()):
        raise InvalidInput(f"cold room: wallets {sorted(ids)} and places {sorted(places)} do not belong together")
    seed = home.signer.load_seed(passphrase)
    _require_member(Keyring(seed), memberships)
    for each in memberships:
        register_wallet(home.folder, each.registration, {MEMBER_PATH: each.path}, [SigningRole.MEMBER])
    write_places(home, places)
    if not home.sequences.exists():
        begin_sequences(home)
    home.write_seal(seed)


def _require_member(keyring: Keyring, memberships: Sequence[Membership]) -> None:
    """Refuse, before anything is written, a wallet that our key at its path is no member of.

    Raises:
        InvalidInput: The registration is malformed, or our key is not in it.
        Refused: A family without decoder.
    """
    for each in memberships:
        family = family_of(str(each.registration["family"]))
        key = keyring.public_key(each.path, family.scheme.curve)
        family.load()(each.registration, {each.path: key})
