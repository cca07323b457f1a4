"""The nine gates: evidence in, the reason why a gate is closed out; "" where it is open.

Rules:
    * Pure: no clock, no network, no store. A gate says one stable sentence, never an age: what waits says it once.
    * Missing evidence is `closed`, whoever failed to gather it.
    * One gate, one function, one line in the table.

Example:
    result = judge(Layer.KEYS, evidence, Moment(rules, now_ms))
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from custody.primitives.encoding import Json, canonical_json, digest
from custody.primitives.errors import ToolkitError
from custody.primitives.ids import Digest
from custody.withdrawals.facts import Kind
from custody.withdrawals.gates.evidence import (
    BooksEvidence,
    ContractEvidence,
    Evidence,
    IntentEvidence,
    IsolationEvidence,
    KeyEvidence,
    Layer,
    LedgerEvidence,
    MonitorEvidence,
    PolicyEvidence,
    ProofEvidence,
    QuorumEvidence,
)
from custody.withdrawals.gates.rules import PPM, GateRules
from custody.withdrawals.rules import EDGES, Outcome

EVIDENCE_TAG = "mext/gate-evidence/1"
CLEAR = "clear"
HELD = "held"
ADDRESS, ACCOUNT = "address", "account"


@dataclass(frozen=True, slots=True)
class Moment:
    """Under which limits, and when: milliseconds since 1970 UTC."""

    rules: GateRules
    now_ms: int

    @property
    def now_s(self) -> int:
        """The same in seconds."""
        return self.now_ms // 1_000

    def is_fresh(self, at_s: int, max_age_s: int) -> bool:
        """Tell whether something is not older than it may be; a time that far ahead is no better."""
        return abs(self.now_s - at_s) <= max_age_s


@dataclass(frozen=True, slots=True)
class GateResult:
    """What a gate said.

    Attributes:
        layer: Which gate.
        ok: Whether it is open.
        evidence: Canonical JSON it was judged on, with the limits that were asked.
        at_ms: When, milliseconds since 1970 UTC.
        reason: Why it is closed; empty if it is open.
    """

    layer: Layer
    ok: bool
    evidence: bytes
    at_ms: int
    reason: str = ""

    @property
    def evidence_hash(self) -> Digest:
        """What the receipt keeps of the evidence, 32 bytes."""
        return evidence_hash(self.layer, self.evidence)


def evidence_hash(layer: str, evidence: bytes) -> Digest:
    """Hash the evidence of a gate: 32 bytes."""
    return digest(EVIDENCE_TAG, layer, evidence)


def judge(layer: Layer, evidence: Evidence, moment: Moment) -> GateResult:
    """Judge one layer's evidence."""
    reason = GATES[layer](evidence, moment)
    asked: dict[str, Json] = {name: getattr(moment.rules, name) for name in _ASKED.get(layer, ())}
    return GateResult(layer, not reason, canonical_json({**evidence.as_json(), "asked": asked}), moment.now_ms, reason)


def closed(layer: Layer, error: ToolkitError, moment: Moment) -> GateResult:
    """Say that a layer has no evidence: its gate is closed."""
    missing = canonical_json({"missing": error.code})
    return GateResult(
        layer, ok=False, evidence=missing, at_ms=moment.now_ms, reason=f"no evidence: {error.code}: {error.message}"
    )


def keys_gate(found: KeyEvidence, moment: Moment) -> str:
    """The wallet's keys are those of its ceremony, and enough signers showed them lately."""
    if not found.description:
        return "no ceremony of this wallet is known"
    if set(found.registered) != set(found.members) or len(set(found.members)) != len(found.members):
        return "the keys are not those of the ceremony"
    fresh = {name for name, at_s in found.seen if moment.is_fresh(at_s, moment.rules.max_keys_age_s)}
    shown = fresh & {name for name, _ in found.members}
    if len(shown) < found.threshold:
        return f"fewer than {found.threshold} signers showed their keys lately"
    return ""


def quorum_gate(found: QuorumEvidence, moment: Moment) -> str:
    """Every group reached its number of different people, and as many different signers as asked must sign."""
    if found.threshold < moment.rules.min_signers or len(set(found.signers)) < found.threshold:
        return f"{found.threshold} of {len(set(found.signers))} signers, at least {moment.rules.min_signers} must sign"
    if found.denied:
        return f"{found.denied[0]} said no"
    counted = [
        (approver, person, organisation)
        for approver, person, organisation, at_s in found.voices
        if moment.is_fresh(at_s, found.max_age_s) and found.initiator not in (approver, person)
    ]
    for name, approvers, threshold in found.groups:
        people = {person for approver, person, _ in counted if approver in approvers}
        if len(people) < threshold:
            return f"group {name} has not reached its {threshold} people"
    organisations = {organisation for _, _, organisation in counted}
    if found.groups and len(organisations) < moment.rules.min_organisations:
        return f"fewer than {moment.rules.min_organisations} organisations approved"
    return ""


def isolation_gate(found: IsolationEvidence, _moment: Moment) -> str:
    """Money takes an allowed way, from the tier that was decided, and neither throttle nor lane is passed."""
    ways = {(kind.value, source.value, destination.value) for kind, source, destination in EDGES}
    if (found.kind, found.source, found.destination) not in ways:
        return f"{found.kind} money does not go from {found.source} to {found.destination}"
    if found.tier != found.source or found.chain != found.to_chain:
        return f"wallet {found.wallet} is not the {found.source} wallet on {found.to_chain}"
    if found.kind == Kind.CUSTOMER.value and found.large_from and int(found.units) > int(found.large_from):
        return "little lies in the hot wallet, and large amounts wait"
    if found.waiting >= found.most_waiting:
        return f"{found.most_waiting} payments of wallet {found.wallet} wait for a block"
    return ""


