# Kills the process, as far as the code under test can tell: a BaseException no handler of ours may catch,
# raised right before or right after the n-th durable or external call.


class CrashForTest(BaseException):
    pass


WATCHED = {
    "store": {"add", "commit", "add_approval"},
    "ledger": {"hold", "post", "void"},
    "broadcaster": {"broadcast"},
    "signer": {"sign", "tombstone"},
}


class Crasher:
    def __init__(self):
        self.calls = 0
        self.at = None  # (call number, after the effect?)
        self.names = []

    def arm(self, call, *, after):
        self.calls, self.at, self.names = 0, (call, after), []

    def disarm(self):
        self.at = None

    def wrap(self, kind, port):
        return _Watched(self, kind, port)


class _Watched:
    def __init__(self, crasher, kind, port):
        self._crasher, self._kind, self._port = crasher, kind, port

    def __getattr__(self, name):
        found = getattr(self._port, name)
        if name not in WATCHED[self._kind]:
            return found

        def call(*arguments):
            crasher = self._crasher
            crasher.calls += 1
            crasher.names.append(f"{self._kind}.{name}")
            mine = crasher.at is not None and crasher.at[0] == crasher.calls
            if mine and not crasher.at[1]:
                raise CrashForTest(f"before {self._kind}.{name}")
            result = found(*arguments)
            if mine:
                raise CrashForTest(f"after {self._kind}.{name}")
            return result

        return call
