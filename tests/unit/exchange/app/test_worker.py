import threading

import pytest

from custody.primitives.errors import InvariantBroken, NodeUnavailable
from exchange.app.worker import Loop, Worker

WAIT_S = 5


class Script:
    """A step that follows a script of outcomes, then succeeds for ever; `reached(n)` waits for its n-th call."""

    def __init__(self, *outcomes):
        self.outcomes, self.calls, self.called = list(outcomes), 0, threading.Condition()

    def __call__(self):
        with self.called:
            self.calls += 1
            self.called.notify_all()
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is not None:
            raise outcome

    def reached(self, calls):
        with self.called:
            return self.called.wait_for(lambda: self.calls >= calls, WAIT_S)


@pytest.fixture
def running():
    workers = []

    def start(**steps):
        worker = Worker([Loop(name, 0.001, step) for name, step in steps.items()])
        workers.append(worker)
        worker.start()
        return worker

    yield start
    for worker in workers:
        worker.stop()


def ended(name):
    return all(thread.name != name for thread in threading.enumerate())


def wait_until(condition):
    done = threading.Event()
    for _ in range(WAIT_S * 200):
        if condition():
            return True
        done.wait(0.005)
    return False


def test_a_broken_invariant_ends_its_loop_and_stays_visible(running):
    broken, other = Script(InvariantBroken("books do not add up")), Script()
    worker = running(broken=broken, other=other)
    assert wait_until(lambda: ended("broken"))
    calls = other.calls
    assert other.reached(calls + 3)
    assert broken.calls == 1
    assert worker.problems() == {"broken": "stopped: books do not add up"}


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_an_error_nobody_foresaw_ends_its_loop_and_stays_visible(running):
    broken, other = Script(KeyError("x")), Script()
    worker = running(broken=broken, other=other)
    assert wait_until(lambda: ended("broken"))
    calls = other.calls
    assert other.reached(calls + 3)
    assert worker.problems() == {"broken": "stopped: KeyError"}


def test_an_error_of_ours_is_noted_and_the_loop_goes_on(running):
    script = Script(*[NodeUnavailable("no answer")] * 500)
    worker = running(chain=script)
    assert script.reached(3)
    assert wait_until(lambda: worker.problems() == {"chain": "no answer"})
    script.outcomes.clear()
    assert wait_until(lambda: worker.problems() == {})


def test_a_silent_loop_delays_no_other(running):
    release = threading.Event()
    quick = Script()
    worker = running(silent=release.wait, quick=quick)
    assert quick.reached(5)
    release.set()
    worker.stop()


def test_stopping_waits_for_the_step_at_work_and_starts_no_other():
    begun, release, finished = threading.Event(), threading.Event(), []

    def step():
        begun.set()
        release.wait(WAIT_S)
        finished.append(1)

    worker = Worker([Loop("slow", 0.001, step)])
    worker.start()
    assert begun.wait(WAIT_S)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    assert stopper.is_alive()
    release.set()
    stopper.join(WAIT_S)
    assert not stopper.is_alive()
    assert finished == [1]
    assert ended("slow")


def test_stopping_does_not_wait_for_the_pause_between_two_steps():
    script = Script()
    worker = Worker([Loop("rare", 3600.0, script)])
    worker.start()
    assert script.reached(1)
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    stopper.join(WAIT_S)
    assert not stopper.is_alive()


def test_a_worker_that_never_started_can_be_stopped():
    Worker([Loop("never", 1.0, lambda: None)]).stop()


def test_a_changed_chain_calls_the_loops_that_rest_on_it_and_no_other():
    here, there = Script(), Script()
    chains = [frozenset({"chain-a"}), frozenset({"chain-b"})]
    worker = Worker([Loop("here", 0.001, here, chains[0], 3600.0), Loop("there", 0.001, there, chains[1], 3600.0)])
    worker.start()
    assert here.reached(1)
    assert there.reached(1)
    for calls in (2, 3):
        assert wait_until(lambda: worker.call("chain-a") or here.reached(calls))  # noqa: B023 - asked at once
    assert there.calls == 1
    stopper = threading.Thread(target=worker.stop)
    stopper.start()
    stopper.join(WAIT_S)
    assert not stopper.is_alive()


def test_what_changes_during_a_step_is_looked_at_by_the_next_one():
    begun, release, calls = threading.Event(), threading.Event(), []

    def step():
        calls.append(1)
        begun.set()
        release.wait(WAIT_S)

    worker = Worker([Loop("busy", 0.001, step, frozenset({"chain-a"}), 3600.0)])
    worker.start()
    assert begun.wait(WAIT_S)
    worker.call("chain-a")
    release.set()
    assert wait_until(lambda: len(calls) == 2)
    worker.stop()
    assert len(calls) == 2


def test_a_step_that_has_more_to_do_is_not_kept_waiting():
    calls = []
    worker = Worker([Loop("eager", 0.001, lambda: calls.append(1) or len(calls) < 5, frozenset(), 3600.0)])
    worker.start()
    assert wait_until(lambda: len(calls) == 5)
    worker.stop()
    assert len(calls) == 5
