"""Entropy of a key ceremony: the system's generator and a second source, tested for health and mixed through HKDF.

Rules:
    * Two sources always: whoever controls one of them learns nothing about the key.
    * Both are tested before they are mixed: no value repeats too often in a row, none makes up too much of the whole.
      The bounds let a good source fail once in a million times; a failed test stops the ceremony and is not repeated
      quietly.
    * The tests find a source that is broken, not one that is clever: they say nothing about an adversary.

Example:
    entropy = mix(draw_system(), parse_dice(text), "alice")

Spec: NIST SP 800-90B 4.4 (repetition count, adaptive proportion); RFC 5869 (HKDF-SHA256).
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from math import comb

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from custody.primitives.encoding import encode
from custody.primitives.errors import InvalidInput, VerificationFailed
from custody.primitives.secret import Secret

SYSTEM_BYTES = 1_024
MIN_FILE_BYTES = 512
"""The proportion test needs this many to mean something."""
MAX_FILE_BYTES = 4_096
DICE_FACES = 6
MIN_ROLLS = 100
"""258 bits, if the dice are fair."""
MAX_ROLLS = 1_000
ENTROPY_BYTES = 32
FALSE_ALARM_BITS = 20
"""A healthy source fails a test once in 2**20 times, as the standard proposes; here for the whole sample."""
_TAG = "mext/ceremony-entropy/1"


class UnhealthySource(VerificationFailed):
    """A source of entropy failed its health test."""

    code = "unhealthy_source"


@dataclass(frozen=True, slots=True)
class Source:
    """What one source gave.

    Attributes:
        kind: "system", "dice" or "file".
        symbols: One byte a symbol.
        alphabet: How many different symbols the source has.
    """

    kind: str
    symbols: Secret
    alphabet: int

    def __post_init__(self) -> None:
        raw = self.symbols.reveal()
        longest = max((len(list(run)) for _, run in groupby(raw)), default=0)
        if longest >= repetition_cutoff(len(raw), self.alphabet):
            raise UnhealthySource(f"{self.kind}: one value stands {longest} times in a row", kind=self.kind)
        most = max(Counter(raw).values(), default=0)
        if most >= proportion_cutoff(len(raw), self.alphabet):
            raise UnhealthySource(f"{self.kind}: one value makes up {most} of {len(raw)}", kind=self.kind)


def draw_system() -> Source:
    """Draw from the operating system.

    Raises:
        UnhealthySource: It repeats itself.
    """
    return Source("system", Secret(os.urandom(SYSTEM_BYTES)), 256)


def parse_dice(text: str) -> Source:
    """Read rolls of a six-sided die: digits 1 to 6, blanks and line breaks between them as you like.

    Raises:
        InvalidInput: Another character, fewer than 100 rolls or more than 1,000; the message repeats none.
        UnhealthySource: The die, or whoever typed, repeats itself.
    """
    rolls = "".join(text.split())
    if not set(rolls) <= set("123456"):
        raise InvalidInput("dice: only the digits 1 to 6 and blanks")
    if not MIN_ROLLS <= len(rolls) <= MAX_ROLLS:
        raise InvalidInput(f"dice: {len(rolls)} rolls; {MIN_ROLLS} to {MAX_ROLLS} are needed", rolls=len(rolls))
    return Source("dice", Secret(rolls.encode()), DICE_FACES)


def parse_file(raw: bytes) -> Source:
    """Take random bytes that another device made.

    Raises:
        InvalidInput: Fewer than 512 bytes, or more than 4,096.
        UnhealthySource: They repeat themselves.
    """
    if not MIN_FILE_BYTES <= len(raw) <= MAX_FILE_BYTES:
        raise InvalidInput(f"second source: {len(raw)} bytes; {MIN_FILE_BYTES} to {MAX_FILE_BYTES} are needed")
    return Source("file", Secret(raw), 256)


def mix(system: Source, second: Source, name: str) -> Secret:
    """Make the entropy of one key out of two sources.

    Args:
        system: From `draw_system`.
        second: Dice, or bytes of another device.
        name: Of the key holder; two holders get two keys, whatever the sources.

    Returns:
        32 bytes, for a mnemonic of 24 words.

    Raises:
        InvalidInput: Both are the same source.
    """
    if system.symbols == second.symbols:
        raise InvalidInput("both sources gave the same bytes: that is one source")
    material = encode(_TAG, system.kind, system.symbols.reveal(), second.kind, second.symbols.reveal())
    return Secret(HKDF(SHA256(), ENTROPY_BYTES, _TAG.encode(), encode(_TAG, name)).derive(material))


def repetition_cutoff(length: int, alphabet: int) -> int:
    """How often one value in a row is an alarm: the least count met anywhere with a chance of at most 2**-20."""
    count = 1
    while alphabet ** (count - 1) < length << FALSE_ALARM_BITS:
        count += 1
    return count


@cache
def proportion_cutoff(length: int, alphabet: int) -> int:
    """How often one value in all is an alarm: the least count any value reaches with a chance of at most 2**-20."""
    ways = alphabet**length
    at_least, count = ways, 0
    while at_least * alphabet << FALSE_ALARM_BITS > ways:
        at_least -= comb(length, count) * (alphabet - 1) ** (length - count)
        count += 1
    return count
