"""From HELD to APPROVED: screening, decision, release time, votes.

Rules:
    * Screening and decision are stored together with the facts and the share of the limits, in one step.
    * A provider that does not answer raises; the row stays where it is.
    * Votes are counted from what is stored, under the roster of now: who left does not count, and a quorum
      that was reached yesterday is counted again before anything is signed.
"""

from __future__ import annotations

from dataclasses import replace

from custody.compliance.port import ScreeningAnswer, ScreeningQuestion, ScreeningVerdict
from custody.keys import ed25519
from custody.keys.quorum import ApprovalDenied, QuorumRule, Roster, verify_quorum
from custody.primitives.amount import Amount
from custody.primitives.approval import Approval, approval_message
from custody.primitives.encoding import canonical_json
from custody.primitives.errors import BadSignature, InvariantBroken, QuorumNotReached, StaleState, ToolkitError
from custody.primitives.intent import TransferIntent
from custody.withdrawals.endings import ended
from custody.withdrawals.errors import CreditNotFinal, DestinationDoubtful
from custody.withdrawals.facts import Facts, reference_micros
from custody.withdrawals.parts import SIGNING_MARGIN_S, PipelineParts
from custody.withdrawals.policy import decide, required_usage
from custody.withdrawals.ports import Change, UsageReservation
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.rules import Decision, Outcome, Policy
from custody.withdrawals.states import WithdrawalEvent


def take_up(withdrawal: Withdrawal, parts: PipelineParts, now_s: int) -> None:
    """Take a new request up, and decide it at once if everybody answers; of two workers one wins (attack A04).

    Raises:
        Unavailable, CreditNotFinal, DestinationDoubtful: It waits in SCREENING.
        StaleState: Another worker was faster, or the limits were used meanwhile; nothing changed.
    """
    claimed = withdrawal.move(WithdrawalEvent.CLAIM, parts.now_ms())
    try:
        judge(claimed, parts, now_s)
    except StaleState:
        raise
    except ToolkitError:
        parts.store.commit(Change(withdrawals=(claimed,)))
        raise


def judge(withdrawal: Withdrawal, parts: PipelineParts, now_s: int) -> None:
    """Screen and decide.

    Raises:
        Unavailable: A source does not answer; nothing changed.
        CreditNotFinal: A deposit behind it could still be reversed; nothing changed.
        DestinationDoubtful: It could be mistaken for a trusted place; nothing changed.
        StaleState: The limits were used by another decision meanwhile; judged again at the next step.
    """
    ask = withdrawal.ask()
    policy = parts.policies.active(now_s)
    known = parts.facts.gather(ask)
    if known.unsettled and not known.frozen:
        raise CreditNotFinal(f"withdrawal {withdrawal.id} waits: {known.unsettled}", withdrawal=withdrawal.id)
    if known.destination.is_doubtful and not known.frozen:
        raise DestinationDoubtful(
            f"withdrawal {withdrawal.id} waits: {known.destination.resembles}; an officer must compare it in full",
            withdrawal=withdrawal.id,
        )
    answer = _screened(withdrawal, parts)
    usage = parts.store.usage(required_usage(ask, known, policy), withdrawal.id, now_s)
    facts = Facts(now_s, known, answer.verdict, usage.totals)
    decision = decide(ask, facts, policy)
    blocked = decision.outcome is Outcome.BLOCK
    value = 0 if known.price is None else reference_micros(ask.amount, known.price)
    decided = replace(
        withdrawal.move(WithdrawalEvent.DECIDE, parts.now_ms()),
        decision=decision,
        intent=None if blocked else _intent(withdrawal, decision, policy, parts),
        source=known.source,
        facts_json=canonical_json(facts.as_json()).decode(),
    )
    waits = blocked or now_s < decision.not_before_s
    parts.store.commit(
        Change(
            # Nothing outside happens between a decision and its release: one durable step for both.
            withdrawals=(decided if waits else _released(decided, decision, parts),),
            usage=None if blocked else UsageReservation(ask, known, value, now_s, usage.head),
        )
    )


def release(withdrawal: Withdrawal, parts: PipelineParts, now_s: int) -> None:
    """Carry a stored decision out once its release time has come."""
    decision = decision_of(withdrawal)
    if decision.outcome is Outcome.BLOCK:
        reason = "; ".join(decision.reasons)
        parts.store.commit(ended(withdrawal.move(WithdrawalEvent.REJECT, parts.now_ms(), reason)))
    elif not is_current(withdrawal, parts, now_s):
        send_back(withdrawal, parts)
    elif now_s >= decision.not_before_s:
        parts.store.commit(Change(withdrawals=(_released(withdrawal, decision, parts),)))


def _released(withdrawal: Withdrawal, decision: Decision, parts: PipelineParts) -> Withdrawal:
    allowed = decision.outcome is Outcome.ALLOW
    return withdrawal.move(WithdrawalEvent.ALLOW if allowed else WithdrawalEvent.ASK_APPROVAL, parts.now_ms())


def count_votes(withdrawal: Withdrawal, parts: PipelineParts, now_s: int) -> None:
    """Approve when every group reached its quorum; end on a denial or at the intent's expiry."""
    if not is_current(withdrawal, parts, now_s):
        send_back(withdrawal, parts)
        return
    now_ms = parts.now_ms()
    if now_s >= withdrawal.bound_intent().expires_at_s:
        # Nothing was ever handed to a signer, so the time alone may end it.
        reason = "not approved in time"
        parts.store.commit(ended(withdrawal.move(WithdrawalEvent.EXPIRE, now_ms, reason)))
        return
    try:
        verify_votes(withdrawal, parts, now_s)
    except QuorumNotReached:
        return
    except ApprovalDenied as denial:
        parts.store.commit(ended(withdrawal.move(WithdrawalEvent.REJECT, now_ms, denial.message)))
        return
    parts.store.commit(Change(withdrawals=(withdrawal.move(WithdrawalEvent.REACH_QUORUM, now_ms),)))


