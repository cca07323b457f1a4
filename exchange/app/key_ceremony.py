"""The files of a key ceremony: what each holder brings, the transcript, and the holders' confirmations.

Rules:
    * A key is drawn at its holder's own machine; only the public contribution leaves it.
    * A transcript file is read back as strictly as it is written: the head it states must be the head of its entries.
    * Nothing is overwritten.

Example:
    draw_holder(place, passphrase, second, identity)     # at each holder's machine
    write_transcript(out, Transcript("cold-btc", 3, contributions))
    write_confirmation(out, confirm_with(read_transcript(path), "ann", SeedHolder(seed)))
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from custody.keys.ceremony import CeremonyKey, Confirmation, Contribution, Transcript, confirm
from custody.keys.entropy import Source, draw_system, mix
from custody.keys.hd import PrivateNode
from custody.keys.keystore import seal, write_keystore
from custody.keys.material import Curve, PublicKey
from custody.keys.mnemonic import generate
from custody.keys.private_files import make_private_folder, read_private, write_new_private
from custody.keys.strict_json import Fields, parse_plain
from custody.keys.xkeys import KeyNetwork, encode_xpub
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import MalformedPayload, RootMismatch
from custody.primitives.secret import Secret
from custody.signers.key_holders import KeyHolder, SeedHolder
from exchange.app.keyholders import open_seed

CONTRIBUTION_FORMAT = "mext/ceremony-contribution/1"
TRANSCRIPT_FORMAT = "mext/ceremony/1"
CONFIRMATION_FORMAT = "mext/ceremony-confirmation/1"
MAX_FILE_BYTES = 1 << 20
_MAX_KEYS = 64
_MAX_HOLDERS = 64


@dataclass(frozen=True, slots=True)
class Identity:
    """Who brings keys, and which.

    Attributes:
        holder, person, organisation, device: As in `custody.keys.ceremony.Contribution`.
        curves: Path -> curve.
        network: For the version of extended keys.
    """

    holder: str
    person: str
    organisation: str
    device: str
    curves: Mapping[str, Curve]
    network: KeyNetwork


def draw_holder(keystore: Path, passphrase: Secret, second: Source, identity: Identity) -> Contribution:
    """Draw a mnemonic from two sources, seal it, read it back, and say what it brings.

    Raises:
        Conflict: A keystore exists there.
        UnhealthySource: The system's generator failed its test.
        InvalidInput: A field of the identity is empty, or a path is malformed.
    """
    system = draw_system()
    make_private_folder(keystore.parent)
    words = generate(mix(system, second, identity.holder))
    write_keystore(keystore, seal(words, passphrase))
    seed = open_seed(keystore, passphrase)  # what was sealed, not what was drawn
    keys = {path: _ceremony_key(seed, path, curve, identity.network) for path, curve in identity.curves.items()}
    return Contribution(
        identity.holder,
        identity.person,
        identity.organisation,
        identity.device,
        SeedHolder(seed).fingerprint(),
        (system.kind, second.kind),
        keys,
    )


def confirm_with(transcript: Transcript, holder: str, keys: KeyHolder) -> Confirmation:
    """Confirm a transcript with the keys of a seed or a token.

    Raises:
        NotInTranscript: It shows other keys for this holder than lie here.
        Refused: The token has no key for a path that the transcript shows.
    """
    shown = next((each.keys for each in transcript.contributions if each.holder == holder), {})
    own = {path: keys.public_key(path, key.public.curve) for path, key in shown.items()}
    first = min(shown, default="m")
    curve = shown[first].public.curve if shown else Curve.SECP256K1
    return confirm(transcript, holder, own, keys.key(first, first, curve))


def write_contribution(path: Path, made: Contribution) -> None:
    """Write what a holder brings; public, but closed like everything else here.

    Raises:
        Conflict: The file exists.
    """
    write_new_private(path, canonical_json({"format": CONTRIBUTION_FORMAT, **_as_json(made)}) + b"\n")


def read_contribution(path: Path) -> Contribution:
    """Read it.

    Raises:
        NotFound, Refused, InvalidInput: No such file, open to others, or malformed.
        CeremonyRefused: One source of entropy only, or an extended key of another key.
    """
    return _contribution(_read(path, CONTRIBUTION_FORMAT), ("format",))


def write_transcript(path: Path, made: Transcript) -> None:
    """Write the transcript with its head.

    Raises:
        Conflict: The file exists.
    """
    content: dict[str, Json] = {
        "format": TRANSCRIPT_FORMAT,
        "wallet": made.wallet,
        "threshold": made.threshold,
        "contributions": [_as_json(each) for each in made.contributions],
        "head": made.head().hex(),
    }
    write_new_private(path, canonical_json(content) + b"\n")


def read_transcript(path: Path) -> Transcript:
    """Read a transcript and compute its head again.

    Raises:
        NotFound, Refused, InvalidInput: No such file, open to others, or malformed.
        CeremonyRefused: Its keys would not protect what they are made for.
        RootMismatch: An entry was changed, moved or left out.
    """
    fields = _read(path, TRANSCRIPT_FORMAT)
    fields.only("format", "wallet", "threshold", "contributions", "head")
    read = tuple(_contribution(item) for item in fields.each("contributions", _MAX_HOLDERS))
    made = Transcript(fields.text("wallet"), fields.integer("threshold"), read)
    if fields.raw("head") != made.head():
        raise RootMismatch(f"{path}: the entries lead to {made.head().hex()}, not to the head it states")
    return made


def write_confirmation(path: Path, made: Confirmation) -> None:
    """Write a holder's confirmation.

    Raises:
        Conflict: The file exists.
    """
    content = {"format": CONFIRMATION_FORMAT, "holder": made.holder, "signature": made.signature.hex()}
    write_new_private(path, canonical_json(content) + b"\n")


def read_confirmation(path: Path) -> Confirmation:
    """Read it.

    Raises:
        NotFound, Refused, InvalidInput: No such file, open to others, or malformed.
    """
    fields = _read(path, CONFIRMATION_FORMAT)
    fields.only("format", "holder", "signature")
    return Confirmation(fields.text("holder"), fields.raw("signature"))


def _ceremony_key(seed: Secret, path: str, curve: Curve, network: KeyNetwork) -> CeremonyKey:
    if curve is Curve.ED25519:
        return CeremonyKey(SeedHolder(seed).public_key(path, curve))
    node = PrivateNode.from_seed(seed).derive(path).public()
    return CeremonyKey(node.public_key(), encode_xpub(node, network))


def _as_json(made: Contribution) -> dict[str, Json]:
    return {
        "holder": made.holder,
        "person": made.person,
        "organisation": made.organisation,
        "device": made.device,
        "fingerprint": made.fingerprint,
        "sources": list(made.sources),
        "keys": [
            {"path": path, "curve": key.public.curve.value, "public_key": key.public.raw.hex(), "xpub": key.xpub}
            for path, key in sorted(made.keys.items())
        ],
    }


def _contribution(fields: Fields, more: tuple[str, ...] = ()) -> Contribution:
    fields.only("holder", "person", "organisation", "device", "fingerprint", "sources", "keys", *more)
    keys = {}
    listed = fields.each("keys", _MAX_KEYS)
    for item in listed:
        item.only("path", "curve", "public_key", "xpub")
        if item.text("curve") not in list(Curve):
            raise MalformedPayload(f"{fields.where}: unknown curve {item.text('curve')[:20]!r}")
        public = PublicKey(Curve(item.text("curve")), item.raw("public_key"))
        keys[item.text("path")] = CeremonyKey(public, item.text("xpub"))
    if len(keys) != len(listed):
        raise MalformedPayload(f"{fields.where}: a path stands twice")
    return Contribution(
        holder=fields.text("holder"),
        person=fields.text("person"),
        organisation=fields.text("organisation"),
        device=fields.text("device"),
        fingerprint=fields.text("fingerprint"),
        sources=fields.texts("sources"),
        keys=keys,
    )


def _read(path: Path, form: str) -> Fields:
    fields = Fields(parse_plain(read_private(path, MAX_FILE_BYTES), MAX_FILE_BYTES, path.name), path.name)
    if fields.text("format") != form:
        raise MalformedPayload(f"{path}: not {form}")
    return fields
