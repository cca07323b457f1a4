"""What a decision is taken on: the request, the circumstances, the use of limits so far.

Rules:
    * Facts are values: whoever gathers them asks the network, the decision does not.
    * Everything a rule may look at stands here and goes into the facts hash.
    * A price is micro-units of the reference currency for one whole coin; it is usable or it is not,
      there is no "roughly".

Example:
    >>> Price(60_000_000_000, at_s=100, anchor_micros=59_000_000_000).is_usable(now_s=130, max_age_s=60)
    True
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from custody.compliance.port import ScreeningVerdict
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.encoding import Json

MAX_PRICE_FACTOR = 3
"""A price three times above or below its anchor is taken for a fault of the feed, not for the market."""
HOUSE = "house"
"""The one key of the scope that covers everybody."""


class Kind(StrEnum):
    """Who moves money, and why."""

    CUSTOMER = "customer"
    TREASURY = "treasury"


class Tier(StrEnum):
    """Wallet tiers by how near they are to the network."""

    HOT = "hot"
    WARM = "warm"
    COLD = "cold"


class DestinationKind(StrEnum):
    """What we know of the place money goes to."""

    ONE_TIME = "one_time"  # given with the request
    BOOK = "book"  # an entry of the customer's address book
    HOT = "hot"  # our own registered wallets
    WARM = "warm"
    COLD = "cold"


class Scope(StrEnum):
    """What a limit adds up over."""

    CUSTOMER = "customer"
    OWNER = "owner"  # all sub-accounts of one person or firm together
    DESTINATION = "destination"
    ASSET = "asset"
    TIER = "tier"
    HOUSE = "house"


@dataclass(frozen=True, slots=True)
class Price:
    """What one whole coin is worth.

    Attributes:
        micros: Millionths of the reference currency for one whole coin.
        at_s: When it was observed, seconds since 1970 UTC.
        anchor_micros: An independent, slower price to compare with.
    """

    micros: int
    at_s: int
    anchor_micros: int

    def is_usable(self, now_s: int, max_age_s: int) -> bool:
        """Tell whether the price is positive, fresh, and near its anchor."""
        if self.micros <= 0 or self.anchor_micros <= 0:
            return False
        near = self.micros < self.anchor_micros * MAX_PRICE_FACTOR and self.anchor_micros < self.micros * (
            MAX_PRICE_FACTOR
        )
        return near and 0 <= now_s - self.at_s <= max_age_s


@dataclass(frozen=True, slots=True)
class Destination:
    """What is known of the destination.

    Attributes:
        kind: One-time, address book, or one of our registered wallets.
        added_at_s: When the book entry was made; None otherwise.
        added_by: Approver or customer who made the entry: never counts as an approver for it.
        resembles: Which trusted place it could be mistaken for, and how; empty if none. Waits (attack C19).
        compared_by: Officer who compared it in full with what the customer meant; empty if nobody did.
    """

    kind: DestinationKind
    added_at_s: int | None = None
    added_by: str = ""
    resembles: str = ""
    compared_by: str = ""

    @property
    def is_doubtful(self) -> bool:
        """Tell whether an officer must compare it first."""
        return bool(self.resembles) and not self.compared_by


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked, before anything is decided.

    Attributes:
        withdrawal_id: The request.
        kind: Customer withdrawal or treasury move.
        customer: Who is charged; empty for the treasury.
        initiator: Who asked: the customer id, or the officer's approver id.
        to: Destination.
        amount: What it receives.
        memo: Memo or destination tag; empty for none.
    """

    withdrawal_id: str
    kind: Kind
    customer: str
    initiator: str
    to: Address
    amount: Amount
    memo: str


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What the house knows around a request; gathered by `FactSource`.

    Attributes:
        owner: Person or firm behind the customer: sub-accounts share it.
        kyc_level: 0 for unknown.
        source: Wallet tier that would pay.
        destination: What is known of the destination.
        security_hold_until_s: New network address, password or second factor reset: wait until then.
        price: Reference price of the asset; None if there is none.
        frozen: Why nothing of this customer may leave; empty if it may. Blocks.
        unsettled: Which credits could still be reversed and are not covered by the account; empty if none. Waits.
        people: How many people must approve at least, whatever the rules ask: refills of a day need ever more.
    """

    owner: str
    kyc_level: int
    source: Tier
    destination: Destination
    security_hold_until_s: int = 0
    price: Price | None = None
    frozen: str = ""
    unsettled: str = ""
    people: int = 0


@dataclass(frozen=True, slots=True)
class UsageKey:
    """One sum a limit needs.

    Attributes:
        scope: What it adds up over.
        value: Whose: a customer, an owner, "chain:address", an asset key, a tier, or the house.
        asset: Asset key for sums in base units; None for sums in the reference currency.
        window_s: How far back, in seconds.
    """

    scope: Scope
    value: str
    asset: str | None
    window_s: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything a decision looks at.

    Attributes:
        now_s: Time of the decision, seconds since 1970 UTC.
        circumstances: What the house knows.
        screening: What compliance answered.
        usage: Sum per key without this request: base units, or micro-units of the reference currency.
    """

    now_s: int
    circumstances: Circumstances
    screening: ScreeningVerdict
    usage: Mapping[UsageKey, int] = field(default_factory=dict)

    def as_json(self) -> Json:
        """Return the canonical form that is stored and hashed; large numbers as text."""
        known, price = self.circumstances, self.circumstances.price
        return {
            "now_s": self.now_s,
            "owner": known.owner,
            "kyc_level": known.kyc_level,
            "source": known.source.value,
            "destination": known.destination.kind.value,
            "destination_added_at_s": known.destination.added_at_s,
            "destination_added_by": known.destination.added_by,
            "destination_resembles": known.destination.resembles,
            "destination_compared_by": known.destination.compared_by,
            "security_hold_until_s": known.security_hold_until_s,
            "price": None if price is None else [str(price.micros), price.at_s, str(price.anchor_micros)],
            "frozen": known.frozen,
            "unsettled": known.unsettled,
            "people": known.people,
            "screening": self.screening.value,
            "usage": sorted(
                [key.scope.value, key.value, key.asset or "", str(key.window_s), str(total)]
                for key, total in self.usage.items()
            ),
        }


def scope_value(scope: Scope, ask: Ask, known: Circumstances) -> str:
    """Name whose sum a limit of this scope adds up for this request."""
    return {
        Scope.CUSTOMER: ask.customer,
        Scope.OWNER: known.owner,
        Scope.DESTINATION: f"{ask.to.chain}:{ask.to.text}",
        Scope.ASSET: ask.amount.asset.key,
        Scope.TIER: known.source.value,
        Scope.HOUSE: HOUSE,
    }[scope]


def reference_micros(amount: Amount, price: Price) -> int:
    """Value an amount in micro-units of the reference currency, rounded up so that dust still counts."""
    return -(-amount.units * price.micros // amount.asset.unit)
