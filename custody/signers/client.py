"""The back office's end of the socket: a `Signer` that lives in another process.

Rules:
    * Whatever goes wrong on the way is `SignerUnavailable`: whether it signed is unknown, asking again is safe.
    * A refusal comes back as the class the signer raised.
    * An answer that does not decode names the signer: a liar must be known by name.

Example:
    signer = RemoteSigner("alice", Path("run/alice.sock"))
    signatures = signer.sign(request)
"""

from __future__ import annotations

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path

from custody.keys.material import MAX_RELEASES, PublicKey, Release, Signature, SigningRequest
from custody.keys.strict_json import Fields
from custody.primitives.approval import Approval
from custody.primitives.chain import ChainId
from custody.primitives.encoding import Json
from custody.primitives.errors import MalformedPayload, SignerUnavailable
from custody.signers.faults import decode_fault
from custody.signers.frames import Deadline, receive_frame, send_frame
from custody.signers.ownership import OwnershipRequest, OwnershipSignature
from custody.signers.wire import (
    MAX_SIGNATURES,
    decode_key,
    decode_owned,
    decode_release,
    decode_signature,
    encode_ownership,
    encode_request,
)

DEFAULT_TIMEOUT_S = 20
_MAX_KEYS = 100


class RemoteSigner:
    """One signer, addressed by its socket; implements `custody.keys.material.Signer`."""

    def __init__(self, name: str, socket_path: Path, timeout_s: int = DEFAULT_TIMEOUT_S) -> None:
        self.name = name
        self._path = socket_path
        self._timeout_s = timeout_s

    def health(self, timeout_s: int | None = None) -> Mapping[str, object]:
        """Name, rule version, freeze, highest sequence, audit head, wallets.

        Args:
            timeout_s: How long this one question waits, seconds; as long as any other if not given.

        Raises:
            SignerUnavailable: No answer, or nonsense.
        """
        if timeout_s is not None:
            return RemoteSigner(self.name, self._path, timeout_s).health()
        return self._call({"op": "health"}).values

    def public_keys(self, chain: ChainId, wallet_id: str) -> Sequence[PublicKey]:
        """Return the keys this signer holds for a wallet, the member key first; empty if none.

        Raises:
            SignerUnavailable: No answer, or nonsense.
        """
        result = self._call({"op": "public_keys", "chain": chain, "wallet_id": wallet_id})
        try:
            return tuple(decode_key(item) for item in result.each("keys", _MAX_KEYS))
        except MalformedPayload as error:
            raise self._unavailable(f"answered nonsense: {error.message}") from error

    def sign(self, request: SigningRequest) -> tuple[Signature, ...]:
        """Ask for signatures.

        Raises:
            Refused: A rule of the signer says no; nothing was signed.
            BadSignature: An approval in the request is forged.
            MalformedPayload: The payload does not decode.
            SignerUnavailable: No answer; whether it signed is unknown, and asking again is safe.
        """
        result = self._call({"op": "sign", "request": encode_request(request)})
        try:
            return tuple(decode_signature(item) for item in result.each("signatures", MAX_SIGNATURES))
        except MalformedPayload as error:
            raise self._unavailable(f"answered nonsense: {error.message}") from error

    def sign_ownership(self, request: OwnershipRequest, approvals: Sequence[Approval]) -> OwnershipSignature:
        """Ask for a signature over an ownership text; the same request always gets the same answer.

        Args:
            request: The parts of the text; the signer puts them together.
            approvals: Verdicts over `ownership_digest(request)`.

        Raises:
            Refused: A rule of the signer says no; nothing was signed.
            BadSignature: An approval is forged.
            SignerUnavailable: No answer, or nonsense.
        """
        result = self._call({"op": "own", "request": encode_ownership(request, approvals)})
        try:
            return decode_owned(result)
        except MalformedPayload as error:
            raise self._unavailable(f"answered nonsense: {error.message}") from error

    def share_ownership(self, request: OwnershipRequest, payload: bytes, approvals: Sequence[Approval]) -> Signature:
        """Ask a share of a group's key for its answer in one of the two rounds over an ownership text.

        Args:
            request: The parts of the text; the signer puts them together.
            payload: Round, participants and commitments: `custody.signers.ownership_rounds`.
            approvals: Verdicts over `ownership_digest(request)`, in both rounds.

        Returns:
            Index 0: commitment, 64 bytes; index 1: share, 32 bytes.

        Raises:
            Refused: A rule of the signer says no; nothing was signed. `frost_nonce_gone`: begin again.
            BadSignature: An approval is forged.
            SignerUnavailable: No answer, or nonsense.
        """
        asked = encode_ownership(request, approvals)
        result = self._call({"op": "own_round", "request": asked, "payload": payload.hex()})
        try:
            return decode_signature(result)
        except MalformedPayload as error:
            raise self._unavailable(f"answered nonsense: {error.message}") from error

    def tombstone(self, withdrawal_id: str) -> None:
        """Have the signer promise never to sign for this withdrawal.

        Raises:
            Conflict: A signature for it was already released.
            SignerUnavailable: No answer.
        """
        self._call({"op": "tombstone", "withdrawal_id": withdrawal_id})

    def releases(self, after: int) -> Sequence[Release]:
        """Return what it signed after a position in its memory, oldest first, at most `MAX_RELEASES`.

        Raises:
            SignerUnavailable: No answer, or nonsense.
        """
        result = self._call({"op": "releases", "after": after})
        try:
            return tuple(decode_release(item) for item in result.each("releases", MAX_RELEASES))
        except MalformedPayload as error:
            raise self._unavailable(f"answered nonsense: {error.message}") from error

    def freeze(self, reason: str) -> None:
        """Stop the signer from signing; only its keeper can lift that.

        Raises:
            SignerUnavailable: No answer.
        """
        self._call({"op": "freeze", "reason": reason})

    def _call(self, message: Mapping[str, Json]) -> Fields:
        try:
            answer = self._exchange(message)
            if answer.flag("ok"):
                return answer.fields("result")
            fault = decode_fault(answer.fields("error"))
        except OSError as error:
            raise self._unavailable(f"does not answer: {type(error).__name__}") from error
        except MalformedPayload as error:
            raise self._unavailable(f"answered nonsense: {error.message}") from error
        raise fault

    def _exchange(self, message: Mapping[str, Json]) -> Fields:
        deadline = Deadline(self._timeout_s)
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(deadline.left_s())
            connection.connect(str(self._path))
            send_frame(connection, message, deadline)
            return Fields(receive_frame(connection, deadline), f"answer of {self.name}")

    def _unavailable(self, what: str) -> SignerUnavailable:
        return SignerUnavailable(f"signer {self.name} {what}", signer=self.name)
