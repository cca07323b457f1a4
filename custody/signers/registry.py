"""The families this signer can read: decoder, curve, and how a signature of the family looks.

Rules:
    * A decoder is loaded when a wallet of its family is registered: a Bitcoin signer carries no
      Solana parser to attack.
    * A family not in the table is refused; nothing is guessed from the payload.

Example:
    family_of("evm").load()(registration, our_keys).understand(payload, role)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import cast

from custody.keys import ecdsa, ed25519
from custody.keys.material import Curve, PublicKey
from custody.primitives.errors import BadSignature, Refused
from custody.primitives.secret import Secret
from custody.signers.port import Decoder

DecoderFactory = Callable[[Mapping[str, object], Mapping[str, PublicKey]], Decoder]
"""(registration, our public keys by path) -> decoder bound to that wallet."""

SIGHASH_ALL = 1


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """How one family signs.

    Attributes:
        curve: Of its keys.
        sign: (private key, message) -> signature in the family's encoding.
        verify: Raises BadSignature unless the encoding, the key and the message fit.
        nonce_point: The part of a signature that must never repeat for another message.
    """

    curve: Curve
    sign: Callable[[Secret, bytes], bytes]
    verify: Callable[[PublicKey, bytes, bytes], None]
    nonce_point: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class SignerFamily:
    """One row: how to read payloads of a family, and how to sign them."""

    load: Callable[[], DecoderFactory]
    scheme: SignatureScheme


def _sign_bitcoin(key: Secret, digest: bytes) -> bytes:
    return ecdsa.sign_der(key, digest) + bytes([SIGHASH_ALL])


def _verify_bitcoin(key: PublicKey, digest: bytes, signature: bytes) -> None:
    if signature[-1:] != bytes([SIGHASH_ALL]):
        raise BadSignature("signature does not end with SIGHASH_ALL")
    ecdsa.verify_der(key, digest, signature[:-1])


def _bitcoin_nonce_point(signature: bytes) -> bytes:
    return ecdsa.parse_der(signature[:-1])[0].to_bytes(32, "big")


def _der_nonce_point(signature: bytes) -> bytes:
    return ecdsa.parse_der(signature)[0].to_bytes(32, "big")


def _first_half(signature: bytes) -> bytes:
    return signature[:32]


BITCOIN_SCHEME = SignatureScheme(Curve.SECP256K1, _sign_bitcoin, _verify_bitcoin, _bitcoin_nonce_point)
RECOVERABLE_SCHEME = SignatureScheme(Curve.SECP256K1, ecdsa.sign_recoverable, ecdsa.verify_recoverable, _first_half)
DER_SCHEME = SignatureScheme(Curve.SECP256K1, ecdsa.sign_der, ecdsa.verify_der, _der_nonce_point)
ED25519_SCHEME = SignatureScheme(Curve.ED25519, ed25519.sign, ed25519.verify, _first_half)


def _decoder(module: str, name: str) -> Callable[[], DecoderFactory]:
    def load() -> DecoderFactory:
        return cast("DecoderFactory", getattr(import_module(f"custody.signers.decoders.{module}"), name))

    return load


FAMILIES: Mapping[str, SignerFamily] = {
    "utxo": SignerFamily(_decoder("utxo", "UtxoDecoder"), BITCOIN_SCHEME),
    "evm": SignerFamily(_decoder("evm", "EvmDecoder"), RECOVERABLE_SCHEME),
    "solana": SignerFamily(_decoder("solana", "SolanaDecoder"), ED25519_SCHEME),
    "xrpl": SignerFamily(_decoder("xrpl", "XrplDecoder"), DER_SCHEME),
    "tron": SignerFamily(_decoder("tron", "TronDecoder"), RECOVERABLE_SCHEME),
}


def family_of(name: str, families: Mapping[str, SignerFamily] = FAMILIES) -> SignerFamily:
    """Return the row of a family.

    Raises:
        Refused: This signer cannot read it.
    """
    try:
        return families[name]
    except KeyError:
        raise Refused(f"no decoder for family {name!r}; known: {', '.join(sorted(families))}", family=name) from None
