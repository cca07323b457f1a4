# The fourteen places where a kill -9 hurts. A target is armed; the process dies at its next passage there.
from collections import Counter

from simulators.crashes import CrashForTest

from custody.withdrawals.states import AttemptState, WithdrawalState

POINTS = {
    1: "request and hold inserted",
    2: "screening answer not stored",
    3: "decision not stored",
    4: "approval quorum reached",
    5: "resources reserved",
    6: "one of the signatures stored",
    7: "signed, not stored",
    8: "bytes stored, not sent",
    9: "sent, answer lost",
    10: "acknowledged, not recorded",
    11: "mined, not recorded",
    12: "final, not settled",
    13: "posted, settlement not recorded",
    14: "database restored from a backup",
}
BY_RESTORE = 14


class Guillotine:
    def __init__(self):
        self.target = None
        self.kills = Counter()

    def hit(self, point):
        if self.target == point:
            self.target = None
            self.kills[point] += 1
            raise CrashForTest(POINTS[point])

    def wrap(self, kind, port):
        return {"store": _Store, "ledger": _Ledger, "broadcaster": _Broadcaster}.get(kind, _Through)(self, port)


class _Through:
    def __init__(self, guillotine, port):
        self._guillotine, self._port = guillotine, port

    def __getattr__(self, name):
        return getattr(self._port, name)


class _Store(_Through):
    def commit(self, change):
        hit = self._guillotine.hit
        reached = {each.state for each in change.withdrawals}
        attempts = {each.state for each in change.attempts}
        for point, here in (
            (3, WithdrawalState.DECIDED in reached),
            (7, bool(change.signatures)),
            (10, AttemptState.ACKED in attempts),
            (11, AttemptState.MINED in attempts),
            (13, WithdrawalState.SETTLED in reached),
        ):
            if here:
                hit(point)
        self._port.commit(change)
        for point, here in (
            (4, WithdrawalState.APPROVED in reached),
            (5, change.reserve is not None),
            (6, bool(change.signatures)),
            (8, AttemptState.MAYBE_SENT in attempts),
            (12, WithdrawalState.FINAL in reached),
        ):
            if here:
                hit(point)

    def add_approval(self, withdrawal_id, approval):
        self._port.add_approval(withdrawal_id, approval)
        self._guillotine.hit(4)


class _Ledger(_Through):
    def hold(self, *arguments):
        self._port.hold(*arguments)
        self._guillotine.hit(1)


class _Broadcaster(_Through):
    def broadcast(self, signed):
        txid = self._port.broadcast(signed)
        self._guillotine.hit(9)
        return txid
