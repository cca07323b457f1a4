"""A PKCS#11 token: private keys are made in it, sign in it, and cannot be taken out of it.

Rules:
    * Only keys that the token calls sensitive and not extractable are used; one label names one key.
    * What the token returns is a claim: high s is lowered, v is found by trial, and everything is verified under the
      public key before it leaves this module.
    * The PIN comes in a `Secret` and is tried once: tokens lock after a few wrong ones.
    * A token that was pulled out is not logged in to again; whoever keeps the signer starts it anew.

Example:
    token = Token.open(TokenPlace(Path("/usr/lib/softhsm/libsofthsm2.so"), "alice"), pin)
    token.key("evm", Curve.SECP256K1).sign(digest)

Spec: PKCS#11 v3.0, CKM_ECDSA and CKM_EDDSA.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from coincurve import PublicKey as CurvePublicKey

from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, Conflict, InvalidInput, NotFound, Refused, Unavailable
from custody.primitives.secret import Secret

if TYPE_CHECKING:
    from pkcs11 import KeyType, Mechanism, Session

MAX_LABEL_CHARS = 64
_OID_SECP256K1 = bytes.fromhex("06052b8104000a")
_NAME_ED25519 = b"\x13\x0cedwards25519"  # PKCS#11 names this curve by a printable string
_POINT_BYTES = {Curve.SECP256K1: 65, Curve.ED25519: 32}


class TokenUnavailable(Unavailable):
    """The token or its module does not answer."""

    code = "token_unavailable"


class TokenRefused(Refused):
    """The token does not let us in, or a key in it is not kept as it must be."""

    code = "token_refused"


@dataclass(frozen=True, slots=True)
class TokenPlace:
    """Where a token is.

    Attributes:
        module: The vendor's PKCS#11 library.
        label: Of the token.
        serial: Of the token; "" accepts any.
    """

    module: Path
    label: str
    serial: str = ""


@dataclass(frozen=True, slots=True)
class TokenKey:
    """One key in a token; a `SigningKey`.

    Attributes:
        public: Its public half.
        device: The session's private key object.
        lock: One signature a session at a time.
    """

    public: PublicKey
    device: Any
    lock: threading.Lock

    def sign(self, message: bytes) -> bytes:
        """As in `SigningKey`; on secp256k1 the same digest gives another signature each time.

        Raises:
            InvalidInput: A digest of another length.
            BadSignature: What came back does not verify, in any reading.
            TokenUnavailable: The token does not answer.
        """
        if self.public.curve is Curve.SECP256K1 and len(message) != ecdsa.DIGEST_BYTES:
            raise InvalidInput(f"digest of {len(message)} bytes, not {ecdsa.DIGEST_BYTES}")
        with self.lock, _translated("signing"):
            raw = self.device.sign(message, mechanism=_mechanism(self.public.curve))
        if self.public.curve is Curve.ED25519:
            ed25519.verify(self.public, message, raw)
            return bytes(raw)
        if len(raw) != 2 * 32:
            raise BadSignature(f"the token returned {len(raw)} bytes for an ECDSA signature")
        r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big")
        return ecdsa.accept_foreign(self.public, message, r, s)


class Token:
    """A session with one token, logged in; prints as nothing but its label."""

    def __init__(self, place: TokenPlace, session: Session) -> None:
        self.place = place
        self._session = session
        # One for the session and all its keys: PKCS#11 has no two operations at once in a session.
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"Token({self.place.label})"

    @classmethod
    def open(cls, place: TokenPlace, pin: Secret, *, writable: bool = False) -> Token:
        """Log in.

        Args:
            place: Which token.
            pin: Of the token's user.
            writable: For making keys.

        Raises:
            Refused: The library for tokens is not installed.
            TokenRefused: The PIN is wrong, locked, or not set.
            NotFound: No token of this label and serial number.
            TokenUnavailable: The module cannot be loaded, or does not answer.
        """
        pkcs11 = _library()
        try:
            user_pin = pin.reveal().decode()
        except UnicodeDecodeError:
            raise TokenRefused(f"token {place.label}: the PIN is not UTF-8 text") from None  # a cause would show it
        serial = {"token_serial": place.serial.encode()} if place.serial else {}
        with _translated(f"token {place.label}"):
            token = pkcs11.lib(str(place.module)).get_token(token_label=place.label, **serial)
            try:
                session = token.open(rw=writable, user_pin=user_pin)
            except pkcs11.UserAlreadyLoggedIn:  # a login counts for the whole process
                session = token.open(rw=writable)
        return cls(TokenPlace(place.module, place.label, token.serial.decode("ascii", "replace").strip()), session)

    def close(self) -> None:
        """Log out of this session."""
        with _translated("closing"):
            self._session.close()

    def generate(self, label: str, curve: Curve) -> PublicKey:
        """Make a key that never leaves the token.

        Raises:
            InvalidInput: The label is empty or too long.
            Conflict: A key of this label exists.
            TokenUnavailable: The token does not make such keys.
        """
        from pkcs11 import Attribute, MechanismFlag  # noqa: PLC0415 - an optional library

        if not 0 < len(label) <= MAX_LABEL_CHARS:
            raise InvalidInput(f"the label of a key has 1 to {MAX_LABEL_CHARS} characters")
        with _translated("making a key"):
            if list(self._session.get_objects({Attribute.LABEL: label})):
                raise Conflict(f"token {self.place.label}: {label} exists already and is not replaced", label=label)
            parameters = self._session.create_domain_parameters(
                _key_type(curve),
                {Attribute.EC_PARAMS: _OID_SECP256K1 if curve is Curve.SECP256K1 else _NAME_ED25519},
                local=True,
            )
            parameters.generate_keypair(
                mechanism=_generation(curve),
                store=True,
                label=label,
                id=label.encode(),
                capabilities=MechanismFlag.SIGN | MechanismFlag.VERIFY,
                private_template={Attribute.SENSITIVE: True, Attribute.EXTRACTABLE: False},
            )
        return self.key(label, curve).public

    def key(self, label: str, curve: Curve) -> TokenKey:
        """Find a key.

        Raises:
            NotFound: No such key.
            Conflict: The label names several keys.
            TokenRefused: The private key could be taken out of the token.
            InvalidInput: The public key is malformed.
        """
        from pkcs11 import Attribute, ObjectClass  # noqa: PLC0415 - an optional library

        with self._lock, _translated(f"token {self.place.label}, key {label}"):
            kind = _key_type(curve)
            private = self._session.get_key(ObjectClass.PRIVATE_KEY, key_type=kind, label=label)
            public = self._session.get_key(ObjectClass.PUBLIC_KEY, key_type=kind, label=label)
            kept = private[Attribute.SENSITIVE] is True and private[Attribute.EXTRACTABLE] is False
            point = bytes(public[Attribute.EC_POINT])
        if not kept:
            raise TokenRefused(f"token {self.place.label}: key {label} could be taken out of the token", label=label)
        return TokenKey(_decode_point(point, curve), private, self._lock)


def _decode_point(point: bytes, curve: Curve) -> PublicKey:
    """Read CKA_EC_POINT: a DER octet string, by some tokens the bare point."""
    size = _POINT_BYTES[curve]
    raw = point[2:] if point[:2] == bytes([4, size]) and len(point) == size + 2 else point
    if len(raw) != size:
        raise InvalidInput(f"the token's {curve} public key has {len(point)} bytes")
    if curve is Curve.ED25519:
        return PublicKey(curve, raw)
    try:
        return PublicKey(curve, CurvePublicKey(raw).format())
    except ValueError as error:
        raise InvalidInput("the token's public key is not a point of secp256k1") from error


def _library() -> ModuleType:
    try:
        import pkcs11  # noqa: PLC0415 - an optional library
    except ImportError as error:
        raise Refused("tokens need the optional library python-pkcs11: install mext[hsm]") from error
    return pkcs11


def _key_type(curve: Curve) -> KeyType:
    types: Any = _library().KeyType
    found: KeyType = types.EC if curve is Curve.SECP256K1 else types.EC_EDWARDS
    return found


def _mechanism(curve: Curve) -> Mechanism:
    mechanisms: Any = _library().Mechanism
    found: Mechanism = mechanisms.ECDSA if curve is Curve.SECP256K1 else mechanisms.EDDSA
    return found


def _generation(curve: Curve) -> Mechanism:
    mechanisms: Any = _library().Mechanism
    found: Mechanism = mechanisms.EC_KEY_PAIR_GEN if curve is Curve.SECP256K1 else mechanisms.EC_EDWARDS_KEY_PAIR_GEN
    return found


@contextmanager
def _translated(what: str) -> Iterator[None]:
    """Turn the library's errors into ours; their text never holds a PIN."""
    errors = _library()
    try:
        yield
    except (errors.NoSuchToken, errors.NoSuchKey) as error:
        raise NotFound(f"{what}: {error}") from error
    except (errors.MultipleObjectsReturned, errors.MultipleTokensReturned) as error:
        raise Conflict(f"{what}: the label names several") from error
    except (
        errors.PinIncorrect,
        errors.PinInvalid,
        errors.PinLenRange,
        errors.PinLocked,
        errors.PinExpired,
        errors.UserPinNotInitialized,
    ) as error:
        raise TokenRefused(f"{what}: the PIN was not accepted ({type(error).__name__})") from error
    except errors.PKCS11Error as error:
        raise TokenUnavailable(f"{what}: {type(error).__name__} {error}".rstrip()) from error
