"""The folder of one cold room: a signer's home, and beside it the places it may pay, its last numbers, and a seal.

Rules:
    * Rules, places and registrations are sealed together by an HMAC under a key that only the mnemonic gives: a file
      that was swapped, added or taken away is found before anything of it is believed (BIP-388 does so for policies).
    * A sequence number is remembered, synced to the disk, before the signature leaves; the next one is higher.
      The same request may be signed again under its number: a part that was lost is made once more.
    * What a seal cannot find is the whole folder put back to an older day; sequence numbers live in the same folder.

Example:
    home = ColdHome(Path("cold-1"))
    places = home.load_places(seed)
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from custody.keys.private_files import read_private, replace_private
from custody.keys.strict_json import Fields, parse_canonical
from custody.primitives.encoding import Json, canonical_json, digest, encode
from custody.primitives.errors import Conflict, LimitExceeded, MalformedPayload, VerificationFailed
from custody.primitives.ids import Digest
from custody.primitives.secret import Secret
from custody.signers.home import SignerHome
from custody.signers.registration import MAX_REGISTRATION_BYTES

PLACES_FORMAT = "mext/cold-places/1"
SEQUENCES_FORMAT = "mext/cold-sequences/1"
SEAL_TAG = "mext/cold-seal/1"
SEAL_KEY_TAG = "mext/cold-seal-key/1"
MAX_AHEAD = 1_000
"""How far a number may run ahead of the last one: one forged file must not use all numbers up."""
TIERS = ("warm", "hot")
"""Where a cold wallet may pay to: up, and never to a customer."""
_MAX_BYTES = 1 << 20


class SealBroken(VerificationFailed):
    """A file of the cold room is not the one that was sealed."""

    code = "cold_seal_broken"


class SequenceUsed(Conflict):
    """The number of a request is not above the last one."""

    code = "cold_sequence_used"


@dataclass(frozen=True, slots=True)
class Place:
    """An address of ours that a cold wallet may pay.

    Attributes:
        wallet_id: The wallet it belongs to.
        tier: Of that wallet.
        memo: What every payment to it must carry; empty for none, and then none may.
    """

    wallet_id: str
    tier: str
    memo: str = ""


Places = Mapping[str, Mapping[str, Place]]
"""Cold wallet id -> address -> place."""


@dataclass(frozen=True, slots=True)
class ColdHome:
    """Paths and loaders of one cold room.

    Attributes:
        folder: The folder, mode 0700.
    """

    folder: Path

    @property
    def signer(self) -> SignerHome:
        """Keystore, rules, memory and registrations, as every signer has them."""
        return SignerHome(self.folder)

    @property
    def places(self) -> Path:
        """Where each wallet may pay to."""
        return self.folder / "places.json"

    @property
    def seal(self) -> Path:
        """HMAC over rules, places and registrations."""
        return self.folder / "seal"

    @property
    def sequences(self) -> Path:
        """The last number signed of each wallet."""
        return self.folder / "sequences.json"

    def write_seal(self, seed: Secret) -> None:
        """Seal the files as they are now; only whoever set them up does."""
        replace_private(self.seal, self._mac(seed).hex().encode() + b"\n")

    def verify_seal(self, seed: Secret) -> None:
        """Demand that the files are the ones that were sealed.

        Raises:
            SealBroken: They are not.
            NotFound: There is no seal.
        """
        stored = read_private(self.seal, 128).strip()
        if not hmac.compare_digest(stored, self._mac(seed).hex().encode()):
            raise SealBroken(
                f"{self.folder}: rules, places or a registration is not what this room sealed",
                folder=str(self.folder),
            )

    def load_places(self) -> Places:
        """Read where each wallet may pay to.

        Raises:
            MalformedPayload: Not such a file, or a tier that cold never pays.
        """
        fields = Fields(parse_canonical(read_private(self.places, _MAX_BYTES), _MAX_BYTES, "places"), "places")
        fields.only("format", "wallets")
        if fields.text("format") != PLACES_FORMAT:
            raise MalformedPayload(f"{self.places}: not {PLACES_FORMAT}")
        wallets = fields.fields("wallets")
        return {name: read_places(wallets.fields(name)) for name in wallets.values}

    def last_sequence(self, wallet_id: str) -> int:
        """The last number signed of a wallet, 0 if none."""
        return self._sequences().get(wallet_id, (0, Digest(b"")))[0]

    def require_next(self, wallet_id: str, sequence: int, request: Digest) -> None:
        """Demand that a request's number is above the last one, or that it is the last request again.

        Raises:
            SequenceUsed: Another request had this number, or a higher one.
            LimitExceeded: It runs too far ahead.
        """
        last, signed = self._sequences().get(wallet_id, (0, Digest(b"")))
        if (sequence, request) == (last, signed):
            return
        if sequence <= last:
            raise SequenceUsed(
                f"wallet {wallet_id}: request number {sequence} is not above {last}, which was signed",
                asked=sequence,
                last=last,
            )
        if sequence > last + MAX_AHEAD:
            raise LimitExceeded(
                f"wallet {wallet_id}: request number {sequence} is more than {MAX_AHEAD} above {last}",
                asked=sequence,
                limit=last + MAX_AHEAD,
            )

    def remember(self, wallet_id: str, sequence: int, request: Digest) -> None:
        """Put a number on the disk before its signature leaves.

        Raises:
            SequenceUsed, LimitExceeded: As `require_next`.
        """
        self.require_next(wallet_id, sequence, request)
        known = {**self._sequences(), wallet_id: (sequence, request)}
        wallets: dict[str, Json] = {
            name: {"sequence": number, "request": signed.hex()} for name, (number, signed) in known.items()
        }
        replace_private(self.sequences, canonical_json({"format": SEQUENCES_FORMAT, "wallets": wallets}))

    def _sequences(self) -> dict[str, tuple[int, Digest]]:
        raw = read_private(self.sequences, _MAX_BYTES)  # gone is an error: without it an old request would pass
        fields = Fields(parse_canonical(raw, _MAX_BYTES, "sequences"), "sequences")
        fields.only("format", "wallets")
        if fields.text("format") != SEQUENCES_FORMAT:
            raise MalformedPayload(f"{self.sequences}: not {SEQUENCES_FORMAT}")
        wallets = fields.fields("wallets")
        found = {}
        for name in wallets.values:
            row = wallets.fields(name)
            row.only("sequence", "request")
            found[name] = (row.integer("sequence"), Digest(row.raw("request")))
        return found

    def _mac(self, seed: Secret) -> bytes:
        parts: list[bytes | str] = []
        for path in (self.signer.rules, self.places, *sorted((self.folder / "wallets").iterdir())):
            parts += [path.name, read_private(path, max(_MAX_BYTES, MAX_REGISTRATION_BYTES))]
        return hmac.digest(digest(SEAL_KEY_TAG, seed.reveal()), encode(SEAL_TAG, *parts), "sha256")


def write_places(home: ColdHome, places: Places) -> None:
    """Write where each wallet may pay to; `ColdHome.write_seal` comes after it.

    Raises:
        MalformedPayload: A tier that cold never pays.
    """
    wallets: dict[str, Json] = {
        name: {address: place_fields(place) for address, place in of.items()} for name, of in places.items()
    }
    replace_private(home.places, canonical_json({"format": PLACES_FORMAT, "wallets": wallets}))


def begin_sequences(home: ColdHome) -> None:
    """Write that nothing was signed yet, once in the life of a cold room.

    Raises:
        Conflict: Numbers are remembered here already.
    """
    if home.sequences.exists():
        raise Conflict(f"{home.sequences} exists already and is not overwritten", path=str(home.sequences))
    replace_private(home.sequences, canonical_json({"format": SEQUENCES_FORMAT, "wallets": {}}))


def place_fields(place: Place) -> dict[str, Json]:
    """Write a place; a memo stands in it only where there is one.

    Raises:
        MalformedPayload: A tier that cold never pays.
    """
    memo: dict[str, Json] = {"memo": place.memo} if place.memo else {}
    return {"wallet": place.wallet_id, "tier": _tier(place.tier), **memo}


def read_places(fields: Fields) -> dict[str, Place]:
    """Read the places of one wallet: address -> wallet, tier, and a memo where one is named.

    Raises:
        MalformedPayload: Not such an object, or a tier that cold never pays.
    """
    found = {}
    for address in fields.values:
        row = fields.fields(address)
        row.only("wallet", "tier", "memo")
        memo = row.text("memo") if "memo" in row.values else ""
        found[address] = Place(row.text("wallet"), _tier(row.text("tier")), memo)
    return found


def _tier(text: str) -> str:
    if text not in TIERS:
        raise MalformedPayload(f"places: cold pays {' or '.join(TIERS)}, not {text[:20]!r}")
    return text
