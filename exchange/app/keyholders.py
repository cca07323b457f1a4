"""Key holders that are no signer process: a sealed mnemonic each, opened for one use.

Staff approve with an Ed25519 key, the operator sends contract calls, the opener opens Solana accounts,
cold keys sign in the cold room. Nothing secret is written in clear.

Example:
    create_holder(home.keystore("alice"), passphrase)
    key = open_ed25519(home.keystore("alice"), passphrase, STAFF_PATH)
"""

from __future__ import annotations

from pathlib import Path

from custody.keys import slip10
from custody.keys.hd import PrivateNode
from custody.keys.keystore import read_keystore, seal, unseal, write_keystore
from custody.keys.material import Curve
from custody.keys.mnemonic import fresh_entropy, generate, to_seed
from custody.keys.private_files import make_private_folder
from custody.primitives.secret import Secret

STAFF_PATH = "m/44h/1h/0h/0h"
"""Approver keys: Ed25519 by SLIP-10; coin type 1 belongs to no chain with value."""
OPERATOR_PATH = "m/44h/60h/0h/0/0"
OPENER_PATH = "m/44h/501h/0h/0h"
_NO_PASSPHRASE = Secret(b"")


def create_holder(keystore: Path, passphrase: Secret) -> None:
    """Draw a new mnemonic and seal it.

    Raises:
        Conflict: A keystore exists there.
    """
    make_private_folder(keystore.parent)
    write_keystore(keystore, seal(generate(fresh_entropy()), passphrase))


def open_seed(keystore: Path, passphrase: Secret) -> Secret:
    """Unseal a holder's 64-byte seed.

    Raises:
        NotFound, Refused, VerificationFailed: No such file, open to others, or a wrong passphrase.
    """
    return to_seed(unseal(read_keystore(keystore), passphrase), _NO_PASSPHRASE)


def open_ed25519(keystore: Path, passphrase: Secret, path: str) -> Secret:
    """Unseal and derive an Ed25519 key, 32 bytes."""
    return slip10.derive(open_seed(keystore, passphrase), path, Curve.ED25519)


def open_root(keystore: Path, passphrase: Secret) -> PrivateNode:
    """Unseal the BIP-32 root node of a holder."""
    return PrivateNode.from_seed(open_seed(keystore, passphrase))
