import tempfile
import threading
from pathlib import Path
from types import SimpleNamespace

from custody.signers.daemon import SignerDaemon

WAIT_S = 10


# The signal came before the daemon began to wait: its handler ran, and nothing woke the wait.
def test_a_stop_that_nothing_woke_the_daemon_for_is_noticed_all_the_same():
    with tempfile.TemporaryDirectory(prefix="signers-") as folder:
        daemon = SignerDaemon(SimpleNamespace(rules=SimpleNamespace(name="toy")), Path(folder) / "run" / "toy.sock")
        running = threading.Thread(target=daemon.run, daemon=True)
        running.start()
        daemon._stop.set()
        running.join(WAIT_S)
        assert not running.is_alive()
