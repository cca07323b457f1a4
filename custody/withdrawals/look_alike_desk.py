"""Withdrawals that wait because their destination could be mistaken for another: officers compare, then they go on.

Example:
    for withdrawal, destination in desk.waiting(): ...
    desk.confirm(withdrawal.id, typed, approval)
"""

from __future__ import annotations

from custody.primitives.approval import Approval
from custody.primitives.errors import IllegalMove
from custody.primitives.ids import WithdrawalId
from custody.withdrawals.facts import Destination, Kind
from custody.withdrawals.full_compare import CompareStore, FullCompare, verify_compare
from custody.withdrawals.ports import PolicySource, WithdrawalStore
from custody.withdrawals.records import Withdrawal
from custody.withdrawals.states import WithdrawalState
from custody.withdrawals.trusted_places import TrustedPlaces


class LookAlikeDesk:
    """Lists them and takes comparisons."""

    def __init__(
        self, store: WithdrawalStore, places: TrustedPlaces, compares: CompareStore, policies: PolicySource
    ) -> None:
        self._store, self._places, self._compares, self._policies = store, places, compares, policies

    def waiting(self) -> tuple[tuple[Withdrawal, Destination], ...]:
        """Return what waits for a comparison, oldest first, with what is known of the destination."""
        screened = self._store.withdrawals(frozenset({WithdrawalState.SCREENING}))
        found = [(each, self._places.of(each.ask())) for each in screened if each.kind is Kind.CUSTOMER]
        return tuple((each, destination) for each, destination in found if destination.is_doubtful)

    def confirm(self, withdrawal_id: WithdrawalId, typed: str, approval: Approval) -> Destination:
        """Take an officer's comparison; the withdrawal goes on at the next step.

        Args:
            withdrawal_id: Which.
            typed: What the officer typed: the whole address, or all but its first and last characters.
            approval: Signed over `compare_digest`.

        Raises:
            NotFound: No such withdrawal.
            IllegalMove: It does not wait for a comparison.
            ComparedOtherwise, CompareRefused, BadSignature: See `verify_compare`.
        """
        withdrawal = self._store.withdrawal(withdrawal_id)
        ask = withdrawal.ask()
        before = self._places.of(ask) if withdrawal.kind is Kind.CUSTOMER else None
        if withdrawal.state is not WithdrawalState.SCREENING or before is None or not before.is_doubtful:
            raise IllegalMove(
                f"withdrawal {withdrawal_id} does not wait for a comparison", state=withdrawal.state.value
            )
        compare = FullCompare(withdrawal.customer, withdrawal.to, typed, approval)
        verify_compare(compare, self._policies.roster(), {withdrawal.initiator, before.added_by} - {""})
        self._compares.save_compare(compare)
        return self._places.of(ask)
