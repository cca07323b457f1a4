"""Which payments need not be looked up again yet: their chain has not moved since nothing new was found.

Rules:
    * Kept in memory, and only about payments that a node holds: it saves questions, and never answers one. What
      frees money is always asked of the nodes at that moment.
    * A block that came, or one that was replaced (its hash is compared), ends the quiet of every payment of the chain;
      so does a node that does not answer, a change of the record, and the time `look_again_ms`.
    * What is in a block already only gets deeper, or leaves it: that is looked at once a second, however quick the
      chain's blocks are. Those behind it wait for their first block.
    * The newest blocks are read before the payments are looked up: a block that comes meanwhile is seen next time.

Example:
    quiet.next_step()
    if not quiet.is_quiet(payment): ...
"""

from __future__ import annotations

from custody.primitives.chain import BlockRef, ChainId
from custody.primitives.errors import ToolkitError
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.records import Payment
from custody.withdrawals.states import AttemptState, PaymentState

Tips = tuple[BlockRef, ...]
DEEPER_MS = 1_000


class Quiet:
    """Of one chain."""

    def __init__(self, parts: PipelineParts, chain: ChainId) -> None:
        self._parts = parts
        self._lanes = [lane for lane in parts.lanes if lane.chain == chain]
        self._noted: dict[str, tuple[int, int, Tips]] = {}  # payment id -> version, when, newest blocks
        self._tips: Tips | None = None
        self._is_read = False

    def next_step(self) -> None:
        """Begin a step: the newest blocks are asked for again, once somebody needs them."""
        self._is_read = False

    def is_quiet(self, payment: Payment) -> bool:
        """Tell whether nothing can have changed of a payment since it was noted."""
        noted = self._noted.get(payment.id)
        if noted is None:
            return False
        version, at_ms, tips = noted
        # A clock that was set back makes nobody wait longer.
        age_ms = self._parts.now_ms() - at_ms
        if version == payment.version and 0 <= age_ms < self._parts.look_again_ms:
            if payment.state is PaymentState.MINED and age_ms < DEEPER_MS:
                return True
            self.about_to_look()
            if tips == self._tips:
                return True
        del self._noted[payment.id]
        return False

    def about_to_look(self) -> None:
        """Read the newest blocks, unless this step knows them."""
        if not self._parts.look_again_ms or self._is_read:
            return
        self._is_read = True
        try:
            self._tips = tuple(reader.tip() for lane in self._lanes for reader in (lane.reader, *lane.witnesses))
        except ToolkitError:
            self._tips = None

    def note(self, payment: Payment) -> None:
        """Remember that looking changed nothing, if all that can happen to it now comes from the chain."""
        if self._tips is None:
            return
        attempts = self._parts.store.attempts(payment.id)
        held = all(each.state is not AttemptState.BUILT for each in attempts) and (
            payment.state is PaymentState.MINED or attempts[-1].state is AttemptState.ACKED
        )
        if held:
            self._noted[payment.id] = (payment.version, self._parts.now_ms(), self._tips)
