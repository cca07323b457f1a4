"""Keccak-256 as EVM contracts use it: hashes and function selectors.

Example:
    >>> selector("transfer(address,uint256)").hex()
    'a9059cbb'
"""

from __future__ import annotations

from custody.keys.keccak import keccak256

__all__ = ["keccak256", "selector"]


def selector(signature: str) -> bytes:
    """First four bytes of the hash of a function signature, e.g. "transfer(address,uint256)"."""
    return keccak256(signature.encode())[:4]
