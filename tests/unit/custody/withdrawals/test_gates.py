# Each of the nine gates switched off once: no signer is asked, nothing is lost, and it goes on when the gate opens.
import threading
from dataclasses import replace

import pytest
from simulators.gates import SEALS, SimEvidence
from simulators.withdrawal_house import BIG_UNITS, House, house_policy

from custody.keys import ed25519
from custody.primitives.errors import InvalidInput, MalformedPayload
from custody.store.receipts import all_receipts
from custody.withdrawals.bumping import speed_up
from custody.withdrawals.errors import GateClosed
from custody.withdrawals.gates.evidence import (
    LAYERS,
    BooksEvidence,
    ContractEvidence,
    IsolationEvidence,
    Layer,
    MonitorEvidence,
    PolicyEvidence,
    ProofEvidence,
    QuorumEvidence,
)
from custody.withdrawals.gates.judging import Moment, judge
from custody.withdrawals.gates.receipts import verify_receipts
from custody.withdrawals.gates.rules import DAY_S, GateRules, encode_rules, parse_rules
from custody.withdrawals.gating import pass_gates
from custody.withdrawals.ports import Change
from custody.withdrawals.signer_order import SignerOrder
from custody.withdrawals.states import PaymentEvent, PaymentState, WithdrawalState

W = WithdrawalState
UNITS = BIG_UNITS


@pytest.fixture
def house():
    return House()


def approved(house):
    withdrawal_id = house.ask(UNITS).id
    house.pipeline.decide(house.now_s)
    house.approve(withdrawal_id, "ann", "bob")
    house.pipeline.decide(house.now_s)
    assert house.state(withdrawal_id) is W.APPROVED
    return withdrawal_id


def payment_of(house, withdrawal_id):
    return house.store.payment(house.service.get(withdrawal_id).payment_id)


def bend_stored(house, monkeypatch, **changes):
    # What the store would return had somebody written there who owns the keys of both services, too.
    genuine = house.store.withdrawal
    monkeypatch.setattr(house.store, "withdrawal", lambda name: replace(genuine(name), **changes))


def without_keys(house, _monkeypatch):
    house.evidence.silent.add("keys")


def without_quorum(house, monkeypatch):
    monkeypatch.setattr(house.gates, "rules", replace(house.gates.rules, min_organisations=2))


def without_isolation(house, monkeypatch):
    monkeypatch.setattr("custody.withdrawals.gates.judging.EDGES", frozenset())


def without_policy(house, monkeypatch):
    monkeypatch.setattr(house.store, "with_limits", lambda names: frozenset())


def without_intent(house, monkeypatch):
    bend_stored(house, monkeypatch, request_hash=bytes(32))


def without_ledger(house, _monkeypatch):
    house.evidence.changed["books"] = BooksEvidence("SIM", house.now_s, "1")


def without_contracts(house, _monkeypatch):
    house.evidence.changed["contract"] = ContractEvidence("account", "hot-sim", house.now_s, "threshold 1, not 2")


def without_monitoring(house, _monkeypatch):
    house.evidence.changed["monitor"] = MonitorEvidence(house.now_s - 3_600, (), "", 2)


def without_proof(house, _monkeypatch):
    house.evidence.changed["proof"] = ProofEvidence(0, 0)


