"""Whose money a transaction moved: who signed it, and every place that holds less afterwards.

Rules:
    * The fee payer and all other signers count: a delegate moves what another one owns.
    * An account that lost lamports or tokens counts by its owner where the record names one, else by itself.
    * More is named than strictly paid: a screening that asks once too often is cheaper than one that misses.

Example:
    senders_of(entry)  # of getBlock with details "accounts"
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def senders_of(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Name the senders of one transaction, each once, the fee payer first.

    Args:
        entry: Of the answer of getBlock with details "accounts".

    Raises:
        KeyError, TypeError, IndexError, ValueError: Of another shape.
    """
    keys = entry["transaction"]["accountKeys"]
    signers = [key["pubkey"] for place, key in enumerate(keys) if place == 0 or key.get("signer") is True]
    return tuple(dict.fromkeys((*signers, *_losers(entry["meta"], [key["pubkey"] for key in keys]))))


def _losers(meta: Mapping[str, Any], keys: list[str]) -> Iterator[str]:
    before, after = (_tokens(meta[side]) for side in ("preTokenBalances", "postTokenBalances"))
    for place, key in enumerate(keys):
        owner, held = before.get(place, (None, 0))
        left = after.get(place, (None, 0))[1]
        if left < held or meta["postBalances"][place] < meta["preBalances"][place]:
            yield owner or key


def _tokens(entries: list[Mapping[str, Any]] | None) -> dict[int, tuple[str | None, int]]:
    return {
        entry["accountIndex"]: (entry.get("owner"), int(entry["uiTokenAmount"]["amount"])) for entry in entries or ()
    }
