"""The pipeline: every open withdrawal one durable step further, until nothing moves.

Rules:
    * All that is known is in the store: a pipeline made over an existing store continues where the last one
      stopped, wherever that was.
    * One record's trouble never stops the others; only a broken invariant, or a record that was written past the
      services, stops everything, in every thread.
    * Nothing of a chain moves until the records were compared with what its signers remember.
    * Two pipelines may run over one store: the slower one finds the record changed and does nothing. For the same
      reason `decide` and the `pay` of each chain may run at once, each in a thread of its own.

Example:
    pipeline = Pipeline(parts)
    for progress in pipeline.step(now_s=clock.now_s()):
        log(progress)
"""

from __future__ import annotations

from collections.abc import Sequence

from custody.primitives.chain import ChainId
from custody.primitives.errors import InvariantBroken, UnknownChain
from custody.withdrawals.boot_gate import BootGate
from custody.withdrawals.desk import Desk
from custody.withdrawals.errors import RowNotGenuine
from custody.withdrawals.parts import PipelineParts
from custody.withdrawals.progress import Progress, Step
from custody.withdrawals.till import Till

MAX_PASSES = 32
"""Passes of one step: twice the longest way from request to settlement."""


class Pipeline:
    """Moves withdrawals from HELD to SETTLED, or to the end the evidence supports."""

    def __init__(self, parts: PipelineParts) -> None:
        self._gate = BootGate(parts)
        self._desk = Desk(parts, self._gate)
        self._tills = {lane.chain: Till(parts, self._gate, lane.chain) for lane in parts.lanes}
        self._broken = ""

    @property
    def chains(self) -> tuple[ChainId, ...]:
        """Every chain that `pay` can be asked for."""
        return tuple(self._tills)

    def try_open(self) -> list[str]:
        """Compare the records with the signers' memories, as every step does until all chains are open.

        Returns:
            What keeps a chain closed; empty if none is.
        """
        return self._gate.try_open()

    def step(self, now_s: int) -> list[Progress]:
        """Move every open record as far as it goes now, on all chains.

        Args:
            now_s: Now, seconds since 1970 UTC.

        Returns:
            What moved, and what could not and why, in order.

        Raises:
            InvariantBroken: A bug; nothing further is touched.
            RowNotGenuine: A record was written past the services; nothing further is touched.
        """
        problems = self.try_open()
        return self._run((self._desk, *self._tills.values()), now_s, problems)

    def decide(self, now_s: int) -> list[Progress]:
        """Move what is not approved yet as far as it goes now; as `step`."""
        return self._run((self._desk,), now_s, [])

    def pay(self, chain: ChainId, now_s: int) -> list[Progress]:
        """Move what is approved on one chain as far as it goes now; as `step`.

        Raises:
            UnknownChain: No lane pays there.
            InvariantBroken: A bug, here or in another thread; nothing further is touched.
        """
        till = self._till(chain)
        problems = [] if self._gate.is_open(chain) else self._gate.try_open(chain)
        return self._run((till,), now_s, problems)

    def is_gathering(self, chain: ChainId) -> bool:
        """Tell whether a batch of a chain waits for company: `pay` should be called again before its window ends.

        Raises:
            UnknownChain: No lane pays there.
        """
        return self._till(chain).is_gathering

    def _till(self, chain: ChainId) -> Till:
        till = self._tills.get(chain)
        if till is None:
            raise UnknownChain(f"no lane on {chain}", chain=chain)
        return till

    def _run(self, rooms: Sequence[Desk | Till], now_s: int, problems: Sequence[str]) -> list[Progress]:
        if self._broken:
            raise InvariantBroken(f"stopped for good: {self._broken}")
        step = Step(now_s)
        step.progress += [Progress("boot gate", "closed", "closed", problem) for problem in problems]
        try:
            for room in rooms:
                room.begin()
            for _ in range(MAX_PASSES):
                step.moved = False
                for room in rooms:
                    room.one_pass(step)
                if self._broken or not step.moved:
                    break
        except (InvariantBroken, RowNotGenuine) as error:
            self._broken = error.message
            raise
        return step.progress
