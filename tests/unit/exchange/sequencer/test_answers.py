import numpy as np
import pytest

from custody.primitives.errors import IdempotencyConflict, InvariantBroken
from exchange.engine.records import CMD, EVENT, FILL
from exchange.engine.views import Outputs
from exchange.sequencer.answers import AnswerWindow
from exchange.sequencer.errors import CommandTooOld


def commands(ids, session=1, qty=5):
    records = np.zeros(len(ids), CMD)
    records["kind"], records["session"], records["cmd_id"], records["qty"] = 1, session, ids, qty
    return records


def applied(admission, first_seq):
    count = len(admission.batch.commands)
    events = np.zeros(count, EVENT)
    events["seq"] = np.arange(first_seq, first_seq + count)
    admission.batch.first_seq = first_seq
    admission.batch.outputs = Outputs(events, np.zeros(0, FILL))
    return admission


def test_refuses_the_same_name_with_another_content():
    window = AnswerWindow()
    window.admit(commands([1, 2]))
    with pytest.raises(IdempotencyConflict) as caught:
        window.admit(commands([2], qty=6))
    assert caught.value.facts == {"session": 1, "cmd_id": 2}


def test_refuses_the_same_name_with_another_content_within_one_call():
    records = commands([1, 1])
    records["price"] = [1, 2]
    with pytest.raises(IdempotencyConflict):
        AnswerWindow().admit(records)


def test_a_refused_call_leaves_nothing_behind():
    window = AnswerWindow()
    applied(window.admit(commands([5])), 1)
    with pytest.raises(IdempotencyConflict):
        window.admit(np.concatenate([commands([6]), commands([5], qty=9)]))
    assert len(window.admit(commands([6], qty=7)).batch.commands) == 1


@pytest.mark.parametrize("old", [1, 3, 6])
def test_refuses_ids_before_the_window_whether_seen_or_not(old):
    window = AnswerWindow(limit=4)
    for seq, cmd_id in enumerate([2, 4, 5, 6, 10, 11, 12, 13], start=1):
        applied(window.admit(commands([cmd_id])), seq)
    with pytest.raises(CommandTooOld):
        window.admit(commands([old]))
    with pytest.raises(CommandTooOld):
        window.admit(commands([20, old]))
    assert window.admit(commands([10])).answer().events["seq"].tolist() == [5]


def test_the_floor_of_one_session_does_not_bind_another():
    window = AnswerWindow(limit=2)
    for seq, cmd_id in enumerate([100, 101, 102, 103], start=1):
        applied(window.admit(commands([cmd_id])), seq)
    with pytest.raises(CommandTooOld):
        window.admit(commands([1]))
    assert len(window.admit(commands([1], session=2)).batch.commands) == 1
    mixed = commands([2, 104])
    mixed["session"] = [2, 1]
    assert len(window.admit(mixed).batch.commands) == 2


def test_nothing_is_forgotten_before_it_was_applied():
    window = AnswerWindow(limit=1)
    waiting = window.admit(commands([1, 2, 3]))
    window.admit(commands([4]))
    applied(waiting, 1)
    assert window.admit(commands([2])).answer().events["seq"].tolist() == [2]


def test_an_answer_before_its_time_is_a_bug():
    window = AnswerWindow()
    window.admit(commands([1]))
    with pytest.raises(InvariantBroken):
        window.admit(commands([1])).answer()


def test_the_time_stamp_is_not_content():
    window = AnswerWindow()
    applied(window.admit(commands([1])), 1)
    again = commands([1])
    again["ts"] = 999
    assert len(window.admit(again).batch.commands) == 0


def test_the_house_session_is_not_de_duplicated():
    window = AnswerWindow()
    for _ in range(2):
        assert len(window.admit(commands([0, 0], session=0)).batch.commands) == 2
    mixed = commands([0, 7, 0])
    mixed["session"] = [0, 1, 0]
    assert len(window.admit(mixed).batch.commands) == 3
    assert len(window.admit(mixed).batch.commands) == 2


def test_repetitions_get_the_first_answer_in_the_order_of_the_call():
    window = AnswerWindow()
    applied(window.admit(commands([1, 2, 3])), 10)
    call = applied(window.admit(commands([3, 9, 9, 1])), 20)
    assert len(call.batch.commands) == 1
    assert call.answer().events["seq"].tolist() == [12, 20, 20, 10]
