# A real signer process that signs only while a monitor lives, and a monitor process that is killed.
import os
import signal
import subprocess
import sys
import time

import pytest
from simulators.signer_kit import approve, intent, request
from simulators.toy_family import pay

from custody.primitives.errors import Refused
from custody.signers.lease import MAX_AGE_MS, LeaseLapsed

FAR = 4_000_000_000  # the signer reads the real clock
MONITOR = """
import sys, time
from pathlib import Path
from custody.monitor.lease import RENEW_INTERVAL_S, LeaseKeeper
keeper = LeaseKeeper(Path(sys.argv[1]), list)
while True:
    keeper.renew()
    time.sleep(RENEW_INTERVAL_S)
"""
SLACK_S = 0.5
"""What a busy machine adds between the last look at the lease and the answer."""


@pytest.fixture(scope="module")
def leased(make_signer):
    signer = make_signer("lena", 77)
    signer.stop()
    signer.lease = signer.socket.parent / "monitor.lease"
    plain = signer.command
    signer.command = lambda *more: plain("--lease", str(signer.lease), *more)
    signer.start()
    yield signer
    signer.command = plain


@pytest.fixture
def monitor(leased):
    running = []

    def start():
        process = subprocess.Popen(
            [sys.executable, "-c", MONITOR, str(leased.lease)], env=leased.environment(), start_new_session=True
        )
        running.append(process)
        wait_for(lambda: signs(leased))
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
    leased.lease.unlink(missing_ok=True)


def wait_for(look, limit_s=20):
    until = time.monotonic() + limit_s
    while not look():
        if time.monotonic() > until:
            raise TimeoutError("in vain")
        time.sleep(0.02)


def fresh():
    number = f"lease-{time.time_ns()}"
    item = intent(number, "bob-address", 1, expires_at_s=FAR)
    votes = approve(item, at_s=int(time.time()))
    return request(pay(("bob-address", 1), fee=0, key=f"toy:{number}"), item, approvals=votes)


def signs(signer):
    try:
        return bool(signer.client.sign(fresh()))
    except LeaseLapsed:
        return False


def test_a_signer_without_its_lease_signs_nothing_and_says_why(leased):
    with pytest.raises(LeaseLapsed, match="no lease of the monitor"):
        leased.client.sign(fresh())
    assert leased.client.health()["name"] == "lena"
    leased.client.tombstone("given-up")  # a promise not to sign needs no lease


def test_killing_the_monitor_stops_all_signatures_within_a_second_and_it_goes_on_with_the_next_one(leased, monitor):
    process, asked = monitor(), fresh()
    answer = leased.client.sign(asked)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    killed, last = time.monotonic(), 0.0
    while (asked_at := time.monotonic()) < killed + 3:
        if signs(leased):
            last = asked_at - killed  # what is asked in time may be answered late
    assert last <= MAX_AGE_MS / 1000 + SLACK_S
    with pytest.raises(LeaseLapsed):  # what was signed before is not repeated, either
        leased.client.sign(asked)
    monitor()
    assert leased.client.sign(asked) == answer


def test_a_lease_that_others_may_write_or_that_is_no_file_is_none(leased, monitor):
    monitor()
    leased.lease.chmod(0o622)
    with pytest.raises(Refused, match="only its owner writes"):
        leased.client.sign(fresh())
    leased.lease.chmod(0o600)
    assert signs(leased)
