"""The wallets file: what cold rooms are told of wallets, keyholders and places; one file for all rooms.

Rules:
    * It is as dangerous as a key: who writes it says where coins may go. A room takes it once, after a person typed a
      group of its digest from the other screen, and seals what it was told.
    * A keyholder takes the wallets that name it, and no others.

Example:
    told = decode_wallets(read_file(path))
    told.memberships("cold-1")
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from custody.cold.files import document, open_document
from custody.cold.home import Place, Places, place_fields, read_places
from custody.cold.provision import Membership
from custody.keys.strict_json import Fields
from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput

WALLETS_FORMAT = "mext/cold-wallets/1"
MAX_WALLETS = 200


@dataclass(frozen=True, slots=True)
class ToldWallet:
    """One wallet: its registration, each keyholder's derivation path, and the places it may pay by address."""

    registration: Mapping[str, Json]
    paths: Mapping[str, str]
    places: Mapping[str, Place]

    @property
    def id(self) -> str:
        """Its name."""
        return str(self.registration["id"])


@dataclass(frozen=True, slots=True)
class WalletsFile:
    """All wallets that cold rooms are told of."""

    wallets: tuple[ToldWallet, ...]

    @property
    def raw(self) -> bytes:
        """The file."""
        rows: Sequence[Json] = [
            {
                "registration": each.registration,
                "paths": dict(each.paths),
                "places": {to: place_fields(of) for to, of in each.places.items()},
            }
            for each in self.wallets
        ]
        return document(WALLETS_FORMAT, {"wallets": rows})

    def memberships(self, keyholder: str) -> tuple[Membership, ...]:
        """The wallets of a keyholder.

        Raises:
            InvalidInput: None names it.
        """
        found = tuple(
            Membership(each.registration, each.paths[keyholder]) for each in self.wallets if keyholder in each.paths
        )
        if not found:
            raise InvalidInput(f"the wallets file names no key of {keyholder}", keyholder=keyholder)
        return found

    def places(self, keyholder: str) -> Places:
        """Where the wallets of a keyholder may pay to."""
        return {each.id: each.places for each in self.wallets if keyholder in each.paths}


def decode_wallets(raw: bytes) -> WalletsFile:
    """Read a wallets file; each registration is read in full when a room takes it.

    Raises:
        MalformedPayload: Not such a file.
        InvalidInput: One wallet stands twice.
    """
    fields = open_document(raw, WALLETS_FORMAT, "cold wallets")
    fields.only("format", "wallets")
    wallets = tuple(_read_wallet(each) for each in fields.each("wallets", MAX_WALLETS))
    if len({each.id for each in wallets}) != len(wallets):
        raise InvalidInput("cold wallets: one wallet stands twice")
    return WalletsFile(wallets)


def _read_wallet(fields: Fields) -> ToldWallet:
    fields.only("registration", "paths", "places")
    registration, paths = fields.fields("registration"), fields.fields("paths")
    registration.text("id")
    return ToldWallet(
        cast("Mapping[str, Json]", registration.values),
        {name: paths.text(name) for name in paths.values},
        read_places(fields.fields("places")),
    )
