"""Who may call: everything that changes something, or shows a customer, needs the bearer token.

Public without a token: status, markets, listings, published statements and the pages made of them.
"""

from __future__ import annotations

import hmac
from collections.abc import Callable

from fastapi import Request

from custody.primitives.errors import InvalidInput
from exchange.api.faults import NotAuthorised

_SCHEME = "Bearer "
MIN_TOKEN_CHARS = 16
"""A shorter one could be guessed; an empty one would let everybody in."""


def token_check(token: str) -> Callable[[Request], None]:
    """Make the dependency that demands the token.

    Args:
        token: What must be presented; compared in constant time.

    Raises:
        InvalidInput: The token is missing or too short to be a secret.
    """
    if len(token) < MIN_TOKEN_CHARS:
        raise InvalidInput(f"the bearer token has {len(token)} characters, at least {MIN_TOKEN_CHARS}")

    def check(request: Request) -> None:
        given = request.headers.get("authorization", "")
        if not (given.startswith(_SCHEME) and hmac.compare_digest(given[len(_SCHEME) :].encode(), token.encode())):
            raise NotAuthorised("a valid bearer token is required")

    return check
