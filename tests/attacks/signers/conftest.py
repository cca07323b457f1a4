import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest
from simulators.signer_kit import rules_json, wallet_json
from simulators.toy_family import MEMBER_PATH, SENDER_PATH

from custody.keys.material import SigningRole
from custody.keys.mnemonic import generate
from custody.keys.private_files import write_new_private
from custody.primitives.errors import SignerUnavailable
from custody.primitives.secret import Secret
from custody.signers.client import RemoteSigner
from custody.signers.provision import create_home, register_wallet

TESTS = Path(__file__).parents[2]
PASSPHRASE = b"a passphrase that must never show up"
START_TIMEOUT_S = 120


class RunningSigner:
    """A real signer process in a home of its own."""

    def __init__(self, folder, name, number):
        self.name, self.home = name, folder / name
        self.words = generate(Secret(bytes([number]) * 32))
        self.socket, self.log = folder / "run" / f"{name}.sock", folder / f"{name}.log"
        create_home(self.home, Secret(PASSPHRASE), rules_json(name=name), self.words)
        registration = {key: value for key, value in wallet_json().items() if key not in ("our_paths", "roles")}
        register_wallet(self.home, registration, {"member": MEMBER_PATH, "sender": SENDER_PATH}, list(SigningRole))
        self.passphrase_file = folder / f"{name}.passphrase"
        write_new_private(self.passphrase_file, PASSPHRASE + b"\n")
        self.client = RemoteSigner(name, self.socket, timeout_s=5)
        self.process = None

    def command(self, *more):
        return [
            sys.executable,
            str(TESTS / "simulators" / "toy_signer.py"),
            "--home",
            str(self.home),
            "--socket",
            str(self.socket),
            *more,
        ]

    def environment(self):
        return {
            **os.environ,
            "MEXT_SIGNER_PASSPHRASE_FILE": str(self.passphrase_file),
            "PYTHONPATH": f"{TESTS}:{TESTS.parent}",
        }

    def start(self):
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command(), env=self.environment(), stdout=log, stderr=log)
        deadline = time.monotonic() + START_TIMEOUT_S
        while time.monotonic() < deadline and self.process.poll() is None:
            try:
                return self.client.health()
            except SignerUnavailable:
                time.sleep(0.05)
        raise AssertionError(f"signer did not start: {self.log.read_text()}")

    def stop(self, with_signal=signal.SIGTERM):
        if self.process is not None:
            self.process.send_signal(with_signal)
            status = self.process.wait(timeout=START_TIMEOUT_S)
            self.process = None
            return status
        return None


@pytest.fixture(scope="session")
def make_signer():
    with tempfile.TemporaryDirectory(prefix="signers-") as folder:
        made = []

        def make(name, number):
            signer = RunningSigner(Path(folder), name, number)
            made.append(signer)
            signer.start()
            return signer

        yield make
        for signer in made:
            signer.stop(signal.SIGKILL)


@pytest.fixture(scope="session")
def trio(make_signer):
    return [make_signer(name, number) for number, name in enumerate(["alice", "bert", "carol"], start=1)]
