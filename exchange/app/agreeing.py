"""A chain with two nodes: deposits count, and payments are final, failed or dead, where both agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlsplit

from custody.wallets.agreeing import AgreeingSource, Named
from exchange.app.chain_parts import ChainParts, Ingredients


def agreeing(part: ChainParts, given: Ingredients, family: Callable[[Ingredients], ChainParts]) -> ChainParts:
    """Put the second node of a chain beside the first.

    The family connects to it as to the first: it checks the network and every wallet there, too.

    Args:
        part: Over the first node.
        given: What it was built from.
        family: Builds parts.

    Raises:
        WrongNetwork, VerificationFailed: The second node is of another network, or shows other wallets.
        NodeUnavailable: It does not answer.
        InvalidInput: Both are the same node.
    """
    spec = given.chain
    second = family(replace(given, chain=replace(spec, url=spec.second_url, cookie=spec.second_cookie)))
    nodes = [Named(_place(url), each.lane.reader) for url, each in ((spec.url, part), (spec.second_url, second))]
    source = AgreeingSource(nodes)
    # What frees money must be seen by both, too: one node alone could call a payment dead that it hides.
    lane = replace(part.lane, witnesses=(*part.lane.witnesses, second.lane.reader))
    warm = part.warm
    if warm is not None and second.warm is not None:
        witnesses = (*warm.lane.witnesses, second.warm.lane.reader)
        warm = replace(warm, lane=replace(warm.lane, witnesses=witnesses))
    return replace(
        part, lane=lane, warm=warm, source=source, sources=f"{len(nodes)} sources agree: {', '.join(source.names)}"
    )


def _place(url: str) -> str:
    """Host and port; never the rest, which may hold a key of the provider."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port}" if parts.port else str(parts.hostname)
