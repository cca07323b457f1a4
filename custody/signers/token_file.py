"""token.json: where a signer's keys lie when they lie in a PKCS#11 token, and which ones they are.

Rules:
    * It holds nothing secret: the module, the token's label and serial number, and of each key path, label and public
      key. The PIN comes from a file of its own.
    * A path is a name here, as wallets write it; no key was derived along it.
    * Public keys are pinned: another token under the same label is noticed at the start.

Example:
    file = parse_token_file(raw)
    file.keys["m/44h/60h/0h/0/0"].label
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from custody.keys.material import Curve, PublicKey
from custody.keys.paths import format_path, parse_path
from custody.keys.strict_json import Fields, parse_plain
from custody.keys.token import TokenPlace
from custody.primitives.encoding import Json
from custody.primitives.errors import MalformedPayload

FORMAT = "mext/signer-token/1"
MAX_TOKEN_FILE_BYTES = 64 << 10
MAX_TOKEN_KEYS = 64


@dataclass(frozen=True, slots=True)
class TokenEntry:
    """One key: its label in the token, and its public half."""

    label: str
    public: PublicKey


@dataclass(frozen=True, slots=True)
class TokenFile:
    """What a home says of its token.

    Attributes:
        place: Module and token.
        keys: Path -> key.
    """

    place: TokenPlace
    keys: Mapping[str, TokenEntry]

    def as_json(self) -> dict[str, Json]:
        """The form `parse_token_file` reads."""
        return {
            "format": FORMAT,
            "module": str(self.place.module),
            "token": self.place.label,
            "serial": self.place.serial,
            "keys": [
                {
                    "path": path,
                    "label": entry.label,
                    "curve": entry.public.curve.value,
                    "public_key": entry.public.raw.hex(),
                }
                for path, entry in self.keys.items()
            ],
        }


def parse_token_file(raw: bytes) -> TokenFile:
    """Read the file.

    Raises:
        MalformedPayload: A field is missing, of a wrong shape or unknown; a path or label stands twice, or there is no
            key.
        InvalidPath, InvalidInput: A path or a public key is malformed.
    """
    fields = Fields(parse_plain(raw, MAX_TOKEN_FILE_BYTES, "token.json"), "token.json")
    fields.only("format", "module", "token", "serial", "keys")
    if fields.text("format") != FORMAT:
        raise MalformedPayload(f"token.json: not {FORMAT}")
    keys: dict[str, TokenEntry] = {}
    listed = fields.each("keys", MAX_TOKEN_KEYS)
    for item in listed:
        item.only("path", "label", "curve", "public_key")
        if item.text("curve") not in list(Curve):
            raise MalformedPayload(f"token.json: curve {item.text('curve')[:20]!r} is none of {', '.join(Curve)}")
        public = PublicKey(Curve(item.text("curve")), item.raw("public_key"))
        keys[format_path(parse_path(item.text("path")))] = TokenEntry(item.text("label"), public)
    if not keys or len(keys) != len(listed) or len({entry.label for entry in keys.values()}) != len(keys):
        raise MalformedPayload("token.json: at least one key, and every path and label once")
    return TokenFile(TokenPlace(Path(fields.text("module")), fields.text("token"), fields.text("serial")), keys)
