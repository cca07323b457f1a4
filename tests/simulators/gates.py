# A house whose nine gates are open, and knobs that take the evidence of one of them away.
import hashlib
from dataclasses import dataclass, field

from custody.primitives.errors import NotFound
from custody.primitives.secret import Secret
from custody.store.seals import Seals
from custody.withdrawals.gates.evidence import (
    BooksEvidence,
    ContractEvidence,
    KeyEvidence,
    MonitorEvidence,
    ProofEvidence,
)
from custody.withdrawals.gates.house import HouseGates
from custody.withdrawals.gates.rules import GateRules

SEALS = Seals(*(Secret(hashlib.sha256(name).digest()) for name in (b"business", b"risk", b"receipts")))


@dataclass
class SimEvidence:
    """What a healthy house would say at any time; `changed` replaces answers, `silent` takes them away."""

    now_s: object
    notes: object = None
    changed: dict = field(default_factory=dict)
    silent: set = field(default_factory=set)

    def answer(self, name, healthy):
        if name in self.silent:
            raise NotFound(f"nobody knows the {name}")
        return self.changed.get(name, healthy)

    def keys(self, lane):
        members = tuple((each.signer.name, each.key.raw.hex()) for each in lane.members)
        seen = tuple((each.signer.name, self.now_s()) for each in lane.members)
        return self.answer("keys", KeyEvidence("ab" * 32, members, members, lane.threshold, seen))

    def hold_note(self, withdrawal_id):
        return self.answer("hold", self.notes(withdrawal_id))

    def books(self, asset):
        return self.answer("books", BooksEvidence(asset.symbol, self.now_s(), "0"))

    def contract(self, lane):
        return self.answer("contract", ContractEvidence("account", lane.wallet_id, self.now_s(), ""))

    def monitor(self, lane):
        heads = tuple((each.signer.name, 1, "cd" * 32, self.now_s()) for each in lane.members)
        return self.answer("monitor", MonitorEvidence(self.now_s(), heads, "", lane.threshold))

    def proof(self, asset):
        return self.answer("proof", ProofEvidence(1, self.now_s()))


def open_gates(house, **limits):
    # Over a house with `now_s` and a `SimLedger`; returns the gates and the evidence with its knobs.
    evidence = SimEvidence(lambda: house.now_s, lambda name: open_note(house.ledger, name))
    return HouseGates(evidence, GateRules(**{"first_proof_due_s": 0, **limits})), evidence


def open_note(ledger, withdrawal_id):
    hold = ledger.holds.get(withdrawal_id)
    return None if hold is None or withdrawal_id in ledger.ends else hold[2]
