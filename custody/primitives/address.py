"""Addresses: a checked place on one chain.

Only a codec's `parse_address` or `derive_address` makes one; code that receives an `Address` may
rely on its text being canonical for its chain.
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidAddress

MAX_ADDRESS_CHARS = 128
"""Longest address of any supported chain is 90 characters (bech32)."""


@dataclass(frozen=True, slots=True)
class Address:
    """A checked place on a chain.

    Attributes:
        chain: The network it belongs to.
        text: Canonical text form, ASCII, 1 to 128 characters.
    """

    chain: ChainId
    text: str

    def __post_init__(self) -> None:
        if not (0 < len(self.text) <= MAX_ADDRESS_CHARS and self.text.isascii() and self.text.isprintable()):
            raise InvalidAddress(f"{self.chain}: not an address: {self.text[:40]!r}", chain=self.chain)

    def __str__(self) -> str:
        return self.text
