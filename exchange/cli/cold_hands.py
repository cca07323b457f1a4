"""A person at a cold room, for drills: starts the program, reads its questions, types the answers.

What is typed comes from what the person was told beside the file (destination, amount, memo), not from the screen: a
file that was swapped gets wrong answers.

Example:
    Keyholder("cold-1", room, passphrase_file).sign(request_file, part_file, told)
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from custody.primitives.errors import Refused
from custody.primitives.invariant import invariant

_STRETCH = re.compile(r"payment (\d+): characters (\d+) to (\d+) of the destination: $")
_AMOUNT = re.compile(r"payment (\d+): the whole amount of \w+, every digit: $")
_MEMO = re.compile(r"payment (\d+): the whole memo, every character: $")
_READ_BYTES = 4_096
ROOT = Path(__file__).resolve().parents[2]


class RoomRefused(Refused):
    """The program of a cold room ended with an error; the message is its own."""

    code = "cold_room_refused"


@dataclass(frozen=True, slots=True)
class Told:
    """What a keyholder was told of one payment on another way: destination, amount with every digit, memo."""

    to: str
    amount: str
    memo: str = ""

    def answer(self, shown: str) -> str | None:
        """What to type after what stands on the screen; None where nothing is asked."""
        if found := _STRETCH.search(shown):
            return self.to[int(found[2]) - 1 : int(found[3])]
        if _MEMO.search(shown):
            return self.memo
        return self.amount if _AMOUNT.search(shown) else None


@dataclass(frozen=True, slots=True)
class Keyholder:
    """One keyholder: name, folder of the cold room, and the file with its passphrase."""

    name: str
    room: Path
    passphrase: Path

    def inspect(self, request: Path) -> str:
        """Look at a request and return the screen.

        Raises:
            RoomRefused: The room would not sign it.
        """
        return self._finish([*_COLD, "inspect", str(request), *self._keys()])

    def combine(self, request: Path, parts: Sequence[Path], target: Path) -> str:
        """Put parts together and return the screen.

        Raises:
            RoomRefused: A part is bad, or too few.
        """
        arguments = [str(request), *map(str, parts), *self._keys(), "--out", str(target)]
        return self._finish([*_COLD, "combine", *arguments])

    def sign(self, request: Path, target: Path, told: Told) -> str:
        """Sign a request, typing what is asked; returns what stood on the screen.

        Raises:
            RoomRefused: The room did not sign.
        """
        command = [*_COLD, "sign", str(request), *self._keys(), "--out", str(target)]
        with subprocess.Popen(  # noqa: S603 - our own program
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT, bufsize=0
        ) as process:
            keyboard, out, err = _pipes(process)
            screen = ""
            while read := os.read(err.fileno(), _READ_BYTES):
                screen += read.decode()
                typed = told.answer(screen)
                if typed is not None:
                    keyboard.write(typed.encode() + b"\n")
                    screen += typed + "\n"
            screen += out.read().decode()
        if process.returncode:
            raise RoomRefused(f"{self.name}: {screen.strip().splitlines()[-1]}", keyholder=self.name)
        return screen

    def _keys(self) -> list[str]:
        return ["--home", str(self.room), "--passphrase-file", str(self.passphrase)]

    def _finish(self, command: Sequence[str]) -> str:
        done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)  # noqa: S603 - our own program
        if done.returncode:
            raise RoomRefused(f"{self.name}: {(done.stderr or done.stdout).strip()}", keyholder=self.name)
        return done.stdout


_COLD = (sys.executable, "-m", "custody.cold")


def _pipes(process: subprocess.Popen[bytes]) -> tuple[IO[bytes], IO[bytes], IO[bytes]]:
    invariant(None not in (process.stdin, process.stdout, process.stderr), "all three were asked for")
    return process.stdin, process.stdout, process.stderr  # type: ignore[return-value]  # the line above
