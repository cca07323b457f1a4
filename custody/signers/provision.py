"""Setting up a signer: its sealed mnemonic, its rules, its wallets, and the public keys others need.

Rules:
    * Nothing secret leaves but by `reveal_words`, for the paper backup.
    * An existing keystore or registration is never overwritten; rules are replaced whole, by number.

Example:
    create_home(home, passphrase, rules)
    public = export_public(home, passphrase, {"m/48h/1h/0h/2h": Curve.SECP256K1}, KeyNetwork.TEST)
    register_wallet(home, wallet.registration(), {"member": "m/48h/1h/0h/2h"}, [SigningRole.MEMBER])
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from custody.keys import ed25519, frost, slip10
from custody.keys.hd import PrivateNode
from custody.keys.keystore import seal, write_keystore
from custody.keys.material import Curve, SigningRole
from custody.keys.mnemonic import fresh_entropy, generate, validate
from custody.keys.paths import format_path, parse_path
from custody.keys.private_files import make_private_folder, replace_private, write_new_private
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.encoding import Json
from custody.primitives.errors import Conflict, Refused, StaleState
from custody.primitives.secret import Secret
from custody.signers.home import SignerHome, share_passphrase
from custody.signers.memory import Memory
from custody.signers.registration import parse_wallet
from custody.signers.registry import family_of, require_stored_keys_suffice
from custody.signers.rules import parse_rules
from custody.signers.token_file import TokenFile, parse_token_file


def create_home(
    home: Path,
    passphrase: Secret,
    rules: Mapping[str, Json],
    words: Secret | None = None,
    *,
    unsafe_scrypt_n_for_tests: int | None = None,
) -> None:
    """Create the folder of a new signer whose keys follow from a sealed mnemonic.

    Args:
        home: Folder to create, mode 0700.
        passphrase: Seals the mnemonic.
        rules: The first rule file; see docs/signers.md.
        words: A mnemonic to restore from; None draws a new one of 24 words.
        unsafe_scrypt_n_for_tests: Cheap sealing that the daemon refuses to open.

    Raises:
        Conflict: A keystore exists there.
        InvalidInput: The rules or the words are malformed; nothing was written.
    """
    raw_rules = _pretty(rules)
    parse_rules(raw_rules)
    words = words or generate(fresh_entropy())
    validate(words)
    folder = SignerHome(home)
    make_private_folder(home)
    make_private_folder(home / "wallets")
    sealed = seal(words, passphrase, unsafe_scrypt_n_for_tests=unsafe_scrypt_n_for_tests)
    write_keystore(folder.keystore, sealed)
    Memory.create(folder.memory).close()
    replace_private(folder.rules, raw_rules)


def create_token_home(home: Path, token: TokenFile, rules: Mapping[str, Json]) -> None:
    """Create the folder of a new signer whose keys lie in a token.

    Args:
        home: Folder to create, mode 0700.
        token: Which token, and which of its keys.
        rules: The first rule file; see docs/signers.md.

    Raises:
        Conflict: A signer exists there.
        InvalidInput: The rules or the description of the token are malformed; nothing was written.
    """
    raw_rules, raw_token = _pretty(rules), _pretty(token.as_json())
    parse_rules(raw_rules)
    parse_token_file(raw_token)
    folder = SignerHome(home)
    if folder.keystore.exists():
        raise Conflict(f"{home} holds a keystore; a token gets a home of its own", path=str(home))
    make_private_folder(home)
    make_private_folder(home / "wallets")
    write_new_private(folder.token, raw_token)
    Memory.create(folder.memory).close()
    replace_private(folder.rules, raw_rules)


def replace_rules(home: Path, rules: Mapping[str, Json]) -> None:
    """Put the next rule file in place; a running signer keeps the old one until it is restarted.

    Raises:
        StaleState: The version is not above the present one.
        InvalidInput: Malformed.
    """
    raw, folder = _pretty(rules), SignerHome(home)
    present, following = folder.load_rules().version, parse_rules(raw).version
    if following <= present:
        raise StaleState(f"rules: version {following} is not above {present}", present=present, asked=following)
    replace_private(folder.rules, raw)


def register_wallet(
    home: Path, registration: Mapping[str, Json], our_paths: Mapping[str, str], roles: Sequence[SigningRole]
) -> None:
    """Tell a signer of a wallet: its public shape, and which keys in it are its own.

    Args:
        home: Folder of the signer.
        registration: What the wallet writes about itself: id, family, chain, network, family fields.
        our_paths: Name -> path: "member", "sender", or another name for further sender keys.
        roles: What the signer may sign for it.

    Raises:
        Conflict: The wallet is registered already.
        InvalidInput: Malformed.
        Refused: The signer's keys lie in a token, and a wallet of this family, or one of the paths, needs others.
    """
    raw = _pretty({**registration, "our_paths": dict(our_paths), "roles": [role.value for role in roles]})
    wallet, folder = parse_wallet(raw), SignerHome(home)
    if folder.token.exists():
        require_stored_keys_suffice(wallet.family, family_of(wallet.family))
        if strangers := sorted(set(wallet.our_paths.values()) - set(folder.load_token_file().keys)):
            raise Refused(f"wallet {wallet.id}: the token has no key for {', '.join(strangers)}", wallet=wallet.id)
    write_new_private(folder.wallet(wallet.id), raw)


def store_share(home: Path, passphrase: Secret, wallet_id: str, share: Secret) -> None:
    """Seal this signer's share of a group's key; it does not follow from the words, so the file needs a backup.

    Args:
        home: Folder of the signer.
        passphrase: Unseals its seed, which seals the share.
        wallet_id: The wallet that the group's key pays from.
        share: Scalar, 32 bytes.

    Raises:
        MalformedPayload: Not a scalar.
        Conflict: A share for this wallet exists.
    """
    frost.verifying_share(share)
    folder = SignerHome(home)
    seed = folder.load_seed(passphrase)
    make_private_folder(folder.share(wallet_id).parent)
    write_keystore(folder.share(wallet_id), seal(share, share_passphrase(wallet_id, seed)))


def export_public(
    home: Path,
    passphrase: Secret,
    paths: Mapping[str, Curve],
    network: KeyNetwork,
    *,
    unsafe_scrypt_n_for_tests: int | None = None,
) -> dict[str, Json]:
    """Compute what others need to make wallets with this signer's keys.

    Args:
        home: Folder of the signer.
        passphrase: Unseals it.
        paths: Path -> curve.
        network: For the version of the extended public keys.
        unsafe_scrypt_n_for_tests: As in `create_home`.

    Returns:
        {"name", "fingerprint" (8 hex digits), "keys": {path: {"curve", "public_key" (hex)[, "xpub"]}}}.
    """
    folder = SignerHome(home)
    seed = folder.load_seed(passphrase, unsafe_scrypt_n_for_tests=unsafe_scrypt_n_for_tests)
    root = PrivateNode.from_seed(seed)
    keys: dict[str, Json] = {}
    for path, curve in paths.items():
        name = format_path(parse_path(path))
        if curve is Curve.SECP256K1:
            node = root.derive(path).public()
            keys[name] = {"curve": curve.value, "public_key": node.key.hex(), "xpub": encode_xpub(node, network)}
        else:
            key = ed25519.public_key(slip10.derive(seed, path, curve))
            keys[name] = {"curve": curve.value, "public_key": key.raw.hex()}
    return {"name": folder.load_rules().name, "fingerprint": root.public().fingerprint().hex(), "keys": keys}


def reveal_words(home: Path, passphrase: Secret) -> Secret:
    """Unseal the mnemonic for the paper backup: the one way a secret leaves the folder."""
    return SignerHome(home).load_words(passphrase)


def _pretty(value: Mapping[str, Json]) -> bytes:
    return json.dumps(value, indent=2, sort_keys=True, default=dict).encode() + b"\n"
