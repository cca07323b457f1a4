"""The lives of a withdrawal, of its payment and of a signed attempt, as three literal tables.

Rules:
    * What a table does not list cannot happen: `Lifecycle.next` raises `IllegalMove`.
    * A withdrawal whose bytes may be on their way is never cancelled: it is found, mined, or proven dead.
    * A payment is VOID only if nothing was signed, its conflict key is dead, or it failed and moved no value.
    * EVICTED is not an end: the bytes of an evicted attempt can still confirm. LOST is one only for our records.

Example:
    >>> WITHDRAWAL.next(WithdrawalState.MINED, WithdrawalEvent.REORGANISE)
    <WithdrawalState.BROADCAST: 'broadcast'>
"""

from __future__ import annotations

from enum import StrEnum

from custody.primitives.lifecycle import Lifecycle


class WithdrawalState(StrEnum):
    """Where a request stands."""

    HELD = "held"  # funds set aside, nothing looked at yet
    SCREENING = "screening"
    DECIDED = "decided"  # decision stored; may wait for its release time
    AWAITING_APPROVAL = "awaiting_approval"
    APPROVED = "approved"
    AWAITING_LIQUIDITY = "awaiting_liquidity"  # the hot wallet is short; never "failed"
    ASSIGNED = "assigned"  # a payment is open, its resources are reserved
    SIGNED = "signed"  # bytes and txid stored
    BROADCASTING = "broadcasting"  # may be sent; the outcome is unknown
    BROADCAST = "broadcast"  # a node has it
    MINED = "mined"
    FINAL = "final"
    SETTLED = "settled"
    REJECTED = "rejected"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REFUNDED = "refunded"
    NEEDS_REVIEW = "needs_review"  # contradictory evidence: people look, the hold stays


class WithdrawalEvent(StrEnum):
    """What happens to a request."""

    CLAIM = "claim"
    DECIDE = "decide"
    ALLOW = "allow"
    ASK_APPROVAL = "ask_approval"
    REACH_QUORUM = "reach_quorum"
    LACK_FUNDS = "lack_funds"
    ASSIGN = "assign"
    DECIDE_AGAIN = "decide_again"  # policy version, roster or freeze changed before a signature
    SIGN = "sign"
    SEND = "send"
    ACKNOWLEDGE = "acknowledge"
    MINE = "mine"
    REORGANISE = "reorganise"
    FINALISE = "finalise"
    SETTLE = "settle"
    REJECT = "reject"
    CANCEL = "cancel"
    EXPIRE = "expire"
    REFUND = "refund"
    DOUBT = "doubt"


class PaymentState(StrEnum):
    """Where a payment stands."""

    OPEN = "open"  # resources reserved, no signer asked
    SIGNING = "signing"  # a signer may have signed
    IN_FLIGHT = "in_flight"  # complete bytes exist
    MINED = "mined"
    FINAL = "final"
    VOID = "void"


class PaymentEvent(StrEnum):
    """What happens to a payment."""

    ASK_SIGNERS = "ask_signers"
    COMPLETE = "complete"
    MINE = "mine"
    REORGANISE = "reorganise"
    FINALISE = "finalise"
    ABANDON = "abandon"  # every signer vowed that nothing was or will be signed
    DIE = "die"  # conflict key dead, or failed for good without moving value


class AttemptState(StrEnum):
    """Where one set of bytes stands."""

    BUILT = "built"
    SIGNED = "signed"
    MAYBE_SENT = "maybe_sent"
    ACKED = "acked"
    MINED = "mined"
    EVICTED = "evicted"
    REPLACED = "replaced"
    LOST = "lost"  # the signers signed it, and its bytes are not here: it may confirm


class AttemptEvent(StrEnum):
    """What happens to one set of bytes."""

    SIGN = "sign"
    SEND = "send"
    ACKNOWLEDGE = "acknowledge"
    SEE_IN_BLOCK = "see_in_block"
    REORGANISE = "reorganise"
    EVICT = "evict"
    REPLACE = "replace"
    RESUME = "resume"  # its signers are asked again


