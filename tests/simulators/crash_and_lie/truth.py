# What the chain, the ledger and the signers know, whatever the database believes; and what must hold between them.
import json

from simulators.chain import FINAL_DEPTH, SimTx

from custody.withdrawals.states import ENDED, UNPAID_ENDS, PaymentState, WithdrawalState


class Violation(AssertionError):
    pass


class Truth:
    def __init__(self, house):
        self.house = house
        self.places = {}  # withdrawal id -> place; outlives every restored database
        self._sent = {}  # txid -> transaction, everything that was ever on the wire
        self._read = 0
        self._ended = set()

    def sent(self):
        sends = self.house.network.sends
        for raw in sends[self._read :]:
            tx = SimTx.from_bytes(json.loads(raw)["tx"].encode())
            self._sent[tx.txid] = tx
        self._read = len(sends)
        return list(self._sent.values())

    def open_ids(self):
        states = frozenset(WithdrawalState) - ENDED - {WithdrawalState.NEEDS_REVIEW}
        return [each.id for each in self.house.service.list(states)]

    def paid(self):
        found = {}
        network = self.house.network
        for tx in network.mined():
            if tx.txid not in network.failed:
                for place, units in tx.outputs:
                    found.setdefault(place, []).append(units)
        return found

    def require(self):
        house, paid = self.house, self.paid()
        if house.ledger.total() != house.money:
            raise Violation(f"the ledger holds {house.ledger.total()}, not {house.money}")
        for each in house.service.list(frozenset(WithdrawalState)):
            got = paid.get(each.to.text, [])
            if got not in ([], [each.amount.units]):
                raise Violation(f"double payment: {each.id} over {each.amount.units} was paid {got}")
            if each.state is WithdrawalState.SETTLED and not got:
                raise Violation(f"{each.id} is settled and was not paid")
            if each.state in UNPAID_ENDS:
                self._require_dead(each, got)
        for hold, end in house.ledger.ends.items():
            if end == "voided" and hold in self.places and paid.get(self.places[hold]):
                raise Violation(f"double payment: {hold} was given back and is paid")
            if end == "posted" and hold in self.places and not paid.get(self.places[hold]):
                raise Violation(f"{hold} is booked and was not paid")
        self.places |= {each.id: each.to.text for each in house.service.list(frozenset(WithdrawalState))}

    def _require_dead(self, withdrawal, got):
        if got:
            raise Violation(f"double payment: {withdrawal.id} is {withdrawal.state.value} and was paid")
        if withdrawal.id in self._ended:
            return
        for tx in self.sent():
            if any(place == withdrawal.to.text for place, _ in tx.outputs) and not self._is_dead(tx):
                raise Violation(
                    f"{withdrawal.id} is {withdrawal.state.value} while bytes that pay it can still confirm"
                )
        self._ended.add(withdrawal.id)

    def _is_dead(self, tx):
        for coin in tx.inputs:
            spender, depth = self.house.network.spender(coin)
            if spender is not None and depth >= FINAL_DEPTH:
                return spender.txid != tx.txid or tx.txid in self.house.network.failed
        return False

    def require_closed_books(self):
        house, paid = self.house, self.paid()
        left = self.open_ids()
        if left:
            raise Violation(f"stuck: {[(each, house.state(each).value) for each in left]}")
        rows = {each.id: each for each in house.service.list(frozenset(WithdrawalState))}
        posted = {hold for hold, end in house.ledger.ends.items() if end == "posted"}
        settled = {each.id for each in rows.values() if each.state is WithdrawalState.SETTLED}
        # A database that was restored may have lost rows, or left them to people; the ledger has not.
        if settled - posted or any(
            rows[each].state is not WithdrawalState.NEEDS_REVIEW for each in (posted & set(rows)) - settled
        ):
            raise Violation(f"imbalance: posted {sorted(posted)}, settled {sorted(settled)}")
        unbooked = [
            each for each in rows.values() if each.state is WithdrawalState.NEEDS_REVIEW and each.id not in posted
        ]
        outflow = sum(sum(units) for place, units in paid.items() if place != "sim1thief")
        under_review = sum(each.amount.units for each in unbooked if paid.get(each.to.text))
        if outflow != house.ledger.paid_out + under_review:
            raise Violation(f"imbalance: {outflow} left the wallet, {house.ledger.paid_out} are booked")
        for payment in house.store.payments(frozenset({PaymentState.FINAL, PaymentState.VOID})):
            keys = {each.signed.conflict_key for each in house.store.attempts(payment.id) if each.signed is not None}
            if keys - {payment.conflict_key}:
                raise Violation(f"{payment.id} has attempts on {keys}")
