"""Rows of text in columns as wide as their longest entry, so that the next longer name moves nothing out of line.

Example:
    >>> aligned([("bitcoin-regtest", "node"), ("bsc-local", "node (anvil)")])
    ['bitcoin-regtest  node', 'bsc-local        node (anvil)']
"""

from __future__ import annotations

from collections.abc import Sequence


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return one line a row; every row has as many entries as the first."""
    widths = [max(len(entry) for entry in column) for column in zip(*rows, strict=True)]
    return ["  ".join(entry.ljust(width) for entry, width in zip(row, widths, strict=True)).rstrip() for row in rows]
