import threading

from custody.primitives.turns import Turns

WAIT_S = 10.0


def test_those_who_wait_go_in_the_order_they_came():
    turns, order, threads = Turns(), [], []
    assert turns.take(WAIT_S)

    def work(name):
        assert turns.take(WAIT_S)
        order.append(name)
        turns.give_back()

    for name in range(8):
        thread = threading.Thread(target=work, args=(name,))
        thread.start()
        threads.append(thread)
        while len(turns._line) <= name:  # the line is what is tested: each stands in it before the next comes
            pass
    turns.give_back()
    for thread in threads:
        thread.join(WAIT_S)
    assert order == list(range(8))


def test_one_who_gave_up_is_not_called():
    turns = Turns()
    assert turns.take(WAIT_S)
    assert not turns.take(0.01)
    turns.give_back()
    assert turns.take(0.0)


def test_never_two_at_once():
    turns, inside, seen = Turns(), [], []

    def work(me):
        for _ in range(200):
            if turns.take(WAIT_S):
                inside.append(me)
                seen.append(len(inside))
                inside.pop()
                turns.give_back()

    threads = [threading.Thread(target=work, args=(me,)) for me in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert seen == [1] * 800
