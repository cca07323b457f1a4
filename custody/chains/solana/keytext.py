"""Keys, hashes and signatures as Solana writes them: base58 without checksum."""

from __future__ import annotations

import base58


def key_text(raw: bytes) -> str:
    """Write bytes in base58."""
    return str(base58.b58encode(raw), "ascii")
