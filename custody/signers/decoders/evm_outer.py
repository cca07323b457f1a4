"""Reading an unsigned EIP-1559 transaction, and recovering who signed a digest.

Spec: EIP-1559.
"""

from __future__ import annotations

from dataclasses import dataclass

import coincurve

from custody.primitives.errors import MalformedPayload, Refused
from custody.signers.decoders.evm_bytes import keccak256, rlp_bytes, rlp_list, rlp_number

HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_FIELDS = 9


@dataclass(frozen=True, slots=True)
class Outer:
    """An unsigned account transaction.

    Attributes:
        nonce: The account's counter.
        fee_max_wei: Gas limit times the highest price per gas.
        to: Account or contract, 20 bytes.
        value: Wei.
        call: Calldata.
    """

    nonce: int
    fee_max_wei: int
    to: bytes
    value: int
    call: bytes


def read_outer(raw: bytes, chain_id: int) -> Outer:
    """Decode 0x02 and its nine fields.

    Args:
        raw: What is hashed and signed.
        chain_id: The only network accepted.

    Raises:
        MalformedPayload: Not such a transaction, or not in shortest form.
        Refused: Another network, an access list, or no destination.
    """
    if raw[:1] != b"\x02":
        raise MalformedPayload("not an EIP-1559 transaction")
    fields = rlp_list(raw[1:])
    if len(fields) != _FIELDS:
        raise MalformedPayload(f"an unsigned EIP-1559 transaction has {_FIELDS} fields, not {len(fields)}")
    names = ("chain id", "nonce", "tip", "fee", "gas limit")
    network, nonce, tip, fee, limit = (rlp_number(node, name) for node, name in zip(fields, names, strict=False))
    to, value, call = rlp_bytes(fields[5], "to"), rlp_number(fields[6], "value"), rlp_bytes(fields[7], "data")
    if network != chain_id:
        raise Refused(f"the transaction is for chain id {network}, not {chain_id}", chain_id=str(network))
    if len(to) != 20 or fields[8] != []:
        raise Refused("the transaction creates a contract or carries an access list")
    if tip > fee:
        raise MalformedPayload("the tip is above the whole fee")
    return Outer(nonce, limit * fee, to, value, call)


def recover_account(digest: bytes, signature: bytes) -> bytes:
    """Account that made a signature, 20 bytes.

    Args:
        digest: 32 bytes.
        signature: r || s || v, 65 bytes.

    Raises:
        Refused: v is not 27 or 28, s is high, or no key fits.
    """
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise Refused("an owner signature is not a plain ECDSA signature")
    if int.from_bytes(signature[32:64], "big") > HALF_ORDER:
        raise Refused("an owner signature has a high s")
    recoverable = signature[:64] + bytes([signature[64] - 27])
    try:
        point = coincurve.PublicKey.from_signature_and_message(recoverable, digest, hasher=None)
    except ValueError as error:
        raise Refused("an owner signature does not recover") from error
    return keccak256(point.format(compressed=False)[1:])[-20:]