_W, _D = WithdrawalState, WithdrawalEvent
_P, _E = PaymentState, PaymentEvent
_A, _T = AttemptState, AttemptEvent

WITHDRAWAL = Lifecycle(
    "withdrawal",
    {
        (_W.HELD, _D.CLAIM): _W.SCREENING,
        (_W.SCREENING, _D.DECIDE): _W.DECIDED,
        (_W.DECIDED, _D.ALLOW): _W.APPROVED,
        (_W.DECIDED, _D.ASK_APPROVAL): _W.AWAITING_APPROVAL,
        (_W.AWAITING_APPROVAL, _D.REACH_QUORUM): _W.APPROVED,
        (_W.APPROVED, _D.LACK_FUNDS): _W.AWAITING_LIQUIDITY,
        (_W.APPROVED, _D.ASSIGN): _W.ASSIGNED,
        (_W.AWAITING_LIQUIDITY, _D.ASSIGN): _W.ASSIGNED,
        # Decide again: the rules moved before anything was signed; approvals of the old intent are void.
        (_W.DECIDED, _D.DECIDE_AGAIN): _W.SCREENING,
        (_W.AWAITING_APPROVAL, _D.DECIDE_AGAIN): _W.SCREENING,
        (_W.APPROVED, _D.DECIDE_AGAIN): _W.SCREENING,
        (_W.AWAITING_LIQUIDITY, _D.DECIDE_AGAIN): _W.SCREENING,
        (_W.ASSIGNED, _D.DECIDE_AGAIN): _W.SCREENING,
        # On the chain.
        (_W.ASSIGNED, _D.SIGN): _W.SIGNED,
        (_W.SIGNED, _D.SEND): _W.BROADCASTING,
        (_W.BROADCASTING, _D.ACKNOWLEDGE): _W.BROADCAST,
        (_W.BROADCASTING, _D.MINE): _W.MINED,
        (_W.BROADCAST, _D.MINE): _W.MINED,
        (_W.MINED, _D.REORGANISE): _W.BROADCAST,
        (_W.MINED, _D.FINALISE): _W.FINAL,
        (_W.FINAL, _D.SETTLE): _W.SETTLED,
        # Ends without payment; from ASSIGNED only after every signer vowed not to sign.
        (_W.HELD, _D.CANCEL): _W.CANCELLED,
        (_W.SCREENING, _D.CANCEL): _W.CANCELLED,
        (_W.DECIDED, _D.CANCEL): _W.CANCELLED,
        (_W.AWAITING_APPROVAL, _D.CANCEL): _W.CANCELLED,
        (_W.APPROVED, _D.CANCEL): _W.CANCELLED,
        (_W.AWAITING_LIQUIDITY, _D.CANCEL): _W.CANCELLED,
        (_W.ASSIGNED, _D.CANCEL): _W.CANCELLED,
        (_W.HELD, _D.EXPIRE): _W.EXPIRED,
        (_W.SCREENING, _D.EXPIRE): _W.EXPIRED,
        (_W.DECIDED, _D.EXPIRE): _W.EXPIRED,
        (_W.AWAITING_APPROVAL, _D.EXPIRE): _W.EXPIRED,
        (_W.APPROVED, _D.EXPIRE): _W.EXPIRED,
        (_W.AWAITING_LIQUIDITY, _D.EXPIRE): _W.EXPIRED,
        (_W.ASSIGNED, _D.EXPIRE): _W.EXPIRED,
        (_W.HELD, _D.REJECT): _W.REJECTED,
        (_W.SCREENING, _D.REJECT): _W.REJECTED,
        (_W.DECIDED, _D.REJECT): _W.REJECTED,
        (_W.AWAITING_APPROVAL, _D.REJECT): _W.REJECTED,
        (_W.APPROVED, _D.REJECT): _W.REJECTED,
        (_W.AWAITING_LIQUIDITY, _D.REJECT): _W.REJECTED,
        (_W.ASSIGNED, _D.REJECT): _W.REJECTED,
        # The payment is proven dead: the money goes back. Paying again would need signers that can check the proof.
        (_W.BROADCASTING, _D.REFUND): _W.REFUNDED,
        (_W.BROADCAST, _D.REFUND): _W.REFUNDED,
        (_W.MINED, _D.REFUND): _W.REFUNDED,
        (_W.FINAL, _D.REFUND): _W.REFUNDED,
        # Contradictory evidence; out again only to what the chain supports.
        (_W.HELD, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.SCREENING, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.DECIDED, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.AWAITING_APPROVAL, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.APPROVED, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.AWAITING_LIQUIDITY, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.ASSIGNED, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.SIGNED, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.BROADCASTING, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.BROADCAST, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.MINED, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.FINAL, _D.DOUBT): _W.NEEDS_REVIEW,
        (_W.NEEDS_REVIEW, _D.ACKNOWLEDGE): _W.BROADCAST,
        (_W.NEEDS_REVIEW, _D.MINE): _W.MINED,
        (_W.NEEDS_REVIEW, _D.FINALISE): _W.FINAL,
        (_W.NEEDS_REVIEW, _D.REFUND): _W.REFUNDED,
    },
)

