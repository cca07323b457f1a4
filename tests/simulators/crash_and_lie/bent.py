# The house of the run: two nodes, one of which may lag, lie or be silent, and signers with the real memory.
from dataclasses import dataclass, field
from pathlib import Path

from simulators.chain import SimBroadcaster, SimReader
from simulators.crash_and_lie.signers import MemorySigner
from simulators.withdrawal_house import House

from custody.primitives.chain import Finality
from custody.primitives.errors import NodeUnavailable, Refused

MOODS = ("honest", "behind", "silent", "dead", "failed", "final", "mined", "unknown")


class BentReader(SimReader):
    def __init__(self, network, mood):
        super().__init__(network)
        self.mood = mood

    def finality(self, txid, conflict_key):
        truth = super().finality(txid, conflict_key)
        match self.mood():
            case "honest":
                return truth
            case "silent":
                raise NodeUnavailable("the second node is silent")
            case "behind":
                return {Finality.FINAL: Finality.MINED, Finality.DEAD: Finality.UNKNOWN}.get(truth, Finality.PENDING)
            case lie:
                return Finality(lie)


class BentBroadcaster:
    def __init__(self, network, mood):
        self.network, self.mood = network, mood

    def broadcast(self, signed):
        match self.mood():
            case "silent":
                raise NodeUnavailable("the second node is silent")
            case "dead" | "failed":
                raise Refused("the second node wants nothing of it")
            case "final":
                return f"another-{signed.txid}"
            case "mined":
                return signed.txid  # it says so, and drops it
        return SimBroadcaster(self.network).broadcast(signed)


@dataclass
class BentHouse(House):
    folder: Path = field(default_factory=Path)
    liar_first: bool = False  # the bent node is the lane's own reader, or its witness
    mood: str = "honest"
    guillotine: object = None

    def __post_init__(self):
        super().__post_init__()
        self.ledger.available = {"alice": 10**9, "bobby": 10**9}
        self.money = self.ledger.total()

    def new_signer(self, name):
        return MemorySigner(name, lambda: self.now_s, folder=self.folder)

    def reader(self):
        bent, straight = BentReader(self.network, lambda: self.mood), SimReader(self.network)
        self.witnesses = (straight if self.liar_first else bent,)
        return bent if self.liar_first else straight

    def broadcasters(self):
        return SimBroadcaster(self.network), BentBroadcaster(self.network, lambda: self.mood)

    def close(self):
        for signer in (*self.signers, *([self.sender] if self.sender else [])):
            signer.notes.close()
        self.engine.dispose()

    def screen(self, question):
        answer = super().screen(question)
        if self.guillotine is not None:
            self.guillotine.hit(2)
        return answer

    def database(self):
        # The driver's own connection: SQLite in memory can be taken out and put back whole.
        connection = self.engine.raw_connection()
        try:
            return connection.driver_connection
        finally:
            connection.close()
