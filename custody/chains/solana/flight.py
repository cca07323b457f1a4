"""Which durable nonces are free, and what payments in flight will still take.

Rules:
    * A nonce is free only if its finalized and its confirmed value are the same and no payment holds it.
    * What a payment takes counts until its nonce has moved; where a nonce's value is unclear, it counts.

Example:
    values = nonce_values(node, wallet.nonce_accounts, authority)
    taken_in_flight(values, reserved)["an account"]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence, Set

from custody.chains.solana.accounts import parse_nonce_account
from custody.chains.solana.node import SolanaNode
from custody.chains.solana.state import NONCE_KEY, Nonce, ReservedSpend


def nonce_values(node: SolanaNode, accounts: Sequence[str], authority: str) -> dict[str, str | None]:
    """Value of each nonce account; None where the two views differ, or where it is not the authority's nonce."""
    final = [parse_nonce_account(raw) for raw in node.accounts(accounts, "finalized")]
    newest = [parse_nonce_account(raw) for raw in node.accounts(accounts, "confirmed")]
    return {
        account: (old.value if old and old == new and old.authority == authority else None)
        for account, old, new in zip(accounts, final, newest, strict=True)
    }


def free_nonces(values: Mapping[str, str | None], reserved: Set[str]) -> tuple[Nonce, ...]:
    """Nonces that no reservation holds."""
    held = {Nonce.parse_key(name).account for name in reserved if name.startswith(f"{NONCE_KEY}:")}
    return tuple(
        Nonce(account, value) for account, value in values.items() if value is not None and account not in held
    )


def taken_in_flight(values: Mapping[str, str | None], reserved: Set[str]) -> Counter[str]:
    """Units that payments in flight will take, by account."""
    taken = Counter[str]()
    for spend in (ReservedSpend.parse(name) for name in reserved):
        if spend is not None and values.get(spend.nonce.account) in (None, spend.nonce.value):
            taken[spend.account] += spend.units
    return taken
