"""A sanctions list as it was published, with the day on which it was fetched; one file each.

Rules:
    * Every listed text is kept as it was published; its family is worked out when the file is read.
    * The day is the day of fetching: a source that published nothing new must be asked again all the same.
    * An empty list is not accepted: a source that lists nobody was not read.

Example:
    decode_list(encode_list(DatedList("ofac-sdn", date(2026, 11, 20), {"1A1z...": "XBT"})))
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from custody.compliance.places import listed_key
from custody.keys.strict_json import Fields, parse_plain
from custody.primitives.errors import InvalidInput, MalformedPayload

FORMAT = "mext/sanctions/1"
MAX_FILE_BYTES = 32 * 1024 * 1024
"""All digital currency addresses OFAC ever listed are some hundred kilobytes."""
_SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}", re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_WHAT = "sanctions list"


@dataclass(frozen=True, slots=True)
class DatedList:
    """One list on one day.

    Attributes:
        source: Whose list, e.g. "ofac-sdn"; also the file's name.
        as_of: Day on which the source stood like this.
        entries: Listed text -> currency it is listed under, as published.
    """

    source: str
    as_of: date
    entries: Mapping[str, str]

    def __post_init__(self) -> None:
        if _SOURCE.fullmatch(self.source) is None:
            raise InvalidInput(f"{_WHAT}: {self.source[:60]!r} is no name of 1 to 40 of a-z, 0-9 and '-'")
        if not self.entries:
            raise InvalidInput(f"{_WHAT} {self.source}: lists nobody; nothing is replaced by it")

    @property
    def version(self) -> str:
        """Named in every answer."""
        return f"{self.source}/{self.as_of.isoformat()}"

    @property
    def keys(self) -> frozenset[str]:
        """Keys of all places."""
        return frozenset(map(listed_key, self.entries))


def read_day(text: str) -> date:
    """Read a day, YYYY-MM-DD.

    Raises:
        InvalidInput: Not one.
    """
    try:
        if _DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise InvalidInput(f"not a day (YYYY-MM-DD): {text[:40]!r}")


def encode_list(found: DatedList) -> bytes:
    """Write a list as a file that people can read, one entry a line."""
    fields = {
        "format": FORMAT,
        "source": found.source,
        "as_of": found.as_of.isoformat(),
        "entries": dict(sorted(found.entries.items())),
    }
    return json.dumps(fields, indent=1).encode() + b"\n"


def decode_list(raw: bytes) -> DatedList:
    """Read a file back.

    Raises:
        MalformedPayload: Not such a file.
    """
    fields = Fields(parse_plain(raw, MAX_FILE_BYTES, _WHAT), _WHAT)
    fields.only("format", "source", "as_of", "entries")
    if fields.text("format") != FORMAT:
        raise MalformedPayload(f"{_WHAT}: format {fields.text('format')[:40]!r}, not {FORMAT}")
    entries = fields.fields("entries")
    try:
        listed = {text: entries.text(text) for text in entries.values}
        return DatedList(fields.text("source"), read_day(fields.text("as_of")), listed)
    except InvalidInput as error:
        raise MalformedPayload(error.message) from error