def is_ready(withdrawal: Withdrawal, parts: PipelineParts, now_s: int) -> bool:
    """Tell whether an approved request may still be paid: version in force, time left, quorum still there.

    What deposits say about the account is looked at again, and so is the screening: the account may have been
    frozen, and the destination listed, since the decision.

    Raises:
        Unavailable: A source does not answer; nothing changed.
    """
    known = parts.facts.gather(withdrawal.ask())
    return (
        not (known.frozen or known.unsettled or known.destination.is_doubtful)
        and is_current(withdrawal, parts, now_s)
        and now_s + SIGNING_MARGIN_S < withdrawal.bound_intent().expires_at_s
        and has_quorum(withdrawal, parts, now_s)
        and _screened(withdrawal, parts).verdict is ScreeningVerdict.CLEAR
    )


def send_back(withdrawal: Withdrawal, parts: PipelineParts) -> None:
    """Have a request decided again; nothing was handed to a signer yet."""
    parts.store.commit(Change(withdrawals=(undecided(withdrawal, parts),)))


def is_current(withdrawal: Withdrawal, parts: PipelineParts, now_s: int) -> bool:
    """Tell whether the decision was taken under the policy in force (rule R9)."""
    return decision_of(withdrawal).policy_version == parts.policies.active(now_s).version


def has_quorum(withdrawal: Withdrawal, parts: PipelineParts, now_s: int) -> bool:
    """Tell whether the votes suffice under the roster of now."""
    try:
        verify_votes(withdrawal, parts, now_s)
    except (QuorumNotReached, ApprovalDenied):
        return False
    return True


def verify_votes(withdrawal: Withdrawal, parts: PipelineParts, now_s: int) -> None:
    """Check every group of the decision against the stored approvals.

    Raises:
        QuorumNotReached: A group is short of voices.
        ApprovalDenied: Somebody said no.
    """
    decision, roster = decision_of(withdrawal), parts.policies.roster()
    if not decision.groups:
        return
    approvals = votes_for(withdrawal, parts)
    max_age_s = parts.policies.active(now_s).approval_max_age_s
    for group in decision.groups:
        members = tuple(member for member in roster.members if member.approver in group.approvers)
        if len({member.person for member in members}) < group.threshold:
            raise QuorumNotReached(f"group {group.name} has too few people left on the roster", group=group.name)
        if len({member.organisation for member in members}) < group.organisations:
            raise QuorumNotReached(f"group {group.name} has too few organisations left on the roster", group=group.name)
        rule = QuorumRule(Roster(members), group.threshold, max_age_s, group.organisations)
        verify_quorum(withdrawal.intent_hash, approvals, rule, withdrawal.initiator, now_s)


def votes_for(withdrawal: Withdrawal, parts: PipelineParts) -> list[Approval]:
    """Return the stored votes about the present intent that hold under the roster of now."""
    roster, wanted = parts.policies.roster(), withdrawal.intent_hash
    votes = parts.store.approvals(withdrawal.id)
    return [vote for vote in votes if vote.intent_hash == wanted and _is_genuine(vote, roster)]


def undecided(withdrawal: Withdrawal, parts: PipelineParts) -> Withdrawal:
    """Return the record back at screening: the next intent has another hash, so old approvals are void."""
    again = withdrawal.move(WithdrawalEvent.DECIDE_AGAIN, parts.now_ms(), "decided again")
    return replace(again, decision=None, intent=None, payment_id="", stop=None)


def decision_of(withdrawal: Withdrawal) -> Decision:
    """Return the stored decision of a withdrawal that must have one."""
    if withdrawal.decision is None:
        raise InvariantBroken(f"withdrawal {withdrawal.id} in {withdrawal.state} has no decision", id=withdrawal.id)
    return withdrawal.decision


def _screened(withdrawal: Withdrawal, parts: PipelineParts) -> ScreeningAnswer:
    ask = withdrawal.ask()
    return parts.screening.screen(ScreeningQuestion(ask.withdrawal_id, ask.customer, ask.to, ask.amount, ask.memo))


def _is_genuine(vote: Approval, roster: Roster) -> bool:
    member = roster.member(vote.approver)
    if member is None:
        return False
    message = approval_message(vote.intent_hash, vote.approver, vote.verdict, vote.at_s)
    try:
        ed25519.verify(member.public_key, message, vote.signature)
    except BadSignature:  # signed with a key the roster replaced since
        return False
    return True


def _intent(withdrawal: Withdrawal, decision: Decision, policy: Policy, parts: PipelineParts) -> TransferIntent:
    chain = withdrawal.to.chain
    return TransferIntent(
        withdrawal_id=withdrawal.id,
        to=withdrawal.to,
        amount=withdrawal.amount,
        fee_max=Amount(policy.fee_caps[chain], parts.lanes.any_on(chain).native),
        memo=withdrawal.memo,
        policy_version=policy.version,
        salt=withdrawal.salt,
        expires_at_s=decision.not_before_s + policy.intent_ttl_s,
    )
