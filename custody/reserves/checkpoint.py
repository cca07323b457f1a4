r"""Checkpoints: size and root of the statement log as a signed note, countersigned by witnesses.

Rules:
    * A note is text, an empty line, and signature lines; nothing in the text may look like a signature line.
    * The log's line is required; witnesses sign the same text with their time, after a consistency proof of theirs.
    * Lines of unknown keys are ignored, a bad line of a known key is not.

Proven: the holder of the log key stated this root. Not proven: that he told everybody the same; ask witnesses.

Example:
    note = sign_checkpoint("example.com/reserves", log.head(), log_key)
    open_checkpoint(note, LogTrust("example.com/reserves", public_key(log_key)))

Spec: C2SP signed-note, tlog-checkpoint, tlog-cosignature.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from custody.keys import ed25519
from custody.keys.material import PublicKey
from custody.primitives.errors import BadSignature, InvalidInput, MalformedPayload, QuorumNotReached
from custody.primitives.ids import Digest
from custody.primitives.secret import Secret
from custody.reserves.log import LogHead

MAX_NOTE_CHARS = 8_192
"""A checkpoint takes 200 characters, a signature line 150."""
MAX_SIGNATURES = 32
_ED25519_TYPE, _COSIGNATURE_TYPE = b"\x01", b"\x04"
_KEY_ID_BYTES, _TIME_BYTES = 4, 8
_NAME = re.compile(r"[^\s+]{1,255}")
_SIGNATURE = re.compile(r"\u2014 ([^\s+]{1,255}) ([A-Za-z0-9+/=]{4,300})")
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Witness:
    """Who countersigns, by name and Ed25519 key."""

    name: str
    key: PublicKey


@dataclass(frozen=True, slots=True)
class LogTrust:
    """What a verifier pins: the log's origin and key, and how many of which witnesses it demands."""

    origin: str
    key: PublicKey
    witnesses: tuple[Witness, ...] = ()
    witnesses_needed: int = 0

    def __post_init__(self) -> None:
        distinct = {witness.key for witness in self.witnesses} - {self.key}
        if len(distinct) != len(self.witnesses) or not 0 <= self.witnesses_needed <= len(self.witnesses):
            raise InvalidInput("log trust: witnesses share a key, or more are needed than there are")


def sign_checkpoint(origin: str, head: LogHead, key: Secret) -> str:
    """Write a checkpoint and sign it with the log's key.

    Raises:
        InvalidInput: The origin is no key name (blank, "+" or empty).
    """
    if not _NAME.fullmatch(origin):
        raise InvalidInput(f"log origin {origin!r} is no key name")
    text = f"{origin}\n{head.size}\n{base64.b64encode(head.root).decode()}\n"
    signature = ed25519.sign(key, text.encode())
    return f"{text}\n{_line(origin, _key_id(origin, _ED25519_TYPE, ed25519.public_key(key)) + signature)}"


def cosign_checkpoint(note: str, name: str, key: Secret, at_s: int) -> str:
    """Add a witness's line; the caller has checked consistency with the last checkpoint he signed.

    Args:
        note: A checkpoint with the log's signature.
        name: The witness's key name.
        key: The witness's key.
        at_s: Now, in seconds since 1970 UTC.

    Raises:
        InvalidInput: The name is no key name.
        MalformedPayload: Not a note.
    """
    if not _NAME.fullmatch(name):
        raise InvalidInput(f"witness name {name!r} is no key name")
    text, _ = _parse(note)
    signature = ed25519.sign(key, _cosigned(text, at_s))
    key_id = _key_id(name, _COSIGNATURE_TYPE, ed25519.public_key(key))
    return note + _line(name, key_id + at_s.to_bytes(_TIME_BYTES, "big") + signature)


def open_checkpoint(note: str, trust: LogTrust) -> LogHead:
    """Check a checkpoint and return the head it states.

    Raises:
        MalformedPayload: Not a checkpoint.
        BadSignature: Not of this log, no line of the log's key, or a wrong signature under a trusted key.
        QuorumNotReached: Too few witnesses.
    """
    text, lines = _parse(note)
    origin, size, root = _body(text)
    if origin != trust.origin:
        raise BadSignature(f"checkpoint of {origin!r}, not of {trust.origin!r}")
    wanted = (trust.origin, _key_id(trust.origin, _ED25519_TYPE, trust.key))
    found = [signature for name, signature in lines if (name, signature[:_KEY_ID_BYTES]) == wanted]
    if not found:
        raise BadSignature(f"no signature of the log {trust.origin!r}")
    for signature in found:
        ed25519.verify(trust.key, text.encode(), signature[_KEY_ID_BYTES:])
    seen = sum(_has_witnessed(text, lines, witness) for witness in trust.witnesses)
    if seen < trust.witnesses_needed:
        raise QuorumNotReached(f"{seen} witnesses, {trust.witnesses_needed} needed", seen=seen)
    return LogHead(size, root)


def _has_witnessed(text: str, lines: list[tuple[str, bytes]], witness: Witness) -> bool:
    wanted = (witness.name, _key_id(witness.name, _COSIGNATURE_TYPE, witness.key))
    found = [signature[_KEY_ID_BYTES:] for name, signature in lines if (name, signature[:_KEY_ID_BYTES]) == wanted]
    for signature in found:
        at_s = int.from_bytes(signature[:_TIME_BYTES], "big")
        ed25519.verify(witness.key, _cosigned(text, at_s), signature[_TIME_BYTES:])
    return bool(found)


def _cosigned(text: str, at_s: int) -> bytes:
    return f"cosignature/v1\ntime {at_s}\n{text}".encode()


def _key_id(name: str, kind: bytes, key: PublicKey) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + kind + key.raw).digest()[:_KEY_ID_BYTES]


def _line(name: str, signature: bytes) -> str:
    return f"\u2014 {name} {base64.b64encode(signature).decode()}\n"


def _parse(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    if len(note) > MAX_NOTE_CHARS:
        raise MalformedPayload(f"checkpoint of {len(note)} characters, at most {MAX_NOTE_CHARS}")
    head, separator, tail = note.rpartition("\n\n")
    rows = tail.split("\n")
    if not separator or rows.pop() != "" or not 0 < len(rows) <= MAX_SIGNATURES:
        raise MalformedPayload("checkpoint: no empty line before the signatures, or none after them")
    lines = []
    for row in rows:
        match = _SIGNATURE.fullmatch(row)
        if match is None:
            raise MalformedPayload("checkpoint: a malformed signature line")
        lines.append((match[1], _base64(match[2])))
    return head + "\n", lines


def _body(text: str) -> tuple[str, int, Digest]:
    rows = text.split("\n")
    if len(rows) != 4 or not _SIZE.fullmatch(rows[1]):
        raise MalformedPayload("checkpoint: not origin, size and root")
    root = _base64(rows[2])
    if len(root) != 32:
        raise MalformedPayload(f"checkpoint: root of {len(root)} bytes")
    return rows[0], int(rows[1]), Digest(root)


def _base64(text: str) -> bytes:
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error as error:
        raise MalformedPayload("checkpoint: not base64") from error
    if base64.b64encode(raw).decode() != text:
        raise MalformedPayload("checkpoint: base64 in a second spelling")
    return raw
