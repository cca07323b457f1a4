"""Conflict keys and reservations of the EVM family, as text.

Example:
    >>> nonce_key(31337, "0xAb" + "00" * 19, 4)
    'safe:31337:0xab00000000000000000000000000000000000000:4'
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.chains.evm.address import checksum
from custody.chains.evm.safe_tx import SafeTx
from custody.primitives.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class ConflictKey:
    """A parsed conflict key.

    Attributes:
        kind: "safe" for an execution of a Safe, "evm" for a plain account.
        chain_id: EIP-155 chain id.
        account: Safe or account, EIP-55.
        nonce: Its counter.
        safe_tx_hash: 64 hex digits for a Safe, empty for an account.
    """

    kind: str
    chain_id: int
    account: str
    nonce: int
    safe_tx_hash: str


def nonce_key(chain_id: int, safe: str, nonce: int) -> str:
    """Reservation of one Safe nonce."""
    return f"safe:{chain_id}:{safe.lower()}:{nonce}"


def safe_key(safe_tx: SafeTx) -> str:
    """Conflict key of an execution: its nonce and what is executed."""
    return f"{nonce_key(safe_tx.chain_id, safe_tx.safe, safe_tx.nonce)}:{safe_tx.hash().hex()}"


def account_key(chain_id: int, account: str, nonce: int) -> str:
    """Reservation, or conflict key, of one nonce of an ordinary account."""
    return f"evm:{chain_id}:{account.lower()}:{nonce}"


def parse_conflict_key(text: str) -> ConflictKey:
    """Read a conflict key.

    Raises:
        InvalidInput: Not one of this family.
    """
    parts = text.split(":")
    try:
        kind, chain_id, account, nonce, *rest = parts
        raw = bytes.fromhex(account.removeprefix("0x"))
        parsed = ConflictKey(kind, int(chain_id), checksum(raw), int(nonce), "".join(rest))
    except ValueError as error:
        raise InvalidInput(f"not a conflict key of an EVM chain: {text[:200]!r}") from error
    if (kind, len(rest)) not in (("safe", 1), ("evm", 0)):
        raise InvalidInput(f"not a conflict key of an EVM chain: {text[:200]!r}")
    return parsed
