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
from custody.keys.signing_key import SigningKey
from custody.primitives.errors import BadSignature, Refused
from custody.signers.port import Decoder

DecoderFactory = Callable[[Mapping[str, object], Mapping[str, PublicKey]], Decoder]
"""(registration, our public keys by path) -> decoder bound to that wallet."""

SIGHASH_ALL = 1


@dataclass(frozen=True, slots=True)
class SignatureScheme:
    """How one family signs.

    Attributes:
        curve: Of its keys.
        sign: (key, message) -> signature in the family's encoding.
        verify: Raises BadSignature unless the encoding, the key and the message fit.
        nonce_point: The part of a signature that must never repeat for another message.
    """

    curve: Curve
    sign: Callable[[SigningKey, bytes], bytes]
    verify: Callable[[PublicKey, bytes, bytes], None]
    nonce_point: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class SignerFamily:
    """One row: how to read payloads of a family, and how to sign them.

    Attributes:
        load: Imports the decoder.
        scheme: Curve and encoding.
        splits_key: Our member key is a share of the group's key, sealed beside the keystore.
        descends: Each address has a key of its own below the registered path, which only a seed can derive.
    """

    load: Callable[[], DecoderFactory]
    scheme: SignatureScheme
    splits_key: bool = False
    descends: bool = False


def _sign_bitcoin(key: SigningKey, digest: bytes) -> bytes:
    return _sign_der(key, digest) + bytes([SIGHASH_ALL])


def _sign_der(key: SigningKey, digest: bytes) -> bytes:
    return ecdsa.to_der(key.sign(digest))


def _sign_raw(key: SigningKey, message: bytes) -> bytes:
    return key.sign(message)


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
RECOVERABLE_SCHEME = SignatureScheme(Curve.SECP256K1, _sign_raw, ecdsa.verify_recoverable, _first_half)
DER_SCHEME = SignatureScheme(Curve.SECP256K1, _sign_der, ecdsa.verify_der, _der_nonce_point)
ED25519_SCHEME = SignatureScheme(Curve.ED25519, _sign_raw, ed25519.verify, _first_half)


def _decoder(module: str, name: str) -> Callable[[], DecoderFactory]:
    def load() -> DecoderFactory:
        return cast("DecoderFactory", getattr(import_module(f"custody.signers.decoders.{module}"), name))

    return load


FAMILIES: Mapping[str, SignerFamily] = {
    "utxo": SignerFamily(_decoder("utxo", "UtxoDecoder"), BITCOIN_SCHEME, descends=True),
    "evm": SignerFamily(_decoder("evm", "EvmDecoder"), RECOVERABLE_SCHEME),
    "solana": SignerFamily(_decoder("solana", "SolanaDecoder"), ED25519_SCHEME),
    "tron": SignerFamily(_decoder("tron", "TronDecoder"), RECOVERABLE_SCHEME),
    "xrpl": SignerFamily(_decoder("xrpl", "XrplDecoder"), DER_SCHEME),
    "solana-frost": SignerFamily(_decoder("solana_frost", "FrostDecoder"), ED25519_SCHEME, splits_key=True),
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


def require_stored_keys_suffice(name: str, family: SignerFamily) -> None:
    """Check that a family can be served by keys that are stored one by one, as in a token, with no seed behind them.

    Raises:
        Refused: Its addresses need child keys, or its key is a share sealed under the seed.
    """
    if family.descends:
        raise Refused(
            f"family {name} derives a child key for each address, which no token can: it needs a signer with a"
            " keystore; a token serves account chains",
            family=name,
        )
    if family.splits_key:
        raise Refused(f"family {name} signs by a share sealed under the seed: it needs a keystore", family=name)
