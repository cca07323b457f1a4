"""Rows and constants of the XRP Ledger family.

Rules:
    * A network is a row; nothing else in this package knows which network it is on.
    * A transaction names its network where the protocol lets it (ids above 1024). Main net and test net cannot be
      told apart in the bytes: never use one seed on both.

Example:
    >>> LOCAL.native.symbol
    'XRP'
"""

from __future__ import annotations

from dataclasses import dataclass

from custody.primitives.asset import Asset
from custody.primitives.chain import Chain, ChainId, Family
from custody.primitives.errors import InvalidInput, UnknownChain

MAX_MEMBERS = 32
"""Entries of a signer list."""
MAX_TICKETS = 250
"""Tickets that an account can hold, and that one TicketCreate can make."""
MAX_TAG = 2**32 - 1
MAX_DROPS = 10**17
"""All XRP there are."""
MAX_LIFE_LEDGERS = 200
"""Longest life of a transaction of ours, and how far back the search for it goes: a node keeps 256 ledgers unless told
otherwise, and searches 1000 at most."""
LAST_ID_WITHOUT_FIELD = 1024
"""Networks with a larger id want it in every transaction, the others refuse it."""


@dataclass(frozen=True, slots=True)
class XrplParams:
    """One network.

    Attributes:
        chain: The network; heights are indexes of validated ledgers, which are final.
        native: XRP, 6 decimals; the base unit is the drop.
        network_id: What `server_state` must answer.
        life_ledgers: Ledgers from planning to LastLedgerSequence; about 4 s each.
        max_fee_drops: Most we ever pay for one transaction, whatever the load and the caps of intents.
    """

    chain: Chain
    native: Asset
    network_id: int
    life_ledgers: int = 75
    max_fee_drops: int = 2_000_000

    def __post_init__(self) -> None:
        if not 1 <= self.life_ledgers <= MAX_LIFE_LEDGERS:
            raise InvalidInput(f"{self.chain.id}: life of {self.life_ledgers} ledgers, want 1 to {MAX_LIFE_LEDGERS}")

    @property
    def names_network(self) -> bool:
        """Whether a transaction carries NetworkID."""
        return self.network_id > LAST_ID_WITHOUT_FIELD


def _row(name: str, network: str, network_id: int) -> XrplParams:
    # A validated ledger never changes: one depth credits and is final.
    chain = Chain(ChainId(name), Family.XRPL, network, f"xrpl:{network_id}", credit_depth=1, final_depth=1)
    return XrplParams(chain, Asset("XRP", 6, chain.id), network_id)


MAINNET = _row("xrpl", "mainnet", 0)
TESTNET = _row("xrpl-testnet", "testnet", 1)
LOCAL = _row("xrpl-local", "local", 63456)
ROWS = (MAINNET, TESTNET, LOCAL)


def row(chain: str) -> XrplParams:
    """Look a network up.

    Raises:
        UnknownChain: No such row.
    """
    found = next((each for each in ROWS if each.chain.id == chain), None)
    if found is None:
        names = ", ".join(each.chain.id for each in ROWS)
        raise UnknownChain(f"unknown XRP Ledger network {chain!r}; known: {names}", chain=chain)
    return found
