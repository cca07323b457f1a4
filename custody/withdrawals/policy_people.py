"""A policy beside the people of the house: can one organisation satisfy a group alone, can anybody at all?

Rules:
    * People count, not accounts: several accounts of one person are one voice. (A threshold of one is refused by
      `policy_lint` already.)
    * A delegation may move a voice to another organisation, so a seat counts for both while it stands in the policy:
      four keys of one firm and a fifth by a permission nobody took back were once enough.
    * Who is on no roster has no voice and cannot be counted on.

Example:
    list(capture_faults(policy, roster))
"""

from __future__ import annotations

from collections.abc import Iterator

from custody.keys.quorum import Roster, RosterMember
from custody.withdrawals.policy_fault import Fault
from custody.withdrawals.rules import Delegation, Group, Policy


def capture_faults(policy: Policy, roster: Roster) -> Iterator[Fault]:
    """Name every group that one organisation can satisfy; one person cannot, since the threshold is above one."""
    members = {member.approver: member for member in roster.members}
    for path, group in _groups(policy):
        if group.organisations > 1:
            continue
        seats = [_holders(name, policy.delegations, members) for name in sorted(group.approvers)]
        for organisation in sorted({holder.organisation for seat in seats for holder in seat}):
            mine = [{each.person for each in seat if each.organisation == organisation} for seat in seats]
            voices = _voices(mine)
            if voices >= group.threshold:
                text = f"group {group.name}: the {voices} voices of {organisation} alone can satisfy it"
                yield Fault("one_organisation", path, text, "ask for organisations: 2, or name people of another one")


def vacancy_faults(policy: Policy, roster: Roster) -> Iterator[Fault]:
    """Name every group that the people on the roster cannot satisfy, and every name that is on no roster."""
    members = {member.approver: member for member in roster.members}
    for path, group in _groups(policy):
        there = [members[name] for name in group.approvers if name in members]
        people, organisations = len({each.person for each in there}), len({each.organisation for each in there})
        if people < group.threshold or organisations < group.organisations:
            text = f"group {group.name}: {people} people of {organisations} organisations are on the roster"
            yield Fault("vacant", path, f"{text}, too few", "add people to the roster or to the group")
        for person, names in sorted(_accounts(there).items()):
            if len(names) > 1:
                text = f"group {group.name}: {' and '.join(names)} are one person, {person}, and one voice"
                yield Fault("one_person", path, text, "keep one of the accounts")
        for name in sorted(group.approvers - set(members)):
            text = f"group {group.name}: {name!r} is nobody on the roster"
            yield Fault("vacant", path, text, "correct the name, or remove it")
    for index, each in enumerate(policy.delegations):
        if each.receiver not in members:
            text = f"delegation of {each.giver}: {each.receiver!r} is nobody on the roster"
            yield Fault("vacant", f"delegations[{index}].receiver", text, "correct the name")


def _groups(policy: Policy) -> Iterator[tuple[str, Group]]:
    """Every group once, at the first place it stands."""
    seen: set[Group] = set()
    for index, rule in enumerate(policy.rules):
        for place, group in enumerate(rule.groups):
            if group not in seen:
                seen.add(group)
                yield f"rules[{index}].groups[{place}]", group


def _holders(
    name: str, delegations: tuple[Delegation, ...], members: dict[str, RosterMember]
) -> frozenset[RosterMember]:
    """Who may use one seat: its owner, and everybody it is delegated to."""
    names = {name, *(each.receiver for each in delegations if each.giver == name)}
    return frozenset(members[each] for each in names if each in members)


def _accounts(members: list[RosterMember]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for member in sorted(members, key=lambda each: each.approver):
        found.setdefault(member.person, []).append(member.approver)
    return found


def _voices(seats: list[set[str]]) -> int:
    """How many seats these people can fill at once: each person fills one, each seat is filled by one of its people."""
    taken: dict[str, int] = {}

    def fill(seat: int, tried: set[str]) -> bool:
        for person in sorted(seats[seat] - tried):
            tried.add(person)
            if person not in taken or fill(taken[person], tried):
                taken[person] = seat
                return True
        return False

    return sum(fill(seat, set()) for seat in range(len(seats)))
