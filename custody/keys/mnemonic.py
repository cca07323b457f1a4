"""BIP-39 mnemonics: entropy as words, words as a seed.

Rules:
    * English list only: one list, one checksum, no guess about the language.
    * Words and seeds travel inside a `Secret`.
    * A sentence is validated before it becomes a seed; there is no "use it anyway".

Example:
    words = generate(fresh_entropy())
    seed = to_seed(words, Secret(b""))

Spec: BIP-39.
"""

from __future__ import annotations

import hashlib
import os
import unicodedata

from embit.wordlists.bip39 import WORDLIST

from custody.primitives.errors import InvalidInput
from custody.primitives.secret import Secret

ENTROPY_BYTES = (16, 20, 24, 28, 32)
"""12, 15, 18, 21 and 24 words."""
SEED_BYTES = 64
_PBKDF2_ROUNDS = 2_048
_WORD_BITS = 11
_INDEX = {word: index for index, word in enumerate(WORDLIST)}


class InvalidMnemonic(InvalidInput):
    """The words are not a BIP-39 sentence; the message never repeats one of them."""

    code = "invalid_mnemonic"


def fresh_entropy() -> Secret:
    """Draw 32 bytes from the operating system; `custody.keys.entropy` mixes in a second source."""
    return Secret(os.urandom(32))


def generate(entropy: Secret) -> Secret:
    """Write entropy as a sentence.

    Args:
        entropy: 16, 20, 24, 28 or 32 bytes.

    Returns:
        12 to 24 English words, separated by single spaces, ASCII.

    Raises:
        InvalidMnemonic: Another length.
    """
    raw = entropy.reveal()
    if len(raw) not in ENTROPY_BYTES:
        raise InvalidMnemonic(f"entropy of {len(raw)} bytes; {ENTROPY_BYTES} are allowed")
    checksum_bits = len(raw) // 4
    bits = int.from_bytes(raw, "big") << checksum_bits | _checksum(raw)
    count = (len(raw) * 8 + checksum_bits) // _WORD_BITS
    indexes = [bits >> _WORD_BITS * (count - 1 - place) & 0x7FF for place in range(count)]
    return Secret(" ".join(WORDLIST[index] for index in indexes).encode())


def entropy_of(words: Secret) -> Secret:
    """Read a sentence back to its entropy; the inverse of `generate`.

    Raises:
        InvalidMnemonic: Number of words, a word, or the checksum is wrong.
    """
    sentence = words.reveal().decode("utf-8", "replace").split(" ")
    if len(sentence) not in {size * 3 // 4 for size in ENTROPY_BYTES}:
        raise InvalidMnemonic(f"a mnemonic of {len(sentence)} words; 12, 15, 18, 21 or 24 single-spaced are allowed")
    bits = 0
    for place, word in enumerate(sentence, start=1):
        if word not in _INDEX:
            raise InvalidMnemonic(f"word {place} of the mnemonic is not in the English list", place=place)
        bits = bits << _WORD_BITS | _INDEX[word]
    size = len(sentence) * 4 // 3
    raw = (bits >> size // 4).to_bytes(size, "big")
    if bits & (1 << size // 4) - 1 != _checksum(raw):
        raise InvalidMnemonic("the checksum of the mnemonic is wrong")
    return Secret(raw)


def validate(words: Secret) -> None:
    """Check a sentence.

    Raises:
        InvalidMnemonic: Number of words, a word, or the checksum is wrong.
    """
    entropy_of(words)


def to_seed(words: Secret, passphrase: Secret) -> Secret:
    """Stretch a valid sentence into the 64-byte seed of all its keys.

    Args:
        words: The sentence.
        passphrase: The optional 25th word, UTF-8; empty for none.

    Raises:
        InvalidMnemonic: The sentence is not valid.
    """
    validate(words)
    salt = "mnemonic" + unicodedata.normalize("NFKD", passphrase.reveal().decode())
    return Secret(hashlib.pbkdf2_hmac("sha512", words.reveal(), salt.encode(), _PBKDF2_ROUNDS, SEED_BYTES))


def _checksum(entropy: bytes) -> int:
    """First len/4 bits of SHA-256; at most 8, so the first byte holds them all."""
    return hashlib.sha256(entropy).digest()[0] >> 8 - len(entropy) // 4
