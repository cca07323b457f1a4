"""The screening of an installation: its sanctions lists, which a local one may be without."""

from __future__ import annotations

from custody.chains.mechanisms import MECHANISMS
from custody.compliance.list_folder import ListFolder
from custody.primitives.clock import SystemClock
from exchange.app.blueprint import Blueprint
from exchange.app.home import Home

_LOCAL = frozenset(mechanism.local for mechanism in MECHANISMS.values())


def screening_of(home: Home, blueprint: Blueprint) -> ListFolder:
    """Open the lists; one chain with real money, and a missing list stops every deposit and withdrawal.

    Args:
        home: Below which the lists lie.
        blueprint: Which chains there are.
    """
    has_real_money = any(spec.chain not in _LOCAL for spec in blueprint.chains)
    return ListFolder(home.sanctions, SystemClock(), has_real_money=has_real_money)
