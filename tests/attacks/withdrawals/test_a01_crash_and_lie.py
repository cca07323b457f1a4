# Attack A01 in the simulator that crashes and lies; and what the simulator itself is worth: with one rule broken it
# must find the double payment. `python -m simulators.crash_and_lie` runs it for longer.
from dataclasses import replace

import pytest
from simulators.crash_and_lie.__main__ import main
from simulators.crash_and_lie.run import live, run

from custody.primitives.chain import Finality
from custody.signers.memory import Memory
from custody.withdrawals import looking, sending, service, till
from custody.withdrawals.boot_gate import BootGate
from custody.withdrawals.ports import Change
from custody.withdrawals.states import AttemptState, PaymentState, WithdrawalState

MOST_LIVES = 60
LOSSES = ("double payment", "can still confirm", "was not paid", "imbalance")
UNKNOWN = {Finality.UNKNOWN}


def test_a01_random_crashes_and_lies_pay_nobody_twice():
    counts, found = run(seed=1, steps=750)
    assert found is None
    assert sum(kills for name, kills in counts.items() if name.startswith("killed")) > 5


def test_a_life_is_played_the_same_way_again():
    assert live(7, 3, 60) == live(7, 3, 60)


def act_with(monkeypatch, give_up):
    plain = sending._act

    def act(payment, attempts, seen, parts, *, was_sent):
        if was_sent and payment.state is PaymentState.IN_FLIGHT and set(seen.values()) == UNKNOWN:
            give_up(payment, parts)
        else:
            plain(payment, attempts, seen, parts, was_sent=was_sent)

    monkeypatch.setattr(sending, "_act", act)


def pay_again(payment, parts):
    again = tuple(
        replace(parts.store.withdrawal(each), state=WithdrawalState.APPROVED) for each in payment.withdrawal_ids
    )
    void = replace(payment, state=PaymentState.VOID)
    parts.store.commit(Change(withdrawals=again, payments=(void,), free=(payment.id,)))


def refund_on_timeout(monkeypatch):
    act_with(
        monkeypatch, lambda payment, parts: sending._die(payment, list(parts.store.attempts(payment.id)), set(), parts)
    )


def rebuild_after_timeout_with_forgetful_signers(monkeypatch):
    act_with(monkeypatch, pay_again)
    monkeypatch.setattr(Memory, "_require_free", lambda *_: None)


def believe_one_node(monkeypatch):
    def together(lane, signed):
        return lane.reader.finality(signed.txid, signed.conflict_key)

    monkeypatch.setattr(looking, "_together", together)


def start_without_a_gate(monkeypatch):
    monkeypatch.setattr(BootGate, "is_open", lambda *_: True)
    monkeypatch.setattr(BootGate, "try_open", lambda *_: [])
    monkeypatch.setattr(service, "doubt_without_hold", lambda *_: None)


def evict_is_death(monkeypatch):
    plain = till.follow

    def follow(payment, parts, sent):
        newest = parts.store.attempts(payment.id)[-1]
        plain(payment, parts, sent)
        now = parts.store.payment(payment.id)
        evicted = (
            newest.state is AttemptState.ACKED and now.state is PaymentState.IN_FLIGHT and now.version > payment.version
        )
        if evicted and parts.store.attempts(payment.id)[-1].state is AttemptState.MAYBE_SENT:
            sending._die(now, list(parts.store.attempts(now.id)), set(), parts)

    monkeypatch.setattr(till, "follow", follow)


BROKEN_RULES = [
    refund_on_timeout,
    pytest.param(rebuild_after_timeout_with_forgetful_signers, marks=pytest.mark.slow),
    believe_one_node,
    pytest.param(start_without_a_gate, marks=pytest.mark.slow),
    evict_is_death,
]


def loss_within(lives):
    # What a broken rule first costs; that something waits for ever may come earlier, and does not count here.
    for number in range(lives):
        _, found = live(1, number)
        if found is not None and any(word in found.what for word in LOSSES):
            return found
    return None


@pytest.mark.parametrize("break_rule", BROKEN_RULES, ids=lambda each: each.__name__)
def test_with_a_broken_rule_the_simulator_finds_the_loss(monkeypatch, break_rule):
    break_rule(monkeypatch)
    assert loss_within(MOST_LIVES) is not None


def test_rebuilding_alone_pays_nobody_twice_since_the_signers_remember(monkeypatch):
    act_with(monkeypatch, pay_again)
    assert loss_within(3) is None


def test_a_violation_is_reported_with_its_replay_and_fails(monkeypatch, capsys):
    refund_on_timeout(monkeypatch)
    monkeypatch.setattr("sys.argv", ["crash_and_lie", "--seed", "1", "--steps", "5000"])
    assert main() == 1
    said = capsys.readouterr().out
    life = said.split("VIOLATION in life ")[1].split(",")[0]
    assert f"replay: PYTHONPATH=tests .venv/bin/python -m simulators.crash_and_lie --seed 1 --life {life}" in said
