import os
import socket
import sys
import threading
import time
from pathlib import Path

import pytest

from custody.devnet.processes import Launch, NodeProcess, NodeStartFailed, free_port
from custody.primitives.errors import NodeUnavailable


def python(folder, code, name="child"):
    return Launch(name, (sys.executable, "-u", "-c", code), folder / "run", {"CHILD": "yes"})


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


# Refusals --------------------------------------------------------------------------------


def test_a_program_that_is_not_there_is_named(tmp_path):
    with pytest.raises(NodeStartFailed, match="no-such-program"):
        NodeProcess.start(Launch("x", ("/no-such-program",), tmp_path), is_ready=lambda: True)


def test_an_early_end_shows_the_log(tmp_path):
    with pytest.raises(NodeStartFailed, match="out of luck"):
        NodeProcess.start(python(tmp_path, "print('out of luck'); raise SystemExit(3)"), is_ready=lambda: False)


def test_a_child_that_never_gets_ready_is_not_left_behind(tmp_path):
    launch = python(tmp_path, "import os,time; print(os.getpid()); time.sleep(60)")
    with pytest.raises(NodeStartFailed, match="not ready"):
        NodeProcess.start(launch, is_ready=lambda: False, ready_timeout_s=1)
    assert not is_alive(int(launch.log.read_text().split()[0]))


def test_an_interrupt_while_waiting_leaves_nothing_behind(tmp_path):
    launch = python(tmp_path, "import os,time; print(os.getpid()); time.sleep(60)")

    def interrupted():
        if launch.log.read_text():
            raise KeyboardInterrupt
        return False

    with pytest.raises(KeyboardInterrupt):
        NodeProcess.start(launch, is_ready=interrupted)
    assert not is_alive(int(launch.log.read_text().split()[0]))


# Success ---------------------------------------------------------------------------------


def test_not_yet_may_be_an_unavailable_node(tmp_path):
    launch, asked = python(tmp_path, "import time; time.sleep(60)"), []

    def is_ready():
        asked.append(1)
        if len(asked) < 3:
            raise NodeUnavailable("starting")
        return True

    with NodeProcess.start(launch, is_ready=is_ready) as process:
        assert process.is_running()
    assert not process.is_running()
    assert len(asked) == 3


def test_stop_takes_grandchildren_along_and_may_be_repeated(tmp_path):
    code = "import subprocess,sys,time; c=subprocess.Popen([sys.executable,'-c','import time; time.sleep(60)']); print(c.pid); time.sleep(60)"
    launch = python(tmp_path, code)
    process = NodeProcess.start(launch, is_ready=lambda: bool(launch.log.read_text()))
    grandchild = int(launch.log.read_text())
    process.stop()
    process.stop()
    until = time.monotonic() + 5
    while is_alive(grandchild) and time.monotonic() < until:
        time.sleep(0.05)
    # A zombie without a parent to collect it still has an id in a container; it runs nothing.
    assert not is_alive(grandchild) or Path(f"/proc/{grandchild}/stat").read_text().split()[2] == "Z"


def test_a_child_that_ignores_the_request_is_forced(tmp_path):
    launch = python(
        tmp_path, "import signal,time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf'); time.sleep(60)"
    )
    process = NodeProcess.start(launch, is_ready=lambda: "deaf" in launch.log.read_text())
    process.stop(timeout_s=0.3)
    assert not process.is_running()


def test_kill_is_immediate_and_the_log_stays(tmp_path):
    launch = python(tmp_path, "import os,time; print(os.environ['CHILD'], os.getcwd()); time.sleep(60)")
    process = NodeProcess.start(launch, is_ready=lambda: bool(launch.log.read_text()))
    process.kill()
    assert process.wait_end(1)
    assert process.log_tail().split() == ["yes", str(launch.folder)]


def test_a_begun_child_that_never_gets_ready_is_not_left_behind(tmp_path):
    process = NodeProcess.begin(python(tmp_path, "import time; time.sleep(60)"))
    assert process.is_running()
    with pytest.raises(NodeStartFailed, match="not ready"):
        process.await_ready(lambda: False, 0.05)
    assert not process.is_running()


def test_a_child_started_from_a_thread_outlives_the_thread(tmp_path):
    started = []
    launch = python(tmp_path, "import time; time.sleep(60)")
    thread = threading.Thread(target=lambda: started.append(NodeProcess.start(launch, is_ready=lambda: True)))
    thread.start()
    thread.join()
    time.sleep(0.2)
    assert started[0].is_running()
    started[0].stop()


def test_a_free_port_can_be_taken():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port()))
