"""A Solana v0 message, parsed by hand: header, keys, blockhash, instructions, and not a byte more.

Rules:
    * Written from the wire format, sharing no code with the builder.
    * Legacy messages, lookup tables, non-minimal lengths and left-over bytes are refused.

Example:
    message = parse_message(payload)
    message.instructions[0].program
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import base58

from custody.primitives.errors import MalformedPayload

MAX_MESSAGE_BYTES = 1232
_VERSION_0 = 0x80
_KEY_BYTES = 32
_COMPACT_U16_BYTES = 3

_FIELD = 2**255 - 19
_CURVE_D = -121665 * pow(121666, -1, _FIELD) % _FIELD


@dataclass(frozen=True, slots=True)
class WireInstruction:
    """One instruction, its indexes resolved to base58 keys.

    Attributes:
        program: Program it calls.
        accounts: Accounts it names, in order.
        content: Its own bytes.
    """

    program: str
    accounts: tuple[str, ...]
    content: bytes


@dataclass(frozen=True, slots=True)
class WireMessage:
    """A whole message.

    Attributes:
        signers: Keys that must sign; the first pays the fee.
        writable_signers: How many of them, counted from the first, may be debited.
        writable: All keys whose accounts the message may change.
        keys: All keys of the message, base58.
        blockhash: Recent blockhash or durable nonce value, base58.
        instructions: In order of execution.
    """

    signers: tuple[str, ...]
    writable_signers: int
    writable: frozenset[str]
    keys: tuple[str, ...]
    blockhash: str
    instructions: tuple[WireInstruction, ...]


class _Cursor:
    def __init__(self, raw: bytes) -> None:
        self._raw = raw
        self._at = 0

    def take(self, count: int) -> bytes:
        end = self._at + count
        if end > len(self._raw):
            raise MalformedPayload(f"message ends at byte {len(self._raw)}, {end} needed")
        part = self._raw[self._at : end]
        self._at = end
        return part

    def byte(self) -> int:
        return self.take(1)[0]

    def compact(self) -> int:
        """Read a compact-u16: 7 bits a byte, low bits first, at most three bytes, none wasted."""
        value = 0
        for position in range(_COMPACT_U16_BYTES):
            byte = self.byte()
            value |= (byte & 0x7F) << (7 * position)
            if not byte & 0x80:
                if (byte == 0 and position) or value > 0xFFFF:
                    break
                return value
        raise MalformedPayload(f"length at byte {self._at} is not a minimal compact-u16")

    def key(self) -> str:
        return str(base58.b58encode(self.take(_KEY_BYTES)), "ascii")

    def at_end(self) -> bool:
        return self._at == len(self._raw)


def parse_message(raw: bytes) -> WireMessage:
    """Parse a v0 message.

    Args:
        raw: Version byte and message, at most 1232 bytes.

    Raises:
        MalformedPayload: Not such bytes, bytes left over, a key twice or in no instruction, lookup tables.
    """
    if len(raw) > MAX_MESSAGE_BYTES:
        raise MalformedPayload(f"message of {len(raw)} bytes, at most {MAX_MESSAGE_BYTES}")
    cursor = _Cursor(raw)
    if cursor.byte() != _VERSION_0:
        raise MalformedPayload("not a version 0 message")
    signing, readonly_signing, readonly_other = cursor.take(3)
    keys = tuple(cursor.key() for _ in range(cursor.compact()))
    if not (readonly_signing < signing and signing + readonly_other <= len(keys)) or len(set(keys)) != len(keys):
        raise MalformedPayload("header and account keys do not fit together")
    blockhash = cursor.key()
    instructions = tuple(_instruction(cursor, keys) for _ in range(cursor.compact()))
    if cursor.compact() != 0:
        raise MalformedPayload("lookup tables hide addresses from the signer")
    if not cursor.at_end():
        raise MalformedPayload("bytes left over after the message")
    used = {keys[0]} | {key for step in instructions for key in (step.program, *step.accounts)}
    if used != set(keys):
        raise MalformedPayload("the message names keys that no instruction uses")
    writable_signers = signing - readonly_signing
    writable = frozenset(keys[:writable_signers] + keys[signing : len(keys) - readonly_other])
    return WireMessage(keys[:signing], writable_signers, writable, keys, blockhash, instructions)


def _instruction(cursor: _Cursor, keys: tuple[str, ...]) -> WireInstruction:
    program = cursor.byte()
    indexes = cursor.take(cursor.compact())
    content = cursor.take(cursor.compact())
    if max((program, *indexes)) >= len(keys):
        raise MalformedPayload("an instruction points outside the account keys")
    return WireInstruction(keys[program], tuple(keys[index] for index in indexes), content)


def with_seed_address(base: str, seed: bytes, program: str) -> str:
    """Derive a "with seed" address: SHA-256(base || seed || program), base58."""
    parts = base58.b58decode(base) + seed + base58.b58decode(program)
    return str(base58.b58encode(hashlib.sha256(parts).digest()), "ascii")


def program_address(seeds: tuple[str, ...], program: str) -> str:
    """Derive a program address of 32-byte seeds: the first hash, bump from 255 down, off the Ed25519 curve.

    Raises:
        MalformedPayload: No bump gives one (never seen in practice).
    """
    head = b"".join(base58.b58decode(seed) for seed in seeds)
    tail = base58.b58decode(program) + b"ProgramDerivedAddress"
    for bump in range(255, -1, -1):
        candidate = hashlib.sha256(head + bytes([bump]) + tail).digest()
        if not _is_on_curve(candidate):
            return str(base58.b58encode(candidate), "ascii")
    raise MalformedPayload("no program address for these seeds")


def _is_on_curve(point: bytes) -> bool:
    """Tell whether 32 bytes decompress to a point: x^2 = (y^2 - 1) / (d y^2 + 1) has a root mod 2^255 - 19."""
    y = int.from_bytes(point, "little") & ((1 << 255) - 1)
    square = (y * y - 1) * pow(_CURVE_D * y * y + 1, -1, _FIELD) % _FIELD
    # Euler's criterion: 0 and squares give 0 or 1, everything else -1.
    return pow(square, (_FIELD - 1) // 2, _FIELD) in (0, 1)
