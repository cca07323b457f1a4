"""The registered Safe, as the signer stores it in its own folder.

Rules:
    * Every field is checked when it is read: a signer with a wrong registration does not start.
    * The batch contract is pinned here by release, whatever the registration says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import coincurve

from custody.keys.material import Curve, PublicKey
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput
from custody.signers.decoders.evm_bytes import eip55, keccak256
from custody.signers.decoders.sweep_branch import SweepBranch, read_branch

MULTISEND_CALL_ONLY = {"1.4.1": "0x9641d764fc13c8B624c04430C7356C1C7C8102e2"}
"""Canonical MultiSendCallOnly of each accepted Safe release: the one contract a delegatecall may reach."""

NATIVE_DECIMALS = 18


@dataclass(frozen=True, slots=True)
class RegisteredSafe:
    """What a signer knows of the wallet.

    Attributes:
        id, chain, chain_id: Wallet and network.
        safe, multisend, sender: Addresses, 20 bytes.
        owners: 20 bytes each.
        threshold: Owner signatures an execution must carry.
        native: Asset of the native coin.
        tokens: Listed tokens by contract, 20 bytes.
        sweep: Deposit accounts; None where there are none.
        station: Account that gives deposit accounts their gas, 20 bytes; None where there is none.
    """

    id: str
    chain: ChainId
    chain_id: int
    safe: bytes
    multisend: bytes
    sender: bytes
    owners: frozenset[bytes]
    threshold: int
    native: Asset
    tokens: Mapping[bytes, Asset]
    sweep: SweepBranch[bytes] | None
    station: bytes | None


def read_registration(registration: Mapping[str, object]) -> RegisteredSafe:
    """Check and convert the stored JSON.

    Raises:
        InvalidInput: A field is missing, malformed or contradicts another.
    """
    if _text(registration, "family") != "evm":
        raise InvalidInput(f"not a registration of an EVM wallet: family {registration.get('family')!r}")
    chain = ChainId(_text(registration, "chain"))
    chain_id = _number(registration, "chain_id")
    multisend = MULTISEND_CALL_ONLY.get(_text(registration, "version"))
    if multisend is None or _text(registration, "multisend") != multisend:
        raise InvalidInput("the registration names another batch contract than the pinned one")
    owners = [_address(owner) for owner in _items(registration, "owners")]
    threshold = _number(registration, "threshold")
    if not 1 < threshold < len(owners) or len(set(owners)) != len(owners):
        raise InvalidInput(f"{threshold} of {len(owners)} owners is not a safe quorum")
    if _text(registration, "network") != str(chain_id):
        raise InvalidInput("network and chain id differ")
    station, sender = registration.get("gas_station"), _address(registration.get("sender"))
    if station is not None and _address(station) in (sender, *owners):
        raise InvalidInput("the gas station is the sender or an owner")
    return RegisteredSafe(
        id=_text(registration, "id"),
        chain=chain,
        chain_id=chain_id,
        safe=_address(registration.get("safe")),
        multisend=_address(multisend),
        sender=sender,
        owners=frozenset(owners),
        threshold=threshold,
        native=Asset(_text(registration, "native"), NATIVE_DECIMALS, chain),
        tokens=dict(_token(entry, chain) for entry in _items(registration, "tokens")),
        sweep=read_branch(registration.get("sweep_from"), account_of),
        station=None if station is None else _address(station),
    )


def account_of(key: PublicKey) -> bytes:
    """Account of a key: the last 20 bytes of the hash of its uncompressed point."""
    if key.curve is not Curve.SECP256K1:
        raise InvalidInput("an EVM key is on secp256k1")
    return keccak256(coincurve.PublicKey(key.raw).format(compressed=False)[1:])[-20:]


def _token(entry: object, chain: ChainId) -> tuple[bytes, Asset]:
    if not isinstance(entry, Mapping):
        raise InvalidInput("a token is an object of symbol, decimals and contract")
    contract = _text(entry, "contract")
    return _address(contract), Asset(_text(entry, "symbol"), _number(entry, "decimals"), chain, contract)


def _address(value: object) -> bytes:
    if not isinstance(value, str) or len(value) != 42 or not value.startswith("0x"):
        raise InvalidInput(f"not an address: {str(value)[:60]!r}")
    try:
        raw = bytes.fromhex(value[2:])
    except ValueError as error:
        raise InvalidInput(f"not an address: {value!r}") from error
    if len(raw) != 20 or eip55(raw) != value:
        raise InvalidInput(f"{value}: wrong checksum")
    return raw


def _text(source: Mapping[str, object], name: str) -> str:
    value = source.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"registration: {name!r} is missing or not text")
    return value


def _number(source: Mapping[str, object], name: str) -> int:
    value = source.get(name)
    if type(value) is not int or value < 0:
        raise InvalidInput(f"registration: {name!r} is missing or not a whole number")
    return value


def _items(source: Mapping[str, object], name: str) -> Sequence[object]:
    value = source.get(name)
    if not isinstance(value, list | tuple):
        raise InvalidInput(f"registration: {name!r} is missing or not a list")
    return value
