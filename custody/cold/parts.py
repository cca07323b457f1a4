"""What comes back from a cold room: the part of one keyholder, and the parts of a quorum put together.

Rules:
    * Both name the request by its digest; a part for another request is refused by name.
    * A part carries the member key it is for, so that it can be verified alone.

Example:
    part = decode_part(read_file(path))
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.cold.files import document, file_digest, open_document
from custody.keys.material import PublicKey, Signature
from custody.primitives.ids import Digest
from custody.signers.wire import MAX_SIGNATURES, decode_key, decode_signature, encode_key, encode_signature

PART_FORMAT = "mext/cold-part/1"
RESULT_FORMAT = "mext/cold-result/1"


@dataclass(frozen=True, slots=True)
class ColdPart:
    """The signatures of one keyholder.

    Attributes:
        request: Digest of the request file, 32 bytes.
        wallet_id: The wallet that pays.
        keyholder: Name of the cold room.
        path: Derivation path of the member key.
        member: The member key as the wallet registers it.
        signatures: One for each thing to sign.
    """

    request: Digest
    wallet_id: str
    keyholder: str
    path: str
    member: PublicKey
    signatures: tuple[Signature, ...]

    @property
    def raw(self) -> bytes:
        """The file."""
        return document(
            PART_FORMAT,
            {
                "request": self.request.hex(),
                "wallet_id": self.wallet_id,
                "keyholder": self.keyholder,
                "path": self.path,
                "member": encode_key(self.member),
                "signatures": [encode_signature(each) for each in self.signatures],
            },
        )

    @property
    def digest(self) -> Digest:
        """SHA-256 of the file."""
        return file_digest(self.raw)


@dataclass(frozen=True, slots=True)
class ColdResult:
    """The signatures of a quorum.

    Attributes:
        request: Digest of the request file, 32 bytes.
        wallet_id: The wallet that pays.
        keyholders: Who signed.
        signatures: Of all of them.
        names: What the chain will call it: "txid", or what was signed where the id is not known yet.
        name: That id in the chain's own spelling.
        transaction: What the members' signatures make of the payload, in the chain's encoding.
    """

    request: Digest
    wallet_id: str
    keyholders: tuple[str, ...]
    signatures: tuple[Signature, ...]
    names: str
    name: str
    transaction: bytes

    @property
    def raw(self) -> bytes:
        """The file."""
        return document(
            RESULT_FORMAT,
            {
                "request": self.request.hex(),
                "wallet_id": self.wallet_id,
                "keyholders": list(self.keyholders),
                "signatures": [encode_signature(each) for each in self.signatures],
                "names": self.names,
                "name": self.name,
                "transaction": self.transaction.hex(),
            },
        )

    @property
    def digest(self) -> Digest:
        """SHA-256 of the file."""
        return file_digest(self.raw)


def decode_part(raw: bytes) -> ColdPart:
    """Read a part.

    Raises:
        MalformedPayload: Not such a file.
    """
    fields = open_document(raw, PART_FORMAT, "cold part")
    fields.only("format", "request", "wallet_id", "keyholder", "path", "member", "signatures")
    return ColdPart(
        request=Digest(fields.raw("request")),
        wallet_id=fields.text("wallet_id"),
        keyholder=fields.text("keyholder"),
        path=fields.text("path"),
        member=decode_key(fields.fields("member")),
        signatures=tuple(decode_signature(each) for each in fields.each("signatures", MAX_SIGNATURES)),
    )


def decode_result(raw: bytes) -> ColdResult:
    """Read the parts of a quorum put together.

    Raises:
        MalformedPayload: Not such a file.
    """
    fields = open_document(raw, RESULT_FORMAT, "cold result")
    fields.only("format", "request", "wallet_id", "keyholders", "signatures", "names", "name", "transaction")
    return ColdResult(
        request=Digest(fields.raw("request")),
        wallet_id=fields.text("wallet_id"),
        keyholders=fields.texts("keyholders"),
        signatures=tuple(decode_signature(each) for each in fields.each("signatures", 15 * MAX_SIGNATURES)),
        names=fields.text("names"),
        name=fields.text("name"),
        transaction=fields.raw("transaction"),
    )
