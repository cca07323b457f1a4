import os
from pathlib import Path

import pytest

from custody.keys.passphrase import read_passphrase
from custody.primitives.errors import NotFound, Refused
from custody.primitives.secret import Secret


@pytest.fixture
def write(tmp_path):
    def write(raw, mode=0o600):
        path = tmp_path / "passphrase"
        path.write_bytes(raw)
        path.chmod(mode)
        return path

    return write


@pytest.mark.parametrize(
    "raw", [b"", b"\n", b"elevenbytes", b"elevenbytes\n", b"\nsecond line counts not", bytes(1_025), bytes(5_000)]
)
def test_refuses_too_short_and_too_long(write, raw):
    with pytest.raises(Refused):
        read_passphrase(write(raw))


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o602])
def test_refuses_a_file_open_to_others(write, mode):
    with pytest.raises(Refused, match="open to others"):
        read_passphrase(write(b"long enough passphrase", mode))


def test_refuses_what_is_not_there_or_cannot_be_read(tmp_path):
    with pytest.raises(NotFound):
        read_passphrase(tmp_path / "absent")
    with pytest.raises(Refused):
        read_passphrase(tmp_path / ("x" * 300))


def test_reads_the_first_line(write):
    assert read_passphrase(write(b"long enough passphrase\r\nrest")) == Secret(b"long enough passphrase")


def test_reads_a_descriptor(tmp_path):
    reading, writing = os.pipe()
    os.write(writing, b"long enough passphrase\n")
    os.close(writing)
    assert read_passphrase(Path(f"/dev/fd/{reading}")) == Secret(b"long enough passphrase")
    os.close(reading)
