"""Waiting for a local chain to be as far as a step of the set-up needs."""

from __future__ import annotations

import time
from collections.abc import Callable

from custody.chains.tron.setup import SetUpRefused
from custody.primitives.errors import VerificationFailed

WAIT_S = 60
_POLL_S = 0.2


def until_it_stands(step: Callable[[], object]) -> None:
    """Try a check, or a step that may be repeated, until it holds; after a minute its error is raised."""
    until = time.monotonic() + WAIT_S
    while True:
        try:
            step()
        except (VerificationFailed, SetUpRefused):
            if time.monotonic() > until:
                raise
        else:
            return
        time.sleep(_POLL_S)
