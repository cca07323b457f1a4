"""The digital currency addresses in the text form of OFAC's list of specially designated nationals.

They stand in the remarks, as "Digital Currency Address - XBT 1A1z...; alt. Digital Currency Address - ETH 0x...".

Rules:
    * Lines are wrapped anywhere between words, so the text is read as one line.
    * A mention that does not read as an address stops the import: an entry is never dropped in silence.

Example:
    >>> addresses_in("... Digital Currency Address - XMR 88ab; ...")
    {'88ab': 'XMR'}
"""

from __future__ import annotations

import re

from custody.primitives.errors import MalformedPayload

MAX_TEXT_CHARS = 128 * 1024 * 1024
"""The whole list is some ten megabytes."""
MAX_ADDRESS_CHARS = 256
_MENTION = "Digital Currency Address"
_ENTRY = re.compile(rf"{_MENTION} - ([A-Z0-9]{{2,10}}) ([^\s;,\"|]+)", re.ASCII)
_SHOWN_CHARS = 80


def addresses_in(text: str) -> dict[str, str]:
    """Find every listed address.

    Args:
        text: The list, as published.

    Returns:
        Address -> currency it is listed under; the first one if there are several.

    Raises:
        MalformedPayload: Too long, or a mention without an address behind it.
    """
    if len(text) > MAX_TEXT_CHARS:
        raise MalformedPayload(f"sanctions list: longer than {MAX_TEXT_CHARS} characters")
    line = " ".join(text.split())
    found: dict[str, str] = {}
    place = line.find(_MENTION)
    while place >= 0:
        entry = _ENTRY.match(line, place)
        address = entry[2].rstrip(".)") if entry else ""
        if entry is None or not 0 < len(address) <= MAX_ADDRESS_CHARS or not address.isascii():
            raise MalformedPayload(f"sanctions list: no address can be read in {line[place : place + _SHOWN_CHARS]!r}")
        found.setdefault(address, entry[1])
        place = line.find(_MENTION, entry.end())
    return found