def policy_gate(found: PolicyEvidence, _moment: Moment) -> str:
    """The policy in force decided so on the facts that are stored, with the limits reserved."""
    if found.outcome not in (Outcome.ALLOW.value, Outcome.APPROVE.value):
        return "the decision does not let it go"
    if found.version != found.active and not found.has_begun:
        return f"decided under version {found.version}, and {found.active} is in force"
    if found.facts != found.decided_on:
        return "the stored facts are not those that were decided on"
    if found.screening != CLEAR:
        return "the screening was not clear"
    return "" if found.has_reserved else "its share of the limits is not reserved"


def intent_gate(found: IntentEvidence, _moment: Moment) -> str:
    """Request, decision, intent and decoded plan say the same."""
    if found.request != found.asked:
        return "the record is not what was asked"
    if found.version != found.decided_version:
        return "intent and decision cite different versions"
    if not 0 < found.wanted == found.pays or found.payments != found.intents:
        return "the stored plan does not pay exactly what the intents say"
    return "" if 0 <= int(found.fee) <= int(found.fee_max) else "the plan's fee passes the cap"


def ledger_gate(found: LedgerEvidence, moment: Moment) -> str:
    """The ledger holds the money for exactly this request, and chain and books agreed lately."""
    if found.charges and (found.record != HELD or found.hold != found.request or not found.hold):
        return "the ledger holds nothing for this very request"
    if not found.charges and found.hold:
        return "a treasury move charges nobody, and the ledger holds money for it"
    books = BooksEvidence(*found.books)
    if not books.asset:
        return "" if moment.rules.has_unwatched_tokens else "nobody compares chain and books of this asset"
    if not moment.is_fresh(books.reconciled_at_s, moment.rules.max_books_age_s):
        return f"chain and books of {books.asset} were not compared lately"
    return "" if int(books.missing) == 0 else f"{books.asset}: {books.missing} base units are missing on chain"


def contracts_gate(found: ContractEvidence, moment: Moment) -> str:
    """Code, owners, threshold and the like stand on chain as registered, or the address itself commits to them."""
    if found.difference:
        return f"wallet {found.wallet} differs on chain: {found.difference}"
    if found.form == ADDRESS:
        return ""
    if found.form != ACCOUNT:
        return f"wallet {found.wallet} is of no known form"
    fresh = moment.is_fresh(found.compared_at_s, moment.rules.max_contract_age_s)
    return "" if fresh else f"wallet {found.wallet} was not compared with the chain lately"


def monitoring_gate(found: MonitorEvidence, moment: Moment) -> str:
    """The breaker is closed, the monitor lives, and enough audit heads are kept outside the signers."""
    if found.stop:
        return found.stop
    if not moment.is_fresh(found.alive_at_s, moment.rules.max_monitor_age_s):
        return "the monitor is not alive"
    if found.broken:
        return f"audit log: {found.broken}"
    fresh = {name for name, _, _, at_s in found.heads if moment.is_fresh(at_s, moment.rules.max_heads_age_s)}
    return "" if len(fresh) >= found.threshold else f"fewer than {found.threshold} audit heads were kept lately"


def proof_gate(found: ProofEvidence, moment: Moment) -> str:
    """A statement of reserves is in date, once the first one was due; a fund covers hot, where one is promised."""
    rules = moment.rules
    if moment.now_s >= rules.first_proof_due_s:
        if not found.statement:
            return "the first statement of reserves is overdue"
        if not moment.is_fresh(found.cutoff_s, rules.max_proof_age_s):
            return f"statement of reserves {found.statement} is out of date"
    if rules.fund_from_s is None or moment.now_s < rules.fund_from_s:
        return ""
    if not found.fund or not found.exposure:
        return "a protection fund is promised, and nobody says what it holds"
    is_covered = int(found.fund) * PPM >= int(found.exposure) * rules.fund_ppm
    return "" if is_covered else "the protection fund covers less than it must"


GATES: Mapping[Layer, Callable[[Any, Moment], str]] = {
    Layer.KEYS: keys_gate,
    Layer.QUORUM: quorum_gate,
    Layer.ISOLATION: isolation_gate,
    Layer.POLICY: policy_gate,
    Layer.INTENT: intent_gate,
    Layer.LEDGER: ledger_gate,
    Layer.CONTRACTS: contracts_gate,
    Layer.MONITORING: monitoring_gate,
    Layer.PROOF: proof_gate,
}

_ASKED: Mapping[Layer, tuple[str, ...]] = {
    Layer.KEYS: ("max_keys_age_s",),
    Layer.QUORUM: ("min_signers", "min_organisations"),
    Layer.LEDGER: ("max_books_age_s", "has_unwatched_tokens"),
    Layer.CONTRACTS: ("max_contract_age_s",),
    Layer.MONITORING: ("max_monitor_age_s", "max_heads_age_s"),
    Layer.PROOF: ("first_proof_due_s", "max_proof_age_s", "fund_from_s", "fund_ppm"),
}
"""Limits that stand beside the evidence: who reads a receipt sees what was asked for, and what not yet."""
