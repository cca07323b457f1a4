# `decide` and `pay` apart, as the threads of an installation run them.
import threading

import pytest
from simulators.chain import SIM
from simulators.withdrawal_house import House

from custody.primitives.errors import InvariantBroken, StaleState, UnknownChain
from custody.withdrawals.asking import visit_of
from custody.withdrawals.pipeline import Pipeline
from custody.withdrawals.states import PaymentState, WithdrawalState

UNITS = 1_000


def test_refuses_to_pay_on_a_chain_without_a_lane():
    house = House()
    with pytest.raises(UnknownChain):
        house.pipeline.pay("otherchain", house.now_s)


def test_a_broken_invariant_in_one_thread_stops_all_of_them(monkeypatch):
    house = House()
    house.ask(UNITS)

    def broken(*_):
        raise InvariantBroken("on purpose")

    monkeypatch.setattr(house.ledger, "void", broken)
    house.service.cancel(house.ask(UNITS, key="key-2").id, 1)
    with pytest.raises(InvariantBroken):
        house.pipeline.decide(house.now_s)
    with pytest.raises(InvariantBroken, match="on purpose"):
        house.pipeline.pay(SIM, house.now_s)
    assert not house.network.sends


def test_nothing_is_paid_on_a_chain_whose_signers_were_not_heard():
    house = House()
    withdrawal_id = house.ask(UNITS).id
    house.step()
    house.reopen()
    pipeline = house.pipeline
    pipeline._gate._closed = {SIM}
    pipeline._gate._heard.clear()
    for signer in house.signers:
        signer.down = True
    progress = pipeline.pay(SIM, house.now_s)
    assert all(each.record == "boot gate" for each in progress)
    assert progress
    assert house.state(withdrawal_id) is not WithdrawalState.SETTLED


def test_deciding_pays_nothing_and_paying_decides_nothing():
    house = House()
    withdrawal_id = house.ask(UNITS).id
    house.pipeline.pay(SIM, house.now_s)
    assert house.state(withdrawal_id) is WithdrawalState.HELD
    house.pipeline.decide(house.now_s)
    assert house.state(withdrawal_id) is WithdrawalState.APPROVED
    house.pipeline.pay(SIM, house.now_s)
    assert house.state(withdrawal_id) is WithdrawalState.BROADCAST


def test_threads_that_decide_and_pay_at_once_pay_everything_once(tmp_path):
    house = House(url=f"sqlite:///{tmp_path / 'custody.db'}")
    asked = [house.ask(UNITS + number, key=f"key-{number}").id for number in range(6)]
    over = threading.Event()

    def until_over(step):
        while not over.is_set():
            step()
            over.wait(0.01)

    first, second = house.pipeline, Pipeline(house.parts)
    second.try_open()
    steps = (
        lambda: first.decide(house.now_s),
        lambda: first.pay(SIM, house.now_s),
        lambda: second.pay(SIM, house.now_s),
    )
    threads = [threading.Thread(target=until_over, args=(step,)) for step in steps]
    for thread in threads:
        thread.start()
    for _ in range(2_000):
        if all(house.state(each) is WithdrawalState.SETTLED for each in asked):
            break
        house.network.mine()
        over.wait(0.02)
    over.set()
    for thread in threads:
        thread.join()
    assert [house.state(each) for each in asked] == [WithdrawalState.SETTLED] * 6
    assert sorted(house.network.paid("sim1dest")) == [UNITS + number for number in range(6)]


def test_a_payment_completed_by_another_worker_meanwhile_is_no_broken_rule():
    house = House()
    house.ask(UNITS)
    for signer in house.signers:
        signer.down = True
    house.step()
    (payment,) = house.store.payments({PaymentState.SIGNING})
    withdrawals = tuple(house.service.get(each) for each in payment.withdrawal_ids)
    for signer in house.signers:
        signer.down = False
    house.step()
    with pytest.raises(StaleState):
        visit_of(payment, withdrawals, house.parts)