PAYMENT = Lifecycle(
    "payment",
    {
        (_P.OPEN, _E.ASK_SIGNERS): _P.SIGNING,
        (_P.SIGNING, _E.COMPLETE): _P.IN_FLIGHT,
        (_P.IN_FLIGHT, _E.MINE): _P.MINED,
        (_P.MINED, _E.REORGANISE): _P.IN_FLIGHT,
        (_P.MINED, _E.FINALISE): _P.FINAL,
        (_P.OPEN, _E.ABANDON): _P.VOID,
        (_P.SIGNING, _E.ABANDON): _P.VOID,
        (_P.IN_FLIGHT, _E.DIE): _P.VOID,
        (_P.MINED, _E.DIE): _P.VOID,
    },
)

ATTEMPT = Lifecycle(
    "attempt",
    {
        (_A.BUILT, _T.SIGN): _A.SIGNED,  # bytes and txid committed before the first send
        (_A.SIGNED, _T.SEND): _A.MAYBE_SENT,  # a timeout is not a failure
        (_A.MAYBE_SENT, _T.ACKNOWLEDGE): _A.ACKED,
        (_A.MAYBE_SENT, _T.SEE_IN_BLOCK): _A.MINED,
        (_A.ACKED, _T.SEE_IN_BLOCK): _A.MINED,
        (_A.MINED, _T.REORGANISE): _A.MAYBE_SENT,
        (_A.ACKED, _T.EVICT): _A.EVICTED,
        (_A.EVICTED, _T.SEND): _A.MAYBE_SENT,  # the same bytes again
        (_A.EVICTED, _T.SEE_IN_BLOCK): _A.MINED,
        (_A.BUILT, _T.REPLACE): _A.REPLACED,
        (_A.REPLACED, _T.RESUME): _A.BUILT,
        (_A.MAYBE_SENT, _T.REPLACE): _A.REPLACED,
        (_A.ACKED, _T.REPLACE): _A.REPLACED,
        (_A.EVICTED, _T.REPLACE): _A.REPLACED,
        (_A.REPLACED, _T.SEE_IN_BLOCK): _A.MINED,  # the original can win the race
    },
)

ENDED = frozenset(state for state in WithdrawalState if WITHDRAWAL.is_terminal(state))
"""Terminal states of a withdrawal."""

LIVE_PAYMENTS = frozenset(state for state in PaymentState if not PAYMENT.is_terminal(state))
"""States of a payment that is neither final nor void."""

BEFORE_BLOCK = LIVE_PAYMENTS - {PaymentState.MINED}
"""States of a payment that no block holds."""

UNPAID_ENDS = ENDED - {WithdrawalState.SETTLED}
"""Ends after which the hold goes back to the customer."""
