"""The registered Tron account, as the signer stores it in its own folder.

Rules:
    * Every field is checked when it is read: a signer with a wrong registration does not start.
    * Prices are the registered ones: how much a transaction can cost is not for a request to say.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import base58
import coincurve
from Crypto.Hash import keccak

from custody.keys.material import Curve, PublicKey
from custody.keys.paths import format_path, parse_path
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput
from custody.signers.decoders.sweep_branch import SweepBranch, read_branch
from custody.signers.decoders.tron_bytes import address

NATIVE_SYMBOL, NATIVE_DECIMALS = "TRX", 6


@dataclass(frozen=True, slots=True)
class Prices:
    """Most the network takes, in sun; see the fields of the registration."""

    per_byte: int
    multisign: int
    activation: int
    fee_limit: int


@dataclass(frozen=True, slots=True)
class RegisteredTronWallet:
    """What a signer knows of the wallet.

    Attributes:
        id, chain: Wallet and network.
        account: Base58check address.
        permission_id: The one active permission that payments are signed under.
        threshold: Signatures a payment carries.
        members: Path by address.
        native: Asset of TRX.
        tokens: Listed tokens by contract.
        prices: Upper bounds.
        sweep: Deposit accounts; None where there are none.
        station: Account that lends deposit accounts TRX; None where there is none.
    """

    id: str
    chain: ChainId
    account: str
    permission_id: int
    threshold: int
    members: Mapping[str, str]
    native: Asset
    tokens: Mapping[str, Asset]
    prices: Prices
    sweep: SweepBranch[str] | None
    station: str | None


def read_registration(registration: Mapping[str, object]) -> RegisteredTronWallet:
    """Check and convert the stored JSON.

    Raises:
        InvalidInput: A field is missing, malformed or contradicts another.
    """
    if _text(registration, "family") != "tron":
        raise InvalidInput(f"not a registration of a Tron wallet: family {registration.get('family')!r}")
    chain = ChainId(_text(registration, "chain"))
    members = [
        (_address(member, "address"), _path(_text(member, "path"))) for member in _items(registration, "members")
    ]
    threshold, permission_id = _number(registration, "threshold"), _number(registration, "permission_id")
    if not 1 < threshold < len(members) or len(dict(members)) != len(members):
        raise InvalidInput(f"{threshold} of {len(members)} members is not a safe quorum")
    if permission_id < 2:
        raise InvalidInput(f"permission {permission_id} is the owner's or a block producer's, not for payments")
    prices, account = _object(registration.get("prices"), "prices"), _address(registration, "account")
    station = _address(registration, "gas_station") if "gas_station" in registration else None
    if station in (account, *dict(members)):
        raise InvalidInput("the gas station is the wallet's account or a member")
    tokens = [_token(entry, chain) for entry in _items(registration, "tokens")]
    return RegisteredTronWallet(
        id=_text(registration, "id"),
        chain=chain,
        account=account,
        permission_id=permission_id,
        threshold=threshold,
        members=dict(members),
        native=Asset(NATIVE_SYMBOL, NATIVE_DECIMALS, chain),
        tokens={str(token.contract): token for token in tokens},
        prices=Prices(*(_number(prices, name) for name in ("per_byte", "multisign", "activation", "fee_limit"))),
        sweep=read_branch(registration.get("sweep_from"), account_of),
        station=station,
    )


def account_of(key: PublicKey) -> str:
    """Address of a key: 0x41 and the last 20 bytes of the Keccak hash of its uncompressed point."""
    if key.curve is not Curve.SECP256K1:
        raise InvalidInput("a Tron key is on secp256k1")
    point = coincurve.PublicKey(key.raw).format(compressed=False)
    return address(b"\x41" + keccak.new(digest_bits=256, data=point[1:]).digest()[-20:])


def _token(entry: Mapping[str, object], chain: ChainId) -> Asset:
    return Asset(_text(entry, "symbol"), _number(entry, "decimals"), chain, _address(entry, "contract"))


def _path(text: str) -> str:
    return format_path(parse_path(text))


def _address(source: Mapping[str, object], name: str) -> str:
    text = _text(source, name)
    try:
        raw = base58.b58decode_check(text)
    except ValueError as error:
        raise InvalidInput(f"registration: {name!r}: {text[:60]!r} is no address") from error
    if len(raw) != 21 or raw[0] != 0x41:
        raise InvalidInput(f"registration: {name!r}: {text[:60]!r} is no Tron address")
    return text


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


def _object(value: object, name: str) -> Mapping[str, object]:
    if not isinstance(value, Mapping):
        raise InvalidInput(f"registration: {name!r} is missing or not an object")
    return value


def _items(source: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    value = source.get(name)
    if not isinstance(value, list | tuple):
        raise InvalidInput(f"registration: {name!r} is missing or not a list")
    return [_object(entry, name) for entry in value]
