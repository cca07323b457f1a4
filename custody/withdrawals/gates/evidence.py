"""What each of the nine gates looks at, as plain values.

Rules:
    * Evidence is handed in; nothing here asks anybody. What cannot be had is an error of whoever gathers it.
    * Everything a gate judges stands in its evidence, and the evidence goes into the receipt by its hash. Limits that
      an installation sets are part of it, so that a gate that asks for nothing yet says so.
    * Amounts are decimal text in base units: canonical JSON ends at 2**53.

Example:
    BooksEvidence("BTC", reconciled_at_s=1_800_000_000, missing="0")
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Protocol

from custody.primitives.asset import Asset
from custody.primitives.encoding import Json
from custody.primitives.ids import WithdrawalId
from custody.withdrawals.lanes import AnyLane


class Layer(StrEnum):
    """The nine layers, in the order of the receipt."""

    KEYS = "keys"
    QUORUM = "quorum"
    ISOLATION = "isolation"
    POLICY = "policy"
    INTENT = "intent"
    LEDGER = "ledger"
    CONTRACTS = "contracts"
    MONITORING = "monitoring"
    PROOF = "proof"


LAYERS = tuple(Layer)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What one gate looks at; every field is part of it."""

    def as_json(self) -> dict[str, Json]:
        """Return the fields by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


@dataclass(frozen=True, slots=True)
class KeyEvidence(Evidence):
    """Layer 1, of one wallet.

    Attributes:
        description: SHA-256 hex of what its ceremony made public; empty where nothing is known.
        registered: (signer, public key hex) as the ceremony says.
        members: The same as the lane would ask them now.
        threshold: How many of them must sign.
        seen: (signer, when it last answered with that key, seconds since 1970 UTC).
    """

    description: str
    registered: tuple[tuple[str, str], ...]
    members: tuple[tuple[str, str], ...]
    threshold: int
    seen: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class QuorumEvidence(Evidence):
    """Layer 2, of one withdrawal.

    Attributes:
        initiator: Who asked; never counts.
        groups: (name, approver ids, how many different people) that the decision asks for.
        voices: (approver, person, organisation, seconds) of every genuine yes over this intent.
        denied: Who said no.
        max_age_s: How long a yes counts.
        signers: Names of the wallet's signers.
        threshold: How many of them must sign.
    """

    initiator: str
    groups: tuple[tuple[str, tuple[str, ...], int], ...]
    voices: tuple[tuple[str, str, str, int], ...]
    denied: tuple[str, ...]
    max_age_s: int
    signers: tuple[str, ...]
    threshold: int


@dataclass(frozen=True, slots=True)
class IsolationEvidence(Evidence):
    """Layer 3, of one withdrawal.

    Attributes:
        kind, source, destination: The way the money takes, in the words of `rules.EDGES`.
        wallet, tier, chain: The lane that would pay.
        to_chain: Where the destination is.
        units: What leaves.
        large_from: Above how much a customer waits now; empty while all flow.
        waiting: Other payments of the lane that signers or nodes may know of, and no block holds.
        most_waiting: As many may be.
    """

    kind: str
    source: str
    destination: str
    wallet: str
    tier: str
    chain: str
    to_chain: str
    units: str
    large_from: str
    waiting: int
    most_waiting: int


@dataclass(frozen=True, slots=True)
class PolicyEvidence(Evidence):
    """Layer 4, of one withdrawal.

    Attributes:
        outcome: What was decided.
        version, active: Version it was decided under, and the one in force.
        facts, decided_on: Hash of the stored facts, and the one that the decision cites; hex.
        screening: What compliance answered for the decision.
        has_reserved: Whether its share of the limits is reserved.
        has_begun: Whether a signer may have signed under that decision: then a newer version does not undo it.
    """

    outcome: str
    version: int
    active: int
    facts: str
    decided_on: str
    screening: str
    has_reserved: bool
    has_begun: bool


@dataclass(frozen=True, slots=True)
class IntentEvidence(Evidence):
    """Layer 5, of one withdrawal in one payment.

    Attributes:
        intent: Hash of the intent, hex.
        version, decided_version: Policy version that intent and decision cite.
        request, asked: Hash of what the record says was asked, and the one kept with the request; hex.
        plan: SHA-256 of the stored plan, hex.
        pays: How often the decoded plan pays exactly this destination, asset, amount and memo.
        wanted: How often the intents of the payment ask for that.
        payments, intents: How many the plan and the intents have in all.
        fee, fee_max: What the plan pays the chain, and the sum of the caps.
    """

    intent: str
    version: int
    decided_version: int
    request: str
    asked: str
    plan: str
    pays: int
    wanted: int
    payments: int
    intents: int
    fee: str
    fee_max: str


@dataclass(frozen=True, slots=True)
class BooksEvidence(Evidence):
    """The last comparison of chain and books.

    Attributes:
        asset: Symbol of what was compared; empty where this asset is compared with nothing.
        reconciled_at_s: When it was last compared, seconds since 1970 UTC.
        missing: What was missing on chain then; "0" when nothing was.
    """

    asset: str
    reconciled_at_s: int
    missing: str


@dataclass(frozen=True, slots=True)
class LedgerEvidence(Evidence):
    """Layer 6, of one withdrawal.

    Attributes:
        charges: Whether the request charges a customer at all; a treasury move does not.
        record: What the record says of the hold.
        hold: SHA-256 hex of the note that the ledger keeps with the open hold; empty if there is none.
        request: The same of the note that this request makes.
        books: (asset, reconciled at, missing) as in `BooksEvidence`.
    """

    charges: bool
    record: str
    hold: str
    request: str
    books: tuple[str, int, str]


@dataclass(frozen=True, slots=True)
class ContractEvidence(Evidence):
    """Layer 7, of one wallet.

    Attributes:
        form: "account" where the chain keeps owners and threshold, "address" where the address itself commits to them.
        wallet: Which.
        compared_at_s: When the account on chain last was as registered, seconds since 1970 UTC; 0 for an address.
        difference: What differed then; empty if nothing did.
    """

    form: str
    wallet: str
    compared_at_s: int
    difference: str


@dataclass(frozen=True, slots=True)
class MonitorEvidence(Evidence):
    """Layer 8, of one wallet.

    Attributes:
        alive_at_s: When the monitor last said that all its watches run, seconds since 1970 UTC.
        heads: (signer, entries of its audit log, head hex, when it told them) as kept outside the signer.
        broken: Which audit log went back or changed its past; empty if none did.
        threshold: Signers of the wallet that must sign.
        stop: What the breaker stops here; empty while it is closed.
    """

    alive_at_s: int
    heads: tuple[tuple[str, int, str, int], ...]
    broken: str
    threshold: int
    stop: str = ""


@dataclass(frozen=True, slots=True)
class ProofEvidence(Evidence):
    """Layer 9, of one asset.

    Attributes:
        statement: Number of the newest published statement of reserves; 0 before the first.
        cutoff_s: What time it is about, seconds since 1970 UTC; 0 before the first.
        fund, exposure: What the protection fund and the hot wallets hold; both empty where there is no fund.
    """

    statement: int
    cutoff_s: int
    fund: str = ""
    exposure: str = ""


class HouseEvidence(Protocol):
    """Where the evidence about the house comes from; every call answers at once from what was seen last.

    Each raises a `ToolkitError` where it cannot tell; the gate is closed then.
    """

    def keys(self, lane: AnyLane) -> KeyEvidence:
        """Tell what is known of a wallet's keys."""
        ...

    def hold_note(self, withdrawal_id: WithdrawalId) -> bytes | None:
        """Return the note that the ledger keeps with an open hold; None if no hold is open."""
        ...

    def books(self, asset: Asset) -> BooksEvidence:
        """Tell when chain and books of an asset were compared."""
        ...

    def contract(self, lane: AnyLane) -> ContractEvidence:
        """Tell when a wallet was compared with its registration."""
        ...

    def monitor(self, lane: AnyLane) -> MonitorEvidence:
        """Tell whether the monitor lives, and which audit heads it holds."""
        ...

    def proof(self, asset: Asset) -> ProofEvidence:
        """Tell what was published about an asset."""
        ...
