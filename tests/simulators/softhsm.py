"""SoftHSM2: a real PKCS#11 token in software, in a folder of its own, with a few tokens ready."""

import atexit
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

import pytest

from custody.keys.private_files import write_new_private
from custody.keys.token import Token, TokenPlace
from custody.primitives.secret import Secret

MODULE = Path("/usr/lib/softhsm/libsofthsm2.so")
PIN = Secret(b"13572468")
TOKENS = ("alice", "bert", "carol")


@cache
def softhsm():
    """Folder of the tokens. The module reads its configuration once a process, so there is one folder a process."""
    if not MODULE.exists() or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is missing: apt-get install softhsm2")
    folder = Path(tempfile.mkdtemp(prefix="softhsm-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "tokens").mkdir()
    configuration = folder / "softhsm2.conf"
    configuration.write_text(f"directories.tokendir = {folder}/tokens\nobjectstore.backend = file\nlog.level = ERROR\n")
    os.environ["SOFTHSM2_CONF"] = str(configuration)
    for label in TOKENS:
        command = ["softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "87654321", "--pin"]
        subprocess.run([*command, PIN.reveal().decode()], check=True, capture_output=True)
    write_new_private(folder / "pin", PIN.reveal() + b"\n")
    return folder


def place(label="alice"):
    softhsm()
    return TokenPlace(MODULE, label)


def open_token(label="alice"):
    return Token.open(place(label), PIN, writable=True)


@cache
def shared_key(label, curve):
    """A key for all tests of this process that only sign with it."""
    token = open_token()
    token.generate(label, curve)
    return token.key(label, curve)
