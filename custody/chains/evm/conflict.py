"""Conflict keys and reservations of the EVM family, as text.

Rules:
    * A counter value is reserved by its name alone: two payments never hold the same one.
    * What a waiting payment will take is reserved next to it, under the counter value that takes it: until that
      value is used on chain the coins are promised, afterwards the balance is lower by itself.

Example:
    >>> nonce_key(31337, "0xAb" + "00" * 19, 4)
    'safe:31337:0xab00000000000000000000000000000000000000:4'
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
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


def owed_key(chain_id: int, account: str, nonce: int, contract: str | None, units: int) -> str:
    """What one counter value of a Safe or an account will take out of it.

    Args:
        chain_id, account, nonce: Whose counter value.
        contract: Token taken; None for the native coin.
        units: Base units.
    """
    return f"{_owed_of(chain_id, account)}{nonce}:{_contract_part(contract)}:{units}"


def promised(reserved: Set[str], chain_id: int, account: str, first: int) -> Mapping[str | None, int]:
    """Base units that waiting transactions will take out of an account, per token contract; None is the native coin.

    Args:
        reserved: Reservations of all live payments.
        chain_id, account: Whose.
        first: Lowest counter value that is not used on chain; what lower ones took has left the balance.
    """
    most: dict[tuple[int, str | None], int] = {}
    prefix = _owed_of(chain_id, account)
    for name in reserved:
        if name.startswith(prefix):
            nonce, contract, units = name.removeprefix(prefix).split(":")
            place = int(nonce), contract or None
            # Several attempts of one payment: at most one of them is mined, so the dearest counts.
            most[place] = max(most.get(place, 0), int(units))
    sums: dict[str | None, int] = {}
    for (nonce_value, contract_text), units_value in most.items():
        if nonce_value >= first:
            sums[contract_text] = sums.get(contract_text, 0) + units_value
    return sums


def reserved_nonces(reserved: Set[str], prefix_of: str) -> frozenset[int]:
    """Counter values held in a row of names that differ in their last part only.

    Args:
        reserved: Reservations of all live payments.
        prefix_of: Any name of the row, from `nonce_key` or `account_key`.
    """
    return frozenset(_last_parts(reserved, prefix_of.rpartition(":")[0] + ":"))


def _last_parts(reserved: Set[str], prefix: str) -> Iterator[int]:
    for name in reserved:
        last = name.removeprefix(prefix)
        if last != name and last.isdigit():
            yield int(last)


def _owed_of(chain_id: int, account: str) -> str:
    return f"owed:{chain_id}:{account.lower()}:"


def _contract_part(contract: str | None) -> str:
    return "" if contract is None else contract.lower()


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
