"""Keys in a token, as people at the signer's machine see them: made, shown, checked, given to a signer.

Rules:
    * A key counts as checked when it is kept as it must be and signed a text that is no transaction.
    * Nothing secret is shown; there is nothing secret to show.

Example:
    token = Token.open(TokenPlace(module, "alice"), read_pin(pin_file))
    check_keys(token, {"evm": Curve.SECP256K1})
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve, PublicKey
from custody.keys.paths import format_path, parse_path
from custody.keys.token import Token
from custody.primitives.encoding import digest
from custody.primitives.errors import InvalidInput
from custody.signers.token_file import TokenEntry, TokenFile

TEST_TAG = "mext/token-test/1"


def parse_key_names(texts: Sequence[str]) -> dict[str, tuple[str, Curve]]:
    """Read "path=label:curve", as the command line gives keys.

    Returns:
        Path -> label and curve.

    Raises:
        InvalidInput: Another form, an unknown curve, or a path twice.
    """
    named: dict[str, tuple[str, Curve]] = {}
    for text in texts:
        path, equals, rest = text.partition("=")
        label, colon, curve = rest.rpartition(":")
        if not equals or not colon or not label or curve not in list(Curve):
            raise InvalidInput(f"key {text!r} is not path=label:curve, with a curve of {', '.join(Curve)}")
        canonical = format_path(parse_path(path))
        if canonical in named:
            raise InvalidInput(f"path {canonical} is given twice", path=canonical)
        named[canonical] = (label, Curve(curve))
    return named


def describe(token: Token, named: Mapping[str, tuple[str, Curve]]) -> TokenFile:
    """Check the keys and write down where they lie, for a signer's home.

    Raises:
        NotFound, Conflict, TokenRefused, BadSignature: See `check_keys`.
    """
    checked = check_keys(token, dict(named.values()))
    return TokenFile(token.place, {path: TokenEntry(label, checked[label]) for path, (label, _) in named.items()})


def check_keys(token: Token, curves: Mapping[str, Curve]) -> dict[str, PublicKey]:
    """Let every key sign a fresh text of ours, and verify it.

    Args:
        token: Logged in.
        curves: Label -> curve.

    Returns:
        Label -> public key.

    Raises:
        NotFound, Conflict: A label names no key, or several.
        TokenRefused: A key could be taken out of the token.
        BadSignature: The token's signature does not verify.
    """
    checked: dict[str, PublicKey] = {}
    for label, curve in curves.items():
        key = token.key(label, curve)
        text = bytes(digest(TEST_TAG, token.place.label, label, os.urandom(32)))
        if curve is Curve.SECP256K1:
            ecdsa.verify_recoverable(key.public, text, key.sign(text))
        else:
            ed25519.verify(key.public, TEST_TAG.encode() + text, key.sign(TEST_TAG.encode() + text))
        checked[label] = key.public
    return checked
