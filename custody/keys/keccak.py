"""Keccak-256, the hash of EVM chains and of Tron (the padding before SHA-3 was standardised).

Example:
    >>> keccak256(b"").hex()[:16]
    'c5d2460186f7233c'
"""

from __future__ import annotations

from Crypto.Hash import keccak


def keccak256(message: bytes) -> bytes:
    """Hash a message.

    Returns:
        32 bytes.
    """
    return keccak.new(digest_bits=256, data=message).digest()
