"""From the members' signatures to what the chain takes, written here from the specifications.

Rules:
    * The builder's code is not used: whoever submits puts the bytes together anew, and both must agree on the id.
    * UTXO, Tron and XRP Ledger bytes are complete. Of a Safe and of Solana the sender signs last, online: there the
      file names what the members signed, since the id of the transaction is not fixed before.

Example:
    finish(wallet, payload, parts).name

Spec: BIP-141, BIP-147; Tron protobuf `Transaction`; XRPL serialization and multi-signing; Safe `checkSignatures`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from custody.cold.parts import ColdPart
from custody.keys.hd import hash160
from custody.keys.material import SigningRole
from custody.primitives.errors import InvalidInput
from custody.signers.decoders.evm_bytes import split_tagged
from custody.signers.decoders.evm_registration import account_of
from custody.signers.decoders.utxo import UtxoDecoder
from custody.signers.decoders.utxo_psbt import RawPsbt, compact_size, double_sha256, read_psbt
from custody.signers.registration import RegisteredWallet
from custody.signers.registry import family_of

TXID = "txid"
_OP_PUSHDATA1 = 0x4C
_XRPL_HASH_PREFIX = b"TXN\x00"
_SIGNERS, _SIGNER, _END_OBJECT, _END_ARRAY = b"\xf3", b"\xe0\x10", b"\xe1", b"\xf1"
_PUBLIC_KEY, _SIGNATURE, _ACCOUNT = b"\x73", b"\x74", b"\x81"


@dataclass(frozen=True, slots=True)
class Finished:
    """Bytes with the members' signatures in them.

    Attributes:
        names: What `name` is: "txid", or what was signed.
        name: In the chain's own spelling.
        transaction: The bytes.
    """

    names: str
    name: str
    transaction: bytes


def finish(wallet: RegisteredWallet, payload: bytes, parts: Sequence[ColdPart]) -> Finished:
    """Put verified parts into the payload.

    Raises:
        InvalidInput: A family whose members do not sign in cold rooms.
    """
    if wallet.family not in _FINISHERS:
        raise InvalidInput(f"wallet {wallet.id}: family {wallet.family} is not finished from parts")
    return _FINISHERS[wallet.family](wallet, payload, parts)


def _utxo(wallet: RegisteredWallet, payload: bytes, parts: Sequence[ColdPart]) -> Finished:
    psbt = read_psbt(payload)
    decoder = UtxoDecoder(wallet.registration, {parts[0].path: parts[0].member})
    stacks = []
    for index, item in enumerate(decoder.understand(payload, SigningRole.MEMBER).to_sign):
        place = tuple(int(step) for step in item.path.split("/")[-2:])
        by_key = {each.key.raw: each.value for part in parts for each in part.signatures if each.index == index}
        ordered = [by_key[key] for key in sorted(by_key)]  # BIP-67: keys stand sorted in the script
        stacks.append([b"", *ordered, decoder.descriptor.inner_script(place[0], place[1])])
    if decoder.descriptor.is_segwit:
        witness = b"".join(compact_size(len(s)) + b"".join(compact_size(len(i)) + i for i in s) for s in stacks)
        raw = psbt.unsigned[:4] + b"\x00\x01" + psbt.unsigned[4:-4] + witness + psbt.unsigned[-4:]
        return Finished(TXID, double_sha256(psbt.unsigned)[::-1].hex(), raw)
    raw = _with_scripts(psbt, [b"".join(_push(item) for item in stack) for stack in stacks])
    return Finished(TXID, double_sha256(raw)[::-1].hex(), raw)


def _with_scripts(psbt: RawPsbt, scripts: Sequence[bytes]) -> bytes:
    tx = psbt.tx
    inputs = b"".join(
        each.txid + each.vout.to_bytes(4, "little") + compact_size(len(script)) + script
        + each.sequence.to_bytes(4, "little")
        for each, script in zip(tx.inputs, scripts, strict=True)
    )  # fmt: skip
    outputs = b"".join(output.serialize() for output in tx.outputs)
    return (
        tx.version.to_bytes(4, "little") + compact_size(len(tx.inputs)) + inputs
        + compact_size(len(tx.outputs)) + outputs + tx.locktime.to_bytes(4, "little")
    )  # fmt: skip


def _push(item: bytes) -> bytes:
    if len(item) < _OP_PUSHDATA1:
        return bytes([len(item)]) + item
    size = 1 if len(item) <= 0xFF else 2
    return bytes([_OP_PUSHDATA1 + size - 1]) + len(item).to_bytes(size, "little") + item


def _evm(wallet: RegisteredWallet, payload: bytes, parts: Sequence[ColdPart]) -> Finished:
    """Owner signatures in the order that a Safe demands: by account, as a number."""
    by_account = {account_of(part.member): part.signatures[0].value for part in parts}
    return Finished("SafeTx hash", "0x" + _signed(wallet, payload, parts[0]).hex(), _joined(by_account))


def _solana(_wallet: RegisteredWallet, payload: bytes, parts: Sequence[ColdPart]) -> Finished:
    """Members' signatures in the order of their keys in the message are for the submitter; here by key."""
    by_key = {part.member.raw: part.signatures[0].value for part in parts}
    return Finished("SHA-256 of the message", hashlib.sha256(payload).hexdigest(), _joined(by_key))


def _tron(_wallet: RegisteredWallet, payload: bytes, parts: Sequence[ColdPart]) -> Finished:
    (body,) = split_tagged(payload)[1]
    fields = b"\x0a" + _varint(len(body)) + body
    for part in parts:
        value = part.signatures[0].value
        fields += b"\x12" + _varint(len(value)) + value
    return Finished(TXID, hashlib.sha256(body).hexdigest(), fields)


def _xrpl(_wallet: RegisteredWallet, payload: bytes, parts: Sequence[ColdPart]) -> Finished:
    by_account = {hash160(part.member.raw): (part.member.raw, part.signatures[0].value) for part in parts}
    signers = b""
    for account in sorted(by_account):  # by the 20-byte id, not by its text
        key, value = by_account[account]
        inside = _PUBLIC_KEY + _sized(key) + _SIGNATURE + _sized(value) + _ACCOUNT + _sized(account)
        signers += _SIGNER + inside + _END_OBJECT
    raw = payload + _SIGNERS + signers + _END_ARRAY
    return Finished(TXID, hashlib.sha512(_XRPL_HASH_PREFIX + raw).digest()[:32].hex().upper(), raw)


def _signed(wallet: RegisteredWallet, payload: bytes, part: ColdPart) -> bytes:
    decoder = family_of(wallet.family).load()(wallet.registration, {part.path: part.member})
    return decoder.understand(payload, SigningRole.MEMBER).to_sign[0].message


def _joined(values: Mapping[bytes, bytes]) -> bytes:
    return b"".join(values[key] for key in sorted(values))


def _sized(raw: bytes) -> bytes:
    return bytes([len(raw)]) + raw  # keys, signatures and accounts are shorter than 193 bytes


def _varint(number: int) -> bytes:
    out = b""
    while number > 0x7F:
        out += bytes([number & 0x7F | 0x80])
        number >>= 7
    return out + bytes([number])


_FINISHERS: Mapping[str, Callable[[RegisteredWallet, bytes, Sequence[ColdPart]], Finished]] = {
    "utxo": _utxo,
    "evm": _evm,
    "solana": _solana,
    "tron": _tron,
    "xrpl": _xrpl,
}
