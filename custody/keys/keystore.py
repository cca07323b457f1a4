"""Keystore: a secret at rest, under a passphrase, in one small JSON file.

Rules:
    * scrypt (n >= 2**17) makes the key, AES-256-GCM seals; every header byte is authenticated too.
    * One flipped bit anywhere is an error, never a silently different key.
    * The file is written atomically with mode 0600, never over an existing one; a file that others
      may read is refused.
    * Cost parameters of a file are bounded: a hostile file cannot ask for 100 GiB of memory.

Example:
    write_keystore(path, seal(words, passphrase))
    words = unseal(read_keystore(path), passphrase)
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from custody.keys.private_files import read_private, write_new_private
from custody.keys.strict_json import Fields, parse_canonical
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import MalformedPayload, Refused, VerificationFailed
from custody.primitives.secret import Secret

FORMAT = "mext/keystore/1"
SCRYPT_N = 1 << 17
"""128 MiB and about 0.4 s with r = 8: the least a stranger pays per guess."""
MAX_SCRYPT_N = 1 << 20
SCRYPT_R = 8
SCRYPT_P = 1
MAX_SECRET_BYTES = 1_024
MAX_FILE_BYTES = 8_192
_SALT_BYTES = 32
_NONCE_BYTES = 12
_TAG_BYTES = 16
_HEADER = ("cipher", "format", "n", "nonce", "p", "r", "salt")


class KeystoreSealBroken(VerificationFailed):
    """Wrong passphrase, or the file was changed: the two cannot be told apart."""

    code = "keystore_seal_broken"


def seal(secret: Secret, passphrase: Secret, *, unsafe_scrypt_n_for_tests: int | None = None) -> bytes:
    """Encrypt a secret.

    Args:
        secret: 1 to 1,024 bytes.
        passphrase: Not empty.
        unsafe_scrypt_n_for_tests: Lower cost, which makes a file that only tests can open.

    Returns:
        The bytes of a keystore file.

    Raises:
        Refused: Empty or oversized secret, or empty passphrase.
    """
    if not 0 < len(secret.reveal()) <= MAX_SECRET_BYTES:
        raise Refused(f"a keystore holds 1 to {MAX_SECRET_BYTES} bytes")
    header: dict[str, Json] = {
        "cipher": "aes-256-gcm",
        "format": FORMAT,
        "n": unsafe_scrypt_n_for_tests or SCRYPT_N,
        "nonce": os.urandom(_NONCE_BYTES).hex(),
        "p": SCRYPT_P,
        "r": SCRYPT_R,
        "salt": os.urandom(_SALT_BYTES).hex(),
    }
    fields = Fields(header, "keystore")
    cipher = AESGCM(_stretch(passphrase, fields))
    sealed = cipher.encrypt(fields.raw("nonce"), secret.reveal(), canonical_json(header))
    return canonical_json({**header, "sealed": sealed.hex()})


def unseal(raw: bytes, passphrase: Secret, *, unsafe_scrypt_n_for_tests: int | None = None) -> Secret:
    """Decrypt a keystore.

    Args:
        raw: The bytes of the file.
        passphrase: The one it was sealed under.
        unsafe_scrypt_n_for_tests: Least cost accepted, in place of 2**17.

    Raises:
        MalformedPayload: Not a keystore of this format, or its parameters are out of bounds.
        KeystoreSealBroken: Wrong passphrase, or any byte differs from what was written.
        Refused: The passphrase is empty.
    """
    values = parse_canonical(raw, MAX_FILE_BYTES, "keystore")
    fields = Fields(values, "keystore")
    fields.only(*_HEADER, "sealed")
    sealed = fields.raw("sealed")
    _require_bounds(fields, len(sealed), unsafe_scrypt_n_for_tests or SCRYPT_N)
    header: dict[str, Json] = {
        name: fields.integer(name) if name in ("n", "p", "r") else fields.text(name) for name in _HEADER
    }
    try:
        opened = AESGCM(_stretch(passphrase, fields)).decrypt(fields.raw("nonce"), sealed, canonical_json(header))
    except InvalidTag:
        raise KeystoreSealBroken("keystore: wrong passphrase, or the file was changed") from None
    return Secret(opened)


def write_keystore(path: Path, raw: bytes) -> None:
    """Create the file, mode 0600, durable before return.

    Raises:
        Conflict: Something exists there already; a keystore is never overwritten.
    """
    write_new_private(path, raw)


def read_keystore(path: Path) -> bytes:
    """Read the file.

    Raises:
        NotFound: No such file.
        Refused: Not a plain file of ours, or others may read or write it.
        MalformedPayload: Larger than a keystore can be.
    """
    return read_private(path, MAX_FILE_BYTES)


def _require_bounds(fields: Fields, sealed_bytes: int, least_n: int) -> None:
    n = fields.integer("n")
    in_bounds = (
        fields.text("format") == FORMAT
        and fields.text("cipher") == "aes-256-gcm"
        and least_n <= n <= MAX_SCRYPT_N
        and n & (n - 1) == 0
        and fields.integer("r") == SCRYPT_R
        and fields.integer("p") == SCRYPT_P
        and len(fields.raw("salt")) == _SALT_BYTES
        and len(fields.raw("nonce")) == _NONCE_BYTES
        and _TAG_BYTES < sealed_bytes <= MAX_SECRET_BYTES + _TAG_BYTES
    )
    if not in_bounds:
        raise MalformedPayload(f"keystore: not {FORMAT}, or parameters out of bounds (n from {least_n})")


def _stretch(passphrase: Secret, fields: Fields) -> bytes:
    if not passphrase.reveal():
        raise Refused("the passphrase is empty")
    n = fields.integer("n")
    # OpenSSL wants 128 * r * (n + p + 2) bytes; one MiB on top is slack, not a second limit.
    memory = 128 * SCRYPT_R * (n + SCRYPT_P + 2) + (1 << 20)
    return hashlib.scrypt(
        passphrase.reveal(), salt=fields.raw("salt"), n=n, r=SCRYPT_R, p=SCRYPT_P, maxmem=memory, dklen=32
    )
