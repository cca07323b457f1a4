"""What the Tron ledger simulator does with one transaction: checks in java-tron's order and words, then effects.

Rules:
    * Permission checks are written anew after java-tron: operation in the mask, no more signatures than keys,
      every signer known, none twice, weight reached.
    * Prices are simplified: bandwidth is always paid in TRX, a token transfer costs a fixed number of energy.
    * What is not simulated (staking, votes, TRC-10 balances, real contracts) either does nothing or is refused.

Example:
    executed = execute(world, transaction)   # raises NodeRefusal, or returns the next world
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import base58
import coincurve

from custody.devnet.tron_accounts import ACTIVE, OWNER, Account, Permission, World
from custody.keys.keccak import keccak256
from custody.primitives.errors import Refused
from custody.signers.decoders.tron_bytes import read_fields

TRANSFER, TRANSFER_ASSET, TRIGGER, PERMISSION_UPDATE = 1, 2, 31, 46
CONTRACT_NAMES = {
    TRANSFER: "TransferContract",
    TRANSFER_ASSET: "TransferAssetContract",
    TRIGGER: "TriggerSmartContract",
    PERMISSION_UPDATE: "AccountPermissionUpdateContract",
}
SUN_PER_BYTE, MULTISIGN_SUN, ACTIVATION_SUN, PERMISSION_UPDATE_SUN = 1_000, 1_000_000, 1_100_000, 100_000_000
ENERGY_OLD_HOLDER, ENERGY_NEW_HOLDER, SUN_PER_ENERGY = 65_000, 130_000, 100
MAX_SIGNATURES = 5
RESULT_BYTES = 64

_TRANSFER_CALL, _APPROVE_CALL = bytes.fromhex("a9059cbb"), bytes.fromhex("095ea7b3")
_TRANSFER_TOPIC = keccak256(b"Transfer(address,address,uint256)").hex()
_APPROVAL_TOPIC = keccak256(b"Approval(address,address,uint256)").hex()
Json = Any


class NodeRefusal(Refused):
    """What the simulated node answers instead of taking a transaction."""

    code = "tron_simulator_refuses"

    def __init__(self, node_code: str, text: str) -> None:
        super().__init__(text, node_code=node_code)
        self.node_code = node_code


@dataclass(frozen=True, slots=True)
class Transaction:
    """A signed transaction, taken apart."""

    whole: bytes
    raw: bytes
    signatures: tuple[bytes, ...]
    fields: Mapping[int, Any]
    kind: int
    permission_id: int
    value: Mapping[int, Any]
    value_fields: tuple[tuple[int, Any], ...]

    @property
    def txid(self) -> str:
        """SHA-256 of the raw part."""
        return hashlib.sha256(self.raw).hexdigest()

    @property
    def owner(self) -> str:
        """Account that acts, hex."""
        return bytes(self.value.get(2 if self.kind == TRANSFER_ASSET else 1, b"")).hex()

    @property
    def expiration_ms(self) -> int:
        """When it expires."""
        return int(self.fields.get(8, 0))

    @classmethod
    def parse(cls, whole: bytes) -> Transaction:
        """Take a signed transaction apart.

        Raises:
            MalformedPayload, KeyError: It is none.
        """
        outer = read_fields(whole, "transaction")
        raw = dict(outer)[1]
        signatures = tuple(value for number, value in outer if number == 2 and isinstance(value, bytes))
        fields: dict[int, Any] = dict(read_fields(_blob(raw), "raw"))
        contract: dict[int, Any] = dict(read_fields(_blob(fields[11]), "contract"))
        parameter = dict(read_fields(_blob(contract[2]), "parameter"))
        value = tuple(read_fields(_blob(parameter[2]), "value"))
        return cls(whole, _blob(raw), signatures, fields, contract[1], contract.get(5, 0), dict(value), value)


@dataclass(frozen=True, slots=True)
class Executed:
    """A transaction with its effects.

    Attributes:
        world: After it.
        verdict: contractRet.
        fee_sun: What it paid.
        logs: Events, as `gettransactioninfo` shows them.
    """

    transaction: Transaction
    world: World
    verdict: str
    fee_sun: int
    logs: tuple[Json, ...] = ()


def execute(world: World, tx: Transaction) -> Executed:
    """Check permissions and prices, and apply.

    Raises:
        NodeRefusal: The network would not take it.
    """
    if tx.kind not in CONTRACT_NAMES:
        raise NodeRefusal("CONTRACT_VALIDATE_ERROR", f"Contract validate error : contract type {tx.kind} not simulated")
    _verify_signatures(world, tx)
    size = len(tx.whole) + RESULT_BYTES
    fee = size * SUN_PER_BYTE + (MULTISIGN_SUN if len(tx.signatures) > 1 else 0)
    if tx.kind == TRANSFER:
        return _transfer(world, tx, fee)
    if tx.kind == PERMISSION_UPDATE:
        return _update_permissions(world, tx, fee + PERMISSION_UPDATE_SUN)
    if tx.kind == TRIGGER:
        return _call(world, tx, fee)
    return Executed(tx, _pay_fee(world, tx, fee), "SUCCESS", fee)  # TRC-10: taken, without balances


def _transfer(world: World, tx: Transaction, fee: int) -> Executed:
    to, sun = bytes(tx.value.get(2, b"")).hex(), int(tx.value.get(3, 0))
    if to == tx.owner:
        raise _invalid("Cannot transfer TRX to yourself.")
    if sun <= 0 or len(to) != 42:
        raise _invalid("Amount must be greater than 0.")
    if to in world.tokens:
        raise _invalid("Cannot transfer TRX to a smartContract.")
    if to not in world.accounts:
        fee = fee - (len(tx.whole) + RESULT_BYTES) * SUN_PER_BYTE + ACTIVATION_SUN
    if world.sun(tx.owner) < sun + fee:
        raise _invalid("Validate TransferContract error, balance is not sufficient.")
    moved = world.with_sun(tx.owner, -sun).with_sun(to, sun)
    return Executed(tx, _pay_fee(moved, tx, fee), "SUCCESS", fee)


def _call(world: World, tx: Transaction, fee: int) -> Executed:
    contract, call = bytes(tx.value.get(2, b"")).hex(), bytes(tx.value.get(4, b""))
    token = world.tokens.get(contract)
    if token is None or len(call) != 68:
        raise _invalid("No contract or not a smart contract")
    to, units = "41" + call[16:36].hex(), int.from_bytes(call[36:], "big")
    topics = [(bytes(12) + bytes.fromhex(each)[1:]).hex() for each in (tx.owner, to)]
    energy = ENERGY_OLD_HOLDER if token.balances.get(to) else ENERGY_NEW_HOLDER
    limit, cost = int(tx.fields.get(18, 0)), energy * SUN_PER_ENERGY
    burnt = min(cost, limit)
    paid = _pay_fee(world, tx, fee + burnt)
    if cost > limit:
        return Executed(tx, paid, "OUT_OF_ENERGY", fee + burnt)
    log = {"address": contract[2:], "data": call[36:].hex()}
    if call[:4] == _APPROVE_CALL:
        return Executed(tx, paid, "SUCCESS", fee + burnt, ({**log, "topics": [_APPROVAL_TOPIC, *topics]},))
    if call[:4] != _TRANSFER_CALL or token.reverts or token.balances.get(tx.owner, 0) < units:
        return Executed(tx, paid, "REVERT", fee + burnt)
    moved = paid.with_units(contract, tx.owner, -units).with_units(contract, to, units)
    return Executed(tx, moved, "SUCCESS", fee + burnt, ({**log, "topics": [_TRANSFER_TOPIC, *topics]},))


def _update_permissions(world: World, tx: Transaction, fee: int) -> Executed:
    by_field = [(number, _blob(value)) for number, value in tx.value_fields if number in (2, 3, 4)]
    owners = [_permission(raw, 0) for number, raw in by_field if number == 2]
    actives = [_permission(raw, ACTIVE) for number, raw in by_field if number == 4]
    if len(owners) != 1 or owners[0].kind != OWNER:
        raise _invalid("owner permission is missed")
    if any(number == 3 for number, _ in by_field):
        raise _invalid("account isn't witness can't set witness permission")
    if not actives:
        raise _invalid("active permission is missed")
    numbered = tuple(replace(each, id=ACTIVE + place) for place, each in enumerate(actives))
    paid = _pay_fee(world, tx, fee)
    account = replace(paid.accounts[tx.owner], owner=owners[0], actives=numbered)  # all others are gone
    return Executed(tx, paid.with_account(tx.owner, account), "SUCCESS", fee)


def _permission(raw: bytes, kind: int) -> Permission:
    listed = read_fields(raw, "permission")
    fields: dict[int, Any] = dict(listed)
    keys = []
    for number, value in listed:
        if number == 7:
            key: dict[int, Any] = dict(read_fields(_blob(value), "key"))
            keys.append((bytes(key[1]).hex(), int(key.get(2, 0))))
    made = Permission(
        int(fields.get(1, 0)),
        0,
        bytes(fields.get(3, b"")).decode("ascii", "replace"),
        int(fields.get(4, 0)),
        tuple(keys),
        bytes(fields.get(6, b"")),
    )
    if made.kind != kind:
        raise _invalid(f"{'owner' if kind == OWNER else 'active'} permission type is error")
    if not keys or made.threshold <= 0:
        raise _invalid("key's count should be greater than 0")
    if len(keys) > MAX_SIGNATURES:
        raise _invalid(f"number of keys in permission should not be greater than {MAX_SIGNATURES}")
    if len({address for address, _ in keys}) != len(keys):
        raise _invalid("address should be distinct in permission")
    if sum(weight for _, weight in keys) < made.threshold:
        raise _invalid("sum of all key's weight should not be less than threshold in permission")
    if kind == ACTIVE and len(made.operations) != 32:
        raise _invalid("operations size must 32")
    return made


def _verify_signatures(world: World, tx: Transaction) -> None:
    account = world.accounts.get(tx.owner)
    permission = (account or Account.new(tx.owner)).permission(tx.permission_id)
    if not tx.signatures:
        raise _bad_signature("miss sig or contract")
    if len(tx.signatures) > MAX_SIGNATURES:
        raise _bad_signature("too many signatures")
    if permission is None:
        raise _bad_signature("permission isn't exit")
    if not permission.allows(tx.kind):
        raise _bad_signature("Permission denied")
    if len(tx.signatures) > len(permission.keys):
        raise _bad_signature(
            f"Signature count is {len(tx.signatures)} more than key counts of permission : {len(permission.keys)}"
        )
    weights, signed = dict(permission.keys), dict[str, int]()
    for signature in tx.signatures:
        signer = _signer(tx, signature)
        shown = base58.b58encode_check(bytes.fromhex(signer)).decode()
        if signer not in weights:
            raise _bad_signature(f"{signature.hex()} is signed by {shown} but it is not contained of permission.")
        if signer in signed:
            raise _bad_signature(f"{shown} has signed twice!")
        signed[signer] = weights[signer]
    weight = sum(signed.values())
    if weight < permission.threshold:
        # java-tron itself says "sig error" here; the numbers help whoever reads a test.
        raise _bad_signature(f"sig error: weight {weight} < threshold {permission.threshold}")


def _signer(tx: Transaction, signature: bytes) -> str:
    if len(signature) < 65:
        raise _bad_signature(f"Signature size is {len(signature)}")
    recovery = signature[64] - 27 if signature[64] >= 27 else signature[64]
    try:
        point = coincurve.PublicKey.from_signature_and_message(
            signature[:64] + bytes([recovery]), bytes.fromhex(tx.txid), hasher=None
        )
    except ValueError:
        raise _bad_signature("Header byte out of range, or no such point") from None
    return "41" + keccak256(point.format(compressed=False)[1:])[-20:].hex()


def _pay_fee(world: World, tx: Transaction, fee: int) -> World:
    if tx.owner not in world.accounts:
        raise _invalid("Validate error, no OwnerAccount.")
    if world.sun(tx.owner) < fee:
        raise NodeRefusal("BANDWITH_ERROR", "Account resource insufficient error.")
    return world.with_sun(tx.owner, -fee)


def _invalid(text: str) -> NodeRefusal:
    return NodeRefusal("CONTRACT_VALIDATE_ERROR", f"Contract validate error : {text}")


def _bad_signature(text: str) -> NodeRefusal:
    return NodeRefusal("SIGERROR", f"Validate signature error: {text}")


def _blob(value: object) -> bytes:
    if not isinstance(value, bytes):
        raise NodeRefusal("OTHER_ERROR", "a number where bytes belong")
    return value
