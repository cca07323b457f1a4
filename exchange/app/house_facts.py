"""What the house knows around a withdrawal: where it comes from, where it goes, under which rules.

One wallet tier pays customers (hot). Warm pays only what a refill request asks for, and then as many people must
approve as the request says. A destination is one of our own registered addresses, or what `TrustedPlaces`
knows of it; customer data come from systems of the operator later.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from custody.keys.material import Curve, PublicKey
from custody.keys.quorum import Roster, RosterMember
from custody.primitives.address import Address
from custody.primitives.errors import InvalidInput, Refused
from custody.primitives.ids import CustomerId
from custody.wallets.ports import CustomerDeposits
from custody.wallets.refill_requests import RefillRequest
from custody.wallets.standing import Standing, standing_of
from custody.withdrawals.facts import Ask, Circumstances, Destination, DestinationKind, Kind, Tier
from custody.withdrawals.policy_file import load_policy
from custody.withdrawals.policy_people import capture_faults
from custody.withdrawals.rules import Policy
from exchange.app.blueprint import StaffSpec
from exchange.settlement.accounts import AccountDesk
from exchange.settlement.scale import ScaleBook

KYC_UNKNOWN = 0


class HouseFacts:
    """Implements `custody.withdrawals.ports.FactSource`."""

    def __init__(
        self,
        own_places: Mapping[Address, Tier],
        standing: Callable[[CustomerId], Standing],
        refill_of: Callable[[str], RefillRequest | None],
        place_of: Callable[[Ask], Destination] = lambda _ask: Destination(DestinationKind.ONE_TIME),
    ) -> None:
        """Bind the facts.

        Args:
            own_places: Our own receiving addresses with their tiers.
            standing: Knows a customer's deposits.
            refill_of: Withdrawal id -> the request that this move carries out.
            place_of: Knows a customer's destination that is not our own; see `TrustedPlaces.of`.
        """
        self._own_places = dict(own_places)
        self._standing = standing
        self._refill_of = refill_of
        self._place_of = place_of

    def gather(self, ask: Ask) -> Circumstances:
        """Look things up; never waits."""
        standing = self._standing(CustomerId(ask.customer)) if ask.kind is Kind.CUSTOMER else Standing()
        refill = self._refill_of(ask.withdrawal_id) if ask.kind is Kind.TREASURY else None
        tier = self._own_places.get(ask.to)
        place = Destination(DestinationKind.ONE_TIME if tier is None else DestinationKind(tier.value))
        if tier is None and ask.kind is Kind.CUSTOMER:
            place = self._place_of(ask)
        return Circumstances(
            owner=ask.customer,
            kyc_level=KYC_UNKNOWN,
            source=Tier.HOT if refill is None else refill.source,
            destination=place,
            frozen=standing.frozen,
            unsettled=standing.unsettled,
            people=0 if refill is None else refill.quorum,
        )


def standings(deposits: CustomerDeposits, accounts: AccountDesk, scales: ScaleBook) -> Callable[[CustomerId], Standing]:
    """Make what knows whether a customer's money may leave, from deposits and balances."""

    def standing(customer: CustomerId) -> Standing:
        free = {symbol: view.available.units for symbol, view in accounts.balances(customer).items()}
        quanta = {scale.asset.symbol: scale.quantum for scale in scales}
        return standing_of(deposits, customer, free, quanta)

    return standing


class HousePolicy:
    """Implements `custody.withdrawals.ports.PolicySource`: the policy file as it was at the start, and the staff."""

    def __init__(self, path: Path, staff: tuple[StaffSpec, ...]) -> None:
        """Read and lint the policy.

        Raises:
            InvalidPolicy: Not readable, or it has faults.
            InvalidInput: A key of the staff is none.
            Refused: Nobody is on the roster, or one organisation could satisfy a group alone.
        """
        self._roster = roster_of(staff)
        self._policy = load_policy(path)
        captured = [f"{fault.text}; {fault.cure}" for fault in capture_faults(self._policy, self._roster)]
        if captured:
            raise Refused(f"{path.name}: " + "; ".join(captured))

    def active(self, now_s: int) -> Policy:
        """The version in force."""
        del now_s
        return self._policy

    def roster(self) -> Roster:
        """Who may approve now."""
        return self._roster


def roster_of(staff: tuple[StaffSpec, ...]) -> Roster:
    """Make the roster of an installation's staff.

    Raises:
        InvalidInput: A key of the staff is none.
        Refused: There is nobody.
    """
    if not staff:
        raise Refused("the roster is empty: nobody could approve")
    return Roster(tuple(_member(person) for person in staff))


def _member(person: StaffSpec) -> RosterMember:
    try:
        raw = bytes.fromhex(person.key)
    except ValueError as error:
        raise InvalidInput(f"staff: the key of {person.approver} is not hex", approver=person.approver) from error
    return RosterMember(person.approver, PublicKey(Curve.ED25519, raw), person.person, person.organisation)
