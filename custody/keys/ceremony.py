"""A key ceremony: who brings which keys to a wallet, in a transcript that verifies and that every holder confirms.

Rules:
    * Refused, in this order: fewer than two holders, a threshold that one can meet or all must; a name, device, key or
      root twice; holders with other paths; an organisation that alone reaches the threshold.
    * Entries are chained by hashes; none can be changed, moved or left out without another head.
    * Each holder confirms the head with their own key, and only after they found their own keys in it, read from
      where these lie: an extended key swapped on the way is noticed by its owner.
    * Everything here is public.

Example:
    transcript = Transcript("cold-btc", 3, contributions)
    confirmations.append(confirm(transcript, own, key))
    verify_ceremony(transcript, confirmations)
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve, PublicKey
from custody.keys.signing_key import SigningKey
from custody.keys.xkeys import decode_xpub
from custody.primitives.encoding import digest
from custody.primitives.errors import InvalidInput, QuorumNotReached, Refused, VerificationFailed
from custody.primitives.ids import Digest

ENTRY_TAG = "mext/ceremony-entry/1"
CONFIRM_TAG = "mext/ceremony-confirm/1"
MIN_HOLDERS = 2
MAX_HOLDERS = 32


class CeremonyRefused(Refused):
    """The set of keys would not protect what it is made for."""

    code = "ceremony_refused"


class NotInTranscript(VerificationFailed):
    """The transcript shows other keys for a holder than the holder has."""

    code = "not_in_transcript"


@dataclass(frozen=True, slots=True)
class CeremonyKey:
    """One public key.

    Attributes:
        public: The key.
        xpub: Its extended form, where the wallet derives children; else "".
    """

    public: PublicKey
    xpub: str = ""

    def __post_init__(self) -> None:
        if self.xpub and decode_xpub(self.xpub)[1].key != self.public.raw:
            raise CeremonyRefused(f"extended key {self.xpub[:16]}... is not of key {self.public.raw.hex()}")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one holder brings.

    Attributes:
        holder: Name of the key, as the wallet will name it.
        person, organisation: Who keeps it, and for whom.
        device: Serial number or other name of the one device that holds it.
        fingerprint: Of the root, or of the token's keys, 8 hex digits.
        sources: Kinds of entropy it was made of, e.g. ("system", "dice"); ("token",) where a token made it.
        keys: Path -> key.
    """

    holder: str
    person: str
    organisation: str
    device: str
    fingerprint: str
    sources: tuple[str, ...]
    keys: Mapping[str, CeremonyKey]

    def __post_init__(self) -> None:
        if not all((self.holder, self.person, self.organisation, self.device, self.fingerprint, self.sources)):
            raise InvalidInput(f"contribution of {self.holder or 'nobody'}: a field is empty")
        if not self.keys:
            raise InvalidInput(f"contribution of {self.holder}: no key")
        if len(set(self.sources)) < 2 and self.sources != ("token",):
            raise CeremonyRefused(f"{self.holder}: entropy of one source only", holder=self.holder)

    def entry(self, number: int, previous: Digest) -> Digest:
        """Hash of this entry behind the one before it."""
        keys: list[str] = []
        for path, key in sorted(self.keys.items()):
            keys += (path, key.public.curve.value, key.public.raw.hex(), key.xpub)
        who = (self.holder, self.person, self.organisation, self.device, self.fingerprint)
        return digest(ENTRY_TAG, previous, number, *who, len(self.sources), *self.sources, *keys)


