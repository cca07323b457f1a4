"""The request: what a cold wallet is asked to sign, by whom, until when, and the how-manieth it is.

Rules:
    * It holds exactly what a signer is asked over a socket: payload, intents, approvals. Beside them stand hashes of
      payload and intents, policy version, sequence number and expiry, all recomputed or compared when it is read.
    * Who made it signs all of it: a part of another file does not fit in.
    * Nothing in it is trusted for what the payload does; that is for the decoder in the cold room.

Example:
    request = decode_request_file(read_file(path))
    groups(request.digest)
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace

from custody.cold.files import document, file_digest, open_document
from custody.keys import ed25519
from custody.keys.material import SigningRequest, SigningRole
from custody.keys.quorum import Roster
from custody.keys.strict_json import Fields
from custody.primitives.encoding import Json, canonical_json, encode
from custody.primitives.errors import BadSignature, InvalidInput, MalformedPayload
from custody.primitives.ids import Digest
from custody.primitives.intent import intent_hash
from custody.signers.wire import decode_request, encode_request

REQUEST_FORMAT = "mext/cold-request/1"
_FIELDS = ("format", "request", "payload_sha256", "intent_hashes", "policy_version", "sequence", "expires_at_s")
_MAKER = ("made_by", "made_at_s", "signature")


class PartOfAnother(BadSignature):
    """A file holds something that belongs to another file."""

    code = "part_of_another"


@dataclass(frozen=True, slots=True)
class ColdRequest:
    """One request file.

    Attributes:
        request: Wallet, payload, intents and approvals; always for the members of a multisig.
        policy_version: Of all its intents.
        sequence: Its number among the requests of this wallet, from 1.
        expires_at_s: No signature at or after this time, in seconds since 1970 UTC.
        made_by: Approver id of who made the file.
        made_at_s: When, in seconds since 1970 UTC.
        signature: Ed25519 by the maker over all the rest, 64 bytes.
    """

    request: SigningRequest
    policy_version: int
    sequence: int
    expires_at_s: int
    made_by: str
    made_at_s: int
    signature: bytes = b""

    def __post_init__(self) -> None:
        asked = self.request
        if asked.role is not SigningRole.MEMBER or not asked.intents:
            raise InvalidInput(f"cold request for {asked.wallet_id}: members sign payments, and there must be one")
        if self.sequence < 1 or not self.made_by:
            raise InvalidInput(f"cold request for {asked.wallet_id}: a sequence from 1 and a maker are needed")
        if any(intent.policy_version != self.policy_version for intent in asked.intents):
            raise InvalidInput(f"cold request for {asked.wallet_id}: an intent is of another policy version")
        if self.expires_at_s > min(intent.expires_at_s for intent in asked.intents):
            raise InvalidInput(f"cold request for {asked.wallet_id}: it outlives one of its intents")

    @property
    def raw(self) -> bytes:
        """The file."""
        return document(REQUEST_FORMAT, {**self._told(), "signature": self.signature.hex()})

    @property
    def digest(self) -> Digest:
        """SHA-256 of the file: the number that both sides show."""
        return file_digest(self.raw)

    @property
    def message(self) -> bytes:
        """What the maker signs."""
        return encode(REQUEST_FORMAT, canonical_json(self._told()))

    def signed(self, sign: Callable[[bytes], bytes]) -> ColdRequest:
        """Return it with its maker's signature."""
        return replace(self, signature=sign(self.message))

    def verify_maker(self, roster: Roster) -> None:
        """Demand that somebody on the roster made this file, and all of it.

        Raises:
            PartOfAnother: The maker is not on the roster, or did not sign exactly this.
        """
        member = roster.member(self.made_by)
        if member is None:
            raise PartOfAnother(f"{self.made_by}, who made the request, is not on the roster", made_by=self.made_by)
        try:
            ed25519.verify(member.public_key, self.message, self.signature)
        except BadSignature as error:
            raise PartOfAnother(
                f"{self.made_by} did not sign this request as it is: some of it is of another file",
                made_by=self.made_by,
            ) from error

    def _told(self) -> dict[str, Json]:
        return {
            "request": encode_request(self.request),
            "payload_sha256": hashlib.sha256(self.request.payload).hexdigest(),
            "intent_hashes": [intent_hash(intent).hex() for intent in self.request.intents],
            "policy_version": self.policy_version,
            "sequence": self.sequence,
            "expires_at_s": self.expires_at_s,
            "made_by": self.made_by,
            "made_at_s": self.made_at_s,
        }


def decode_request_file(raw: bytes) -> ColdRequest:
    """Read a request file; who made it is verified in the cold room, which knows the roster.

    Raises:
        MalformedPayload: Not such a file, or it has fields besides.
        PartOfAnother: Its hashes are not those of its payload and intents.
        InvalidInput: Its parts contradict each other.
    """
    fields = open_document(raw, REQUEST_FORMAT, "cold request")
    fields.only(*_FIELDS, *_MAKER)
    asked = decode_request(fields.fields("request"))
    _require_hashes(fields, asked)
    request = ColdRequest(
        request=asked,
        policy_version=fields.integer("policy_version"),
        sequence=fields.integer("sequence"),
        expires_at_s=fields.integer("expires_at_s"),
        made_by=fields.text("made_by"),
        made_at_s=fields.integer("made_at_s"),
        signature=fields.raw("signature"),
    )
    if request.raw != raw:
        raise MalformedPayload("cold request: it does not read back to the same bytes")
    return request


def _require_hashes(fields: Fields, asked: SigningRequest) -> None:
    if fields.raw("payload_sha256") != hashlib.sha256(asked.payload).digest():
        raise PartOfAnother("cold request: its payload is not the one that its hash names")
    if fields.texts("intent_hashes") != tuple(intent_hash(intent).hex() for intent in asked.intents):
        raise PartOfAnother("cold request: its intents are not those that their hashes name")
