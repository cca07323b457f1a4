"""Lanes: one wallet on one chain with everything that is needed to pay from it.

Rules:
    * A lane pays from one wallet; two lanes never share a key or a sequence.
    * The family's own types (plan, coins) meet only inside a lane.
    * A chain without a lane cannot pay: asking for one raises.

Example:
    lanes = Lanes([Lane(chain, "hot-btc", tier, native, codec, reader, broadcasters, members, 2, senders)])
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from custody.chains.port import Broadcaster, Codec, Destinations, Reader, Trial
from custody.keys.material import PublicKey, Signer, SigningRole
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId, Family
from custody.primitives.errors import InvalidInput, UnknownChain
from custody.withdrawals.facts import Tier

S = TypeVar("S")  # what a plan spends
U = TypeVar("U")  # the family's unsigned transaction


@dataclass(frozen=True, slots=True)
class Member:
    """One key of the multisig and the signer that holds it."""

    signer: Signer
    key: PublicKey


@dataclass(frozen=True, slots=True)
class Lane(Generic[S, U]):
    """One wallet on one chain.

    Attributes:
        wallet_id: Registered wallet that pays.
        tier: Hot, warm or cold.
        native: Asset the chain's fee is paid in; names the chain.
        codec, reader: Of the chain's family, bound to this wallet.
        broadcasters: At least one; all are tried.
        members: The keys of the multisig with their signers.
        threshold: How many of them must sign.
        senders: Signers that pay the chain's fee, where the family needs one.
        fixes_signers: True where the family writes the chosen signers into the message, so that another
            signer needs another plan.
        witnesses: Readers of further nodes; what frees money must be seen by all of them.
        bump_after_ms: How long bytes wait for a block before a higher fee is paid, in milliseconds since they
            were first sent; None where the family has no replacement.
        max_bumps: Most replacements of one payment; then people are told.
        destinations: Asks the chain about a destination; None where its form tells enough.
        is_one_act: True where all attempts carry one and the same act, which the chain does once, whoever carries it
            (a SafeTx): several of them may then be said to be final.
        trial: Tries plans out before anyone signs; None where no destination can refuse a payment.
    """

    wallet_id: str
    tier: Tier
    native: Asset
    codec: Codec[S, U]
    reader: Reader[S]
    broadcasters: tuple[Broadcaster, ...]
    members: tuple[Member, ...]
    threshold: int
    senders: tuple[Signer, ...] = ()
    fixes_signers: bool = False
    witnesses: tuple[Reader[S], ...] = ()
    bump_after_ms: int | None = None
    max_bumps: int = 4
    destinations: Destinations | None = None
    is_one_act: bool = False
    trial: Trial[U] | None = None

    def __post_init__(self) -> None:
        if not self.broadcasters:
            raise InvalidInput(f"lane {self.wallet_id}: no broadcaster")
        if not 1 <= self.threshold <= len(self.members):
            raise InvalidInput(f"lane {self.wallet_id}: threshold {self.threshold} of {len(self.members)} members")
        if len({member.key for member in self.members}) != len(self.members):
            raise InvalidInput(f"lane {self.wallet_id}: the same key twice")
        if (self.bump_after_ms is not None and self.bump_after_ms <= 0) or self.max_bumps < 0:
            raise InvalidInput(f"lane {self.wallet_id}: bumps after {self.bump_after_ms} ms, at most {self.max_bumps}")
        chains = {self.codec.chain.id, self.native.chain, *(each.chain.id for each in (self.reader, *self.witnesses))}
        if len(chains) != 1:
            raise InvalidInput(f"lane {self.wallet_id}: codec, reader and native asset are of different chains")

    @property
    def chain(self) -> ChainId:
        """The network it pays on."""
        return self.native.chain

    @property
    def has_rivals(self) -> bool:
        """Tell whether a payment may have attempts that differ: higher fees, or other signers in the message."""
        return self.bump_after_ms is not None or self.fixes_signers

    def signers(self, role: SigningRole) -> tuple[Signer, ...]:
        """Return who can sign in a role."""
        return self.senders if role is SigningRole.SENDER else tuple(member.signer for member in self.members)

    def verify_destination(self, to: Address, amount: Amount, memo: str) -> None:
        """Refuse a destination that the chain would not deliver to, where the family can ask.

        Raises:
            Refused, InvalidInput: See `Destinations`.
            NodeUnavailable: No answer.
        """
        if self.destinations is not None:
            self.destinations.verify_destination(to, amount, memo)

    def all_signers(self) -> tuple[Signer, ...]:
        """Return everybody who may hold a memory of a withdrawal, each once by name."""
        by_name = {member.signer.name: member.signer for member in self.members}
        return tuple((by_name | {sender.name: sender for sender in self.senders}).values())


AnyLane = Lane[Any, Any]
"""A lane of whatever family: its codec and reader fit each other, which is checked where it is made."""


class Lanes:
    """All lanes of an installation."""

    def __init__(self, lanes: Iterable[AnyLane]) -> None:
        self._lanes = {(lane.chain, lane.wallet_id): lane for lane in lanes}

    def __iter__(self) -> Iterator[AnyLane]:
        """Go through all of them."""
        return iter(self._lanes.values())

    def get(self, chain: ChainId, wallet_id: str) -> AnyLane:
        """Return the lane of a stored payment.

        Raises:
            UnknownChain: The lane is not configured any more.
        """
        try:
            return self._lanes[chain, wallet_id]
        except KeyError:
            raise UnknownChain(f"no lane for wallet {wallet_id!r} on {chain}", chain=chain) from None

    def paying(self, chain: ChainId, tier: Tier) -> tuple[AnyLane, ...]:
        """Return the lanes that can pay on a chain from a tier.

        Raises:
            UnknownChain: There is none.
        """
        found = tuple(lane for lane in self._lanes.values() if lane.chain == chain and lane.tier is tier)
        if not found:
            raise UnknownChain(f"no {tier} lane on {chain}", chain=chain)
        return found

    def family(self, chain: ChainId) -> Family | None:
        """Return which family a chain is of; None if no lane is on it."""
        return next((lane.codec.chain.family for lane in self._lanes.values() if lane.chain == chain), None)

    def any_on(self, chain: ChainId) -> AnyLane:
        """Return a lane whose codec can check an address of this chain.

        Raises:
            UnknownChain: There is none.
        """
        for lane in self._lanes.values():
            if lane.chain == chain:
                return lane
        raise UnknownChain(f"no lane on {chain}", chain=chain)