@dataclass(frozen=True, slots=True)
class Transcript:
    """A ceremony whose keys are acceptable.

    Attributes:
        wallet: Id of the wallet they are for.
        threshold: Keys that must sign.
        contributions: In the order of the ceremony.
    """

    wallet: str
    threshold: int
    contributions: tuple[Contribution, ...]

    def __post_init__(self) -> None:
        _require_quorum(self.threshold, len(self.contributions))
        _require_distinct("name", (each.holder for each in self.contributions))
        _require_distinct("device", (each.device for each in self.contributions))
        _require_distinct("root", (each.fingerprint for each in self.contributions))
        _require_distinct("key", (key.public.raw.hex() for each in self.contributions for key in each.keys.values()))
        if len({frozenset(each.keys) for each in self.contributions}) > 1:
            raise CeremonyRefused("the holders bring keys of different paths")
        for field in ("person", "organisation"):
            held = Counter(str(getattr(each, field)) for each in self.contributions)
            name, count = held.most_common(1)[0]
            if count >= self.threshold:
                raise CeremonyRefused(
                    f"{field} {name} holds {count} keys, and {self.threshold} move the coins", held=count, name=name
                )

    def head(self) -> Digest:
        """Hash over wallet, threshold and all entries, 32 bytes."""
        head = digest(ENTRY_TAG, self.wallet, self.threshold, len(self.contributions))
        for number, each in enumerate(self.contributions, start=1):
            head = each.entry(number, head)
        return head


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A holder's word that the transcript shows their keys: a signature by the first of them."""

    holder: str
    signature: bytes


def confirm(transcript: Transcript, holder: str, own: Mapping[str, PublicKey], key: SigningKey) -> Confirmation:
    """Confirm a transcript as one of its holders.

    Args:
        transcript: As it came; nothing in it is trusted.
        holder: Who confirms.
        own: Path -> public key, read from where the keys lie.
        key: The key of the first path, in the order of the alphabet.

    Raises:
        NotInTranscript: The holder is not in it, or with other keys.
    """
    shown = next((each for each in transcript.contributions if each.holder == holder), None)
    if shown is None:
        raise NotInTranscript(f"ceremony {transcript.wallet}: no holder {holder}", holder=holder)
    for path, entry in sorted(shown.keys.items()):
        if own.get(path) != entry.public:
            raise NotInTranscript(
                f"ceremony {transcript.wallet}: it shows {entry.public.raw.hex()} for {holder} at {path}, which is not"
                " the key that lies here",
                holder=holder,
                path=path,
            )
    return Confirmation(holder, key.sign(_confirmed(transcript, holder)))


def verify_ceremony(transcript: Transcript, confirmations: Sequence[Confirmation]) -> None:
    """Check that every holder confirmed this very transcript.

    Raises:
        QuorumNotReached: A holder did not.
        BadSignature: A confirmation is not by the holder's key, or over another transcript.
        InvalidInput: A confirmation of nobody in it, or two of one.
    """
    holders = {each.holder: each for each in transcript.contributions}
    given = {each.holder: each for each in confirmations}
    if len(given) != len(confirmations) or not set(given) <= set(holders):
        raise InvalidInput("confirmations: one twice, or of somebody who is not in the ceremony")
    for holder, contribution in holders.items():
        if holder not in given:
            raise QuorumNotReached(f"ceremony {transcript.wallet}: {holder} did not confirm", holder=holder)
        public = contribution.keys[min(contribution.keys)].public
        check = ecdsa.verify_recoverable if public.curve is Curve.SECP256K1 else ed25519.verify
        check(public, _confirmed(transcript, holder), given[holder].signature)


def _confirmed(transcript: Transcript, holder: str) -> bytes:
    """What a holder signs: 32 bytes behind a tag of their own, which no chain reads as a transaction."""
    return bytes(digest(CONFIRM_TAG, transcript.head(), holder))


def _require_quorum(threshold: int, holders: int) -> None:
    if not MIN_HOLDERS <= holders <= MAX_HOLDERS:
        raise CeremonyRefused(f"{holders} keys; {MIN_HOLDERS} to {MAX_HOLDERS} make a wallet", holders=holders)
    if threshold < 2:
        raise CeremonyRefused(f"{threshold} of {holders}: one alone could pay", threshold=threshold)
    if threshold >= holders:
        raise CeremonyRefused(
            f"{threshold} of {holders}: one lost key would lock the coins for ever", threshold=threshold
        )


def _require_distinct(what: str, values: Iterable[str]) -> None:
    value, count = Counter(values).most_common(1)[0]
    if count > 1:
        raise CeremonyRefused(f"one {what} stands {count} times in the ceremony: {value}", what=what)
