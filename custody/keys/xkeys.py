"""Text forms of extended keys: xpub, xprv and their test-network twins tpub, tprv.

Rules:
    * A key decodes only if every field is in range: version, depth, parent, index, prefix, point, scalar.
    * The network of the version bytes is returned, so that a test key never passes for a real one.

Example:
    network, node = decode_xpub("xpub661MyMwAqRbc...")
    encode_xpub(node, network)

Spec: BIP-32 serialization format, and its list of invalid extended keys.
"""

from __future__ import annotations

from enum import Enum

import base58

from custody.keys.hd import InvalidKey, Place, PrivateNode, PublicNode
from custody.primitives.secret import Secret

_RAW_BYTES = 78
_MAX_TEXT_CHARS = 120  # 111 characters in practice


class KeyNetwork(Enum):
    """Which networks an extended key is for; Litecoin and Dogecoin use Bitcoin's versions here."""

    MAIN = "main"
    TEST = "test"


_PUBLIC = {KeyNetwork.MAIN: bytes.fromhex("0488b21e"), KeyNetwork.TEST: bytes.fromhex("043587cf")}
_PRIVATE = {KeyNetwork.MAIN: bytes.fromhex("0488ade4"), KeyNetwork.TEST: bytes.fromhex("04358394")}


def encode_xpub(node: PublicNode, network: KeyNetwork) -> str:
    """Write an extended public key (xpub..., tpub...)."""
    return _encode(_PUBLIC[network], node.place, node.chain_code, node.key)


def encode_xprv(node: PrivateNode, network: KeyNetwork) -> Secret:
    """Write an extended private key (xprv..., tprv...) as ASCII inside a `Secret`."""
    text = _encode(_PRIVATE[network], node.place, node.chain_code, b"\x00" + node.key.reveal())
    return Secret(text.encode())


def decode_xpub(text: str) -> tuple[KeyNetwork, PublicNode]:
    """Read an extended public key.

    Raises:
        InvalidKey: Checksum, version, depth, parent, index, prefix or point is wrong.
    """
    network, place, chain_code, key = _decode(text, _PUBLIC)
    return network, PublicNode(key, chain_code, place)


def decode_xprv(text: Secret) -> tuple[KeyNetwork, PrivateNode]:
    """Read an extended private key.

    Raises:
        InvalidKey: Checksum, version, depth, parent, index, prefix or scalar is wrong.
    """
    network, place, chain_code, key = _decode(text.reveal().decode("ascii", "replace"), _PRIVATE)
    if key[0] != 0:
        raise InvalidKey("an extended private key has a zero byte in front of the key")
    return network, PrivateNode(Secret(key[1:]), chain_code, place)


def _encode(version: bytes, place: Place, chain_code: bytes, key: bytes) -> str:
    raw = version + bytes([place.depth]) + place.parent + place.index.to_bytes(4, "big") + chain_code + key
    text: bytes = base58.b58encode_check(raw)
    return text.decode("ascii")


def _decode(text: str, versions: dict[KeyNetwork, bytes]) -> tuple[KeyNetwork, Place, bytes, bytes]:
    if len(text) > _MAX_TEXT_CHARS:
        raise InvalidKey(f"extended key of {len(text)} characters")
    try:
        raw = base58.b58decode_check(text)
    except ValueError:
        # The text may be a private key: neither the message nor the cause may repeat it.
        raise InvalidKey("extended key: not base58, or the checksum is wrong") from None
    if len(raw) != _RAW_BYTES:
        raise InvalidKey(f"extended key decodes to {len(raw)} bytes, not {_RAW_BYTES}")
    network = next((network for network, version in versions.items() if version == raw[:4]), None)
    if network is None:
        raise InvalidKey(f"extended key: version {raw[:4].hex()} is not expected here")
    return network, Place(raw[4], raw[5:9], int.from_bytes(raw[9:13], "big")), raw[13:45], raw[45:]
