"""A balance as of a past slot, from what later transactions found when they began.

A node keeps present balances only, but each transaction's record says what every account held before
it. The first transaction after a slot therefore tells the balance at the end of that slot; if there is
none, the present balance is it.

Example:
    balance_at(node, account, None, (slot, lamports_now))
"""

from __future__ import annotations

from typing import Any

from custody.chains.solana.node import MAX_SIGNATURES_PER_CALL, HistoryEntry, SolanaNode
from custody.primitives.errors import NodeUnavailable

MAX_HISTORY_PAGES = 20
"""20,000 transactions of one account since the slot asked for."""


def balance_at(node: SolanaNode, account: str, mint: str | None, known: tuple[int, int]) -> int:
    """Return what an account held at the end of a slot.

    Args:
        node: Whom to ask.
        account: Address of the account.
        mint: Token whose units are meant; None for lamports.
        known: The slot, and the present balance in units.

    Raises:
        NodeUnavailable: No answer; the slot is not final yet; or too many transactions since.
    """
    slot, now = known
    if node.slot("finalized") < slot:
        raise NodeUnavailable(f"slot {slot} is not final yet", slot=slot)
    first = _first_after(node, account, slot)
    if first is None:
        return _unchanged_since(node, account, now)
    record = node.transaction(first.txid)
    if record is None:
        raise NodeUnavailable(f"transaction {first.txid} of the history is not found", txid=first.txid)
    try:
        return _balance_before(record, account, mint)
    except (KeyError, TypeError, ValueError) as error:
        raise NodeUnavailable(f"transaction {first.txid} of unknown shape: {error!r}") from error


def _first_after(node: SolanaNode, account: str, slot: int) -> HistoryEntry | None:
    oldest: HistoryEntry | None = None
    before = None
    for _ in range(MAX_HISTORY_PAGES):
        page = node.history(account, before)
        later = [entry for entry in page if entry.slot > slot]
        if later:
            oldest = later[-1]
        if len(later) < MAX_SIGNATURES_PER_CALL:
            return oldest
        before = later[-1].txid
    raise NodeUnavailable(f"{account}: more than {MAX_HISTORY_PAGES} pages of history since slot {slot}")


def _unchanged_since(node: SolanaNode, account: str, now: int) -> int:
    # The present balance was read as confirmed; it stands for the slot only if nothing is on its way.
    if node.accounts([account], "finalized") != node.accounts([account], "confirmed"):
        raise NodeUnavailable(f"{account} changes just now; ask again when that is final")
    return now


def _balance_before(record: dict[str, Any], account: str, mint: str | None) -> int:
    meta = record["meta"]
    loaded = meta.get("loadedAddresses") or {"writable": [], "readonly": []}
    keys = [*record["transaction"]["message"]["accountKeys"], *loaded["writable"], *loaded["readonly"]]
    position = keys.index(account)
    if mint is None:
        return int(meta["preBalances"][position])
    entries = (entry for entry in meta["preTokenBalances"] if entry["accountIndex"] == position)
    return next((int(entry["uiTokenAmount"]["amount"]) for entry in entries if entry["mint"] == mint), 0)
