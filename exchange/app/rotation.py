"""What follows when keyholders are revoked: which wallets must be replaced, by whom, and how urgently.

Rules:
    * Every wallet with a revoked key gets a successor with another key, and so another address, on every chain:
      signers sign no change of owners.
    * Coins leave the old wallet by the keys that are left. Wallets that the revoked keys could empty by themselves
      stand first, then those that the keys left cannot empty.
    * Reads the public description alone and moves nothing; a drill is the same with a record.

Example:
    plan_rotation(load_blueprint(home.blueprint), {"signer-a"}).wallets[0].urgency
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum

from custody.primitives.encoding import Json
from custody.primitives.errors import InvalidInput, NotFound
from exchange.app.blueprint import Blueprint, WalletSpec
from exchange.app.wallets import receives_at


class Urgency(IntEnum):
    """How bad it is, the worst first."""

    STOLEN = 0  # the revoked keys reach the threshold
    LOCKED = 1  # the keys that are left do not
    OPEN = 2  # the keys that are left empty it in order


ACTIONS = {
    Urgency.STOLEN: "the revoked keys can pay by themselves: stop its lane and empty it now",
    Urgency.LOCKED: "the keys left do not reach the threshold: bring one back from its backup shares to empty it",
    Urgency.OPEN: "empty it into its successor with the keys left",
}


@dataclass(frozen=True, slots=True)
class WalletRotation:
    """One wallet that must be replaced.

    Attributes:
        id, tier, chain: As in the blueprint.
        address: Where it receives now; watched and credited for ever, never handed out again.
        threshold: Signatures needed.
        revoked, left: Names of the holders.
        urgency: What the numbers mean.
    """

    id: str
    tier: str
    chain: str
    address: str
    threshold: int
    revoked: tuple[str, ...]
    left: tuple[str, ...]
    urgency: Urgency


@dataclass(frozen=True, slots=True)
class Rotation:
    """The whole plan.

    Attributes:
        revoked: Who is revoked, sorted.
        approvers: Those of them on the staff: every signer's roster is replaced by a version without them, first.
        wallets: The most urgent first.
    """

    revoked: tuple[str, ...]
    approvers: tuple[str, ...]
    wallets: tuple[WalletRotation, ...]

    def steps(self) -> tuple[str, ...]:
        """What to do, in order."""
        rosters = [f"replace the roster of every signer by one without {name}" for name in self.approvers]
        return (
            *rosters,
            *(f"make a successor of {each.id} without {', '.join(each.revoked)}" for each in self.wallets),
            *(f"{each.id}: {ACTIONS[each.urgency]}" for each in self.wallets),
            *(f"hand {each.address} out no more, and watch it for ever" for each in self.wallets),
        )

    def as_json(self) -> dict[str, Json]:
        """For a record, or the command line."""
        return {
            "revoked": list(self.revoked),
            "approvers": list(self.approvers),
            "wallets": [
                {
                    "id": each.id,
                    "tier": each.tier,
                    "chain": each.chain,
                    "address": each.address,
                    "threshold": each.threshold,
                    "revoked": list(each.revoked),
                    "left": list(each.left),
                    "urgency": each.urgency.name.lower(),
                }
                for each in self.wallets
            ],
            "steps": list(self.steps()),
        }


def plan_rotation(blueprint: Blueprint, revoked: Collection[str]) -> Rotation:
    """Find everything that the keys of these holders touch.

    Args:
        blueprint: Of the installation.
        revoked: Names of signers, cold keys or staff.

    Raises:
        InvalidInput: Nobody is named.
        NotFound: A name is not in the installation.
    """
    if not revoked:
        raise InvalidInput("nobody is revoked")
    staff = {each.approver for each in blueprint.staff}
    holders = {member.signer for spec in blueprint.wallets for member in spec.members}
    if strangers := sorted(set(revoked) - staff - holders):
        raise NotFound(f"no keyholder {', '.join(strangers)}; known: {', '.join(sorted(staff | holders))}")
    affected = [_rotation_of(spec, revoked) for spec in blueprint.wallets if _members(spec) & set(revoked)]
    ordered = sorted(affected, key=lambda each: (each.urgency, each.id))
    return Rotation(tuple(sorted(revoked)), tuple(sorted(staff & set(revoked))), tuple(ordered))


def _members(spec: WalletSpec) -> set[str]:
    return {member.signer for member in spec.members}


def _rotation_of(spec: WalletSpec, revoked: Collection[str]) -> WalletRotation:
    gone = tuple(member.signer for member in spec.members if member.signer in revoked)
    left = tuple(member.signer for member in spec.members if member.signer not in revoked)
    if len(gone) >= spec.threshold:
        urgency = Urgency.STOLEN
    elif len(left) < spec.threshold:
        urgency = Urgency.LOCKED
    else:
        urgency = Urgency.OPEN
    return WalletRotation(spec.id, spec.tier, spec.chain, receives_at(spec), spec.threshold, gone, left, urgency)
