"""Leaf errors of this room; their kinds and codes are part of the interface."""

from __future__ import annotations

from custody.primitives.errors import Conflict, InvalidInput, Refused, VerificationFailed


class InvalidPolicy(InvalidInput):
    """The policy does not describe a usable set of rules."""

    code = "invalid_policy"


class PolicyChangeRefused(Refused):
    """A new policy version may not come into force, or not yet."""

    code = "policy_change_refused"


class InvalidMemo(InvalidInput):
    """The memo is too long, or holds characters that cannot be shown."""

    code = "invalid_memo"


class WithdrawalsFrozen(Refused):
    """The breaker is open for this chain or asset: nothing is signed."""

    code = "withdrawals_frozen"


class GateClosed(Refused):
    """One of the nine gates is closed: no signer is asked until it opens."""

    code = "gate_closed"
    transient = True


class RowNotGenuine(VerificationFailed):
    """A record was inserted or changed past the services: everything stops until people looked."""

    code = "row_not_genuine"


class CreditNotFinal(Refused):
    """A deposit could still be reversed and no longer lies in the account; asked again until it is final."""

    code = "credit_not_final"
    transient = True


class DestinationDoubtful(Refused):
    """The destination could be mistaken for a trusted place; an officer compares it in full first."""

    code = "destination_doubtful"
    transient = True


class TrialRefused(InvalidInput):
    """The destination would not take the payment: a contract that reverts, or burns its gas."""

    code = "trial_refused"


class NotOnRoster(Refused):
    """Who asks for a treasury move is not on the roster of approvers."""

    code = "not_on_roster"


class ApprovalRefused(Refused):
    """This approval cannot count for this withdrawal."""

    code = "approval_refused"


class ResourceTaken(Conflict):
    """Another payment already holds the withdrawal, the coin or the sequence."""

    code = "resource_taken"


class PlanMismatch(VerificationFailed):
    """The unsigned transaction does not do exactly what the intents say."""

    code = "plan_mismatch"


class ContradictoryEvidence(VerificationFailed):
    """Nodes say what cannot all be true: nothing is concluded, people look."""

    code = "contradictory_evidence"
