# A simulated ledger of holds that survives crashes of whoever uses it, and checks its own balance.
from dataclasses import dataclass, field

from custody.primitives.errors import Conflict, IdempotencyConflict, InsufficientFunds


@dataclass
class SimLedger:
    available: dict[str, int] = field(default_factory=dict)
    holds: dict[str, tuple[str, int, bytes]] = field(default_factory=dict)
    ends: dict[str, str] = field(default_factory=dict)
    paid_out: int = 0

    def hold(self, withdrawal_id, customer, amount, note):
        wanted = (customer, amount.units, note)
        if withdrawal_id in self.holds:
            if self.holds[withdrawal_id] != wanted:
                raise IdempotencyConflict(f"hold {withdrawal_id} exists with another content")
            return
        if self.available.get(customer, 0) < amount.units:
            raise InsufficientFunds(f"{customer} has less than {amount}")
        self.available[customer] -= amount.units
        self.holds[withdrawal_id] = wanted

    def post(self, withdrawal_id):
        if self._ends(withdrawal_id, "posted"):
            self.paid_out += self.holds[withdrawal_id][1]

    def void(self, withdrawal_id):
        if self._ends(withdrawal_id, "voided"):
            customer, units, _ = self.holds[withdrawal_id]
            self.available[customer] += units

    def open_notes(self):
        return [note for withdrawal_id, (_, _, note) in self.holds.items() if withdrawal_id not in self.ends]

    def held(self):
        return sum(units for each, (_, units, _) in self.holds.items() if each not in self.ends)

    def total(self):
        return sum(self.available.values()) + self.held() + self.paid_out

    def _ends(self, withdrawal_id, end):
        before = self.ends.get(withdrawal_id)
        if before not in (None, end):
            raise Conflict(f"hold {withdrawal_id} was {before}")
        self.ends[withdrawal_id] = end
        return before is None