OFF = {
    Layer.KEYS: (without_keys, "nobody knows the keys"),
    Layer.QUORUM: (without_quorum, "fewer than 2 organisations"),
    Layer.ISOLATION: (without_isolation, "does not go from hot to one_time"),
    Layer.POLICY: (without_policy, "share of the limits is not reserved"),
    Layer.INTENT: (without_intent, "the record is not what was asked"),
    Layer.LEDGER: (without_ledger, "1 base units are missing"),
    Layer.CONTRACTS: (without_contracts, "threshold 1, not 2"),
    Layer.MONITORING: (without_monitoring, "the monitor is not alive"),
    Layer.PROOF: (without_proof, "first statement of reserves is overdue"),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_signing_stops_without_this_layer_and_goes_on_with_it(house, layer):
    switch_off, why = OFF[layer]
    withdrawal_id = approved(house)
    with pytest.MonkeyPatch.context() as monkeypatch:
        switch_off(house, monkeypatch)
        for _ in range(3):
            problems = [each.problem for each in house.step()]
            assert any(f"gate {layer.value} is closed" in each and why in each for each in problems)
        payment = payment_of(house, withdrawal_id)
        assert payment.state is PaymentState.OPEN
        assert payment.note.startswith(f"gate {layer.value} is closed: ")
        assert why in payment.note
        assert not any(signer.asked for signer in house.signers)
        assert house.store.receipt(withdrawal_id) is None
        assert house.ledger.held() == UNITS
        version = payment.version
        house.step()
        assert payment_of(house, withdrawal_id).version == version  # said once
    house.evidence.silent.clear()
    house.evidence.changed.clear()
    house.now_s += 1  # answers about the house are a second old at most
    house.settle()
    assert house.state(withdrawal_id) is W.SETTLED
    receipt = house.store.receipt(withdrawal_id)
    assert [gate.layer for gate in receipt.draft.gates] == list(LAYERS)
    assert all(gate.ok for gate in receipt.draft.gates)


@pytest.mark.parametrize("name", ["keys", "hold", "books", "contract", "monitor", "proof"])
def test_an_answer_that_does_not_come_closes_its_gate(house, name):
    withdrawal_id = approved(house)
    house.evidence.silent.add(name)
    assert any("no evidence: not_found" in each.problem for each in house.step())
    assert payment_of(house, withdrawal_id).state is PaymentState.OPEN
    assert not any(signer.asked for signer in house.signers)


def test_a_gate_that_closes_between_two_signers_stops_the_second(house):
    withdrawal_id = approved(house)
    for signer in house.signers[1:]:
        signer.down = True
    house.step()
    assert payment_of(house, withdrawal_id).state is PaymentState.SIGNING
    for signer in house.signers:
        signer.down, signer.asked = False, 0
    house.now_s += 1
    without_contracts(house, None)
    assert any("gate contracts is closed" in each.problem for each in house.step())
    assert not any(signer.asked for signer in house.signers)
    house.evidence.changed.clear()
    house.now_s += 1
    house.settle()
    assert house.state(withdrawal_id) is W.SETTLED


def test_no_higher_fee_is_paid_while_a_gate_of_the_house_is_closed():
    house = House(bump_after_ms=1_000)
    withdrawal_id = approved(house)
    house.step()
    before = [signer.asked for signer in house.signers]
    house.now_s += 60
    without_ledger(house, None)
    with pytest.raises(GateClosed, match="gate ledger"):
        speed_up(payment_of(house, withdrawal_id), house.parts, SignerOrder(), house.now_s)
    assert [signer.asked for signer in house.signers] == before


def test_a_payment_that_a_restored_database_never_opened_gets_its_receipt_before_anybody_is_asked(house):
    withdrawal_id = approved(house)
    without_proof(house, None)
    house.step()
    # As the boot gate leaves it: SIGNING, and no receipt.
    house.store.commit(Change(payments=(payment_of(house, withdrawal_id).move(PaymentEvent.ASK_SIGNERS),)))
    house.step()
    assert house.store.receipt(withdrawal_id) is None
    house.evidence.changed.clear()
    house.now_s += 1
    house.settle()
    assert house.state(withdrawal_id) is W.SETTLED
    assert house.store.receipt(withdrawal_id).number == 1


def test_the_house_is_asked_once_a_second_whatever_is_paid(house, monkeypatch):
    asked = []
    genuine = SimEvidence.books

    def counted(evidence, asset):
        asked.append(asset)
        return genuine(evidence, asset)

    monkeypatch.setattr(SimEvidence, "books", counted)
    for number in range(5):
        house.ask(1_000, key=f"key-{number}")
    house.step()
    assert len(asked) == 1


def test_the_ledgers_own_note_must_be_of_this_request(house):
    withdrawal_id = approved(house)
    customer, units, note = house.ledger.holds[withdrawal_id]
    house.ledger.holds[withdrawal_id] = (customer, units, note.replace(b"sim1dest", b"sim1evil"))
    house.step()
    assert (
        "gate ledger is closed: the ledger holds nothing for this very request" in payment_of(house, withdrawal_id).note
    )


def test_receipts_of_all_payments_make_one_chain(house):
    asked = [house.ask(1_000 + number, key=f"key-{number}").id for number in range(4)]
    house.settle()
    found = list(all_receipts(house.engine))
    assert sorted(each.draft.withdrawal_id for each in found) == sorted(asked)
    assert verify_receipts(found, ed25519.public_key(SEALS.receipts)).number == 4


def test_two_workers_leave_one_receipt(tmp_path):
    house = House(url=f"sqlite:///{tmp_path / 'custody.db'}")
    withdrawal_id = approved(house)
    first, second = threading.Thread(target=house.step), threading.Thread(target=house.step)
    first.start()
    second.start()
    first.join()
    second.join()
    house.settle()
    assert house.state(withdrawal_id) is W.SETTLED
    assert house.store.receipt(withdrawal_id).number == 1


# The single judges ------------------------------------------------------------------------------

NOW_S = 1_800_000_000
MOMENT = Moment(GateRules(first_proof_due_s=NOW_S + DAY_S), NOW_S * 1_000)
QUORUM = QuorumEvidence("zoe", (("ops", ("ann", "bob"), 2),), (("ann", "A", "x", NOW_S), ("bob", "B", "x", NOW_S)), (), 60, ("s1", "s2"), 2)  # fmt: skip
WAY = IsolationEvidence("customer", "hot", "one_time", "w", "hot", "c", "c", "10", "", 1, 16)
DECIDED = PolicyEvidence("allow", 1, 1, "aa", "aa", "clear", has_reserved=True, has_begun=False)
MONITOR = MonitorEvidence(NOW_S, (("a", 1, "h", NOW_S), ("b", 1, "h", NOW_S)), "", 2)


@pytest.mark.parametrize(
    ("layer", "good", "changes"),
    [
        (Layer.QUORUM, QUORUM, [{"initiator": "ann"}, {"initiator": "B"}, {"max_age_s": 60, "voices": QUORUM.voices[:1]}, {"denied": ("cid",)}, {"voices": (("ann", "A", "x", NOW_S), ("bob", "A", "x", NOW_S))}, {"voices": (("ann", "A", "x", NOW_S - 61), ("bob", "B", "x", NOW_S))}, {"signers": ("s1", "s1")}, {"threshold": 1}]),
        (Layer.ISOLATION, WAY, [{"source": "cold"}, {"tier": "cold"}, {"to_chain": "d"}, {"large_from": "9"}, {"waiting": 17}, {"destination": "cold"}]),
        (Layer.POLICY, DECIDED, [{"outcome": "block"}, {"active": 2}, {"facts": "bb"}, {"screening": "hit"}, {"has_reserved": False}]),
        (Layer.MONITORING, MONITOR, [{"stop": "frozen"}, {"alive_at_s": NOW_S - 11}, {"broken": "a went back"}, {"heads": MONITOR.heads[:1]}, {"heads": (("a", 1, "h", NOW_S - 61), ("b", 1, "h", NOW_S))}]),
        (Layer.CONTRACTS, ContractEvidence("account", "w", NOW_S, ""), [{"compared_at_s": NOW_S - 61}, {"compared_at_s": NOW_S + 61}, {"form": "other"}, {"difference": "a module"}]),
    ],
)  # fmt: skip
def test_every_condition_of_a_gate_closes_it(layer, good, changes):
    assert judge(layer, good, MOMENT).ok
    for change in changes:
        result = judge(layer, replace(good, **change), MOMENT)
        assert not result.ok, change
        assert result.reason


def test_proof_and_fund_are_asked_for_from_their_time_on_and_the_evidence_says_so():
    young = judge(Layer.PROOF, ProofEvidence(0, 0), MOMENT)
    assert young.ok
    assert f'"first_proof_due_s":{NOW_S + DAY_S}'.encode() in young.evidence
    due = Moment(GateRules(first_proof_due_s=NOW_S), NOW_S * 1_000)
    assert not judge(Layer.PROOF, ProofEvidence(0, 0), due).ok
    assert judge(Layer.PROOF, ProofEvidence(1, NOW_S - DAY_S), due).ok
    assert not judge(Layer.PROOF, ProofEvidence(1, NOW_S - 33 * DAY_S), due).ok
    fund = Moment(GateRules(first_proof_due_s=NOW_S, fund_from_s=NOW_S), NOW_S * 1_000)
    shown = ProofEvidence(1, NOW_S)
    assert not judge(Layer.PROOF, shown, fund).ok
    assert not judge(Layer.PROOF, replace(shown, fund="99", exposure="100"), fund).ok
    assert judge(Layer.PROOF, replace(shown, fund="100", exposure="100"), fund).ok


def test_tokens_that_nobody_compares_are_paid_only_where_the_house_says_so(house):
    withdrawal_id = approved(house)
    house.evidence.changed["books"] = BooksEvidence("", 0, "0")
    house.gates.rules = replace(house.gates.rules, has_unwatched_tokens=False)
    house.step()
    assert "nobody compares chain and books" in payment_of(house, withdrawal_id).note


@pytest.mark.parametrize("raw", [b"", b"[]", b"{}", b'{"format": "mext/gate-rules/1"}', b'{"format": "mext/gate-rules/1", "off": true}'])  # fmt: skip
def test_gate_rules_are_read_strictly(raw):
    with pytest.raises(MalformedPayload):
        parse_rules(raw)


def test_gate_rules_come_back_as_they_were_written():
    rules = GateRules(first_proof_due_s=NOW_S, fund_from_s=NOW_S + 1)
    assert parse_rules(encode_rules(rules)) == rules
    with pytest.raises(InvalidInput):
        parse_rules(encode_rules(rules).replace(b'"max_books_age_s": 60', b'"max_books_age_s": 0'))


def test_a_version_that_changed_sends_the_payment_back_before_any_gate_is_asked(house):
    withdrawal_id = approved(house)
    without_proof(house, None)
    house.step()
    house.policy = house_policy(version=2)
    house.now_s += 1
    house.step()
    assert house.state(withdrawal_id) is W.AWAITING_APPROVAL
    house.approve(withdrawal_id, "ann", "bob")
    house.step()
    payment = payment_of(house, withdrawal_id)
    with pytest.raises(GateClosed, match="gate proof"):
        pass_gates(payment, [house.service.get(withdrawal_id)], house.parts)
