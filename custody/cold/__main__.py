"""The program of the cold room: python -m custody.cold register|inspect|sign|combine|verify|unqr ...; see `mext cold`.

It takes itself off the network before it reads anything, and refuses to start where network code was loaded. Questions
go to stderr and are answered on stdin, line by line; no option answers them.
Exit status: 0 done, 2 refused, unusable input, or a request that this room would not sign.
"""

from __future__ import annotations

import argparse
import getpass
import json
import secrets
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from custody.cold.bbqr import Series
from custody.cold.combining import combine
from custody.cold.confirming import digest_question
from custody.cold.files import file_digest, groups, plain, read_file, write_out
from custody.cold.home import ColdHome
from custody.cold.offline import go_offline, interfaces_up
from custody.cold.parts import decode_part
from custody.cold.provision import register
from custody.cold.reading import describe
from custody.cold.request import decode_request_file
from custody.cold.room import ColdRoom, open_room
from custody.cold.showing import as_json, show
from custody.cold.wallets_file import decode_wallets
from custody.keys.passphrase import read_passphrase
from custody.primitives.clock import SystemClock
from custody.primitives.errors import ToolkitError
from custody.primitives.secret import Secret

EXIT_REFUSED = 2


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Args:
        argv: Options, without the program's name.

    Returns:
        The exit status.
    """
    options = _parser().parse_args(argv)
    try:
        go_offline()
        return _COMMANDS[options.command](options)
    except ToolkitError as error:
        _tell(f"cold: {plain(error.message)} [{error.code}]")
        return EXIT_REFUSED


def _inspect(options: argparse.Namespace) -> int:
    with _room(options) as room:
        request = decode_request_file(read_file(options.request))
        seen = room.inspect(request)
        if options.json:
            _write(json.dumps(as_json(request, seen), indent=2, default=dict))
        else:
            _write("\n".join(show(request, seen, room.rules)))
    return 0 if seen.refusal is None else EXIT_REFUSED


def _sign(options: argparse.Namespace) -> int:
    with _room(options) as room:
        request = decode_request_file(read_file(options.request))
        _tell("\n".join(show(request, room.inspect(request), room.rules)))
        part = room.sign(request, _ask, secrets.randbelow)
        write_out(options.out, part.raw)
    if options.json:
        _write(json.dumps({"part": str(options.out), "digest": part.digest.hex(), "request": part.request.hex()}))
    else:
        _write(f"request      {groups(part.request)}\npart         {groups(part.digest)}\nwrote        {options.out}")
    return 0


def _combine(options: argparse.Namespace) -> int:
    with _room(options) as room:
        request = decode_request_file(read_file(options.request))
        wallet = room.wallet(request.request.wallet_id)
        request.verify_maker(room.rules.quorum_for(wallet.id).roster)
        result = combine(request, wallet, [decode_part(read_file(path)) for path in options.parts])
        write_out(options.out, result.raw)
    _write(f"request      {groups(result.request)}\nsigned by    {plain(', '.join(result.keyholders))}")
    _write(f"{result.names:<12} {plain(result.name)}\nresult       {groups(result.digest)}\nwrote        {options.out}")
    return 0


def _verify(options: argparse.Namespace) -> int:
    raw = read_file(options.file)
    _write("\n".join([*describe(raw), f"SHA-256      {groups(file_digest(raw))}"]))
    return 0


def _unqr(options: argparse.Namespace) -> int:
    series = Series()
    for line in read_file(options.file).decode("ascii", "replace").splitlines():
        if line.strip():
            series.add(line)
    raw = series.join()
    write_out(options.out, raw)
    _write("\n".join([*describe(raw), f"SHA-256      {groups(file_digest(raw))}", f"wrote        {options.out}"]))
    return 0


def _register(options: argparse.Namespace) -> int:
    raw, home = read_file(options.file), ColdHome(options.home)
    told, name = decode_wallets(raw), home.signer.load_rules().name
    _tell("\n".join([*describe(raw), f"keyholder    {plain(name)}"]))
    memberships, passphrase = told.memberships(name), _passphrase(options.passphrase_file)
    question = digest_question(file_digest(raw), secrets.randbelow)
    question.verify(_ask(question.text))
    with home.signer.lock():
        register(home, passphrase, memberships, told.places(name))
    _write(f"registered   {len(memberships)} wallets\nSHA-256      {groups(file_digest(raw))}")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m custody.cold", description="The air-gapped room.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, has_parts, has_out in (("inspect", False, False), ("sign", False, True), ("combine", True, True)):
        command = commands.add_parser(name)
        command.add_argument("request", type=Path)
        if has_parts:
            command.add_argument("parts", type=Path, nargs="+")
        else:
            command.add_argument("--json", action="store_true")
        command.add_argument("--home", type=Path, required=True)
        command.add_argument("--passphrase-file", type=Path)
        if has_out:
            command.add_argument("--out", type=Path, required=True)
    for name in ("verify", "unqr", "register"):
        command = commands.add_parser(name)
        command.add_argument("file", type=Path)
        if name == "register":
            command.add_argument("--home", type=Path, required=True)
            command.add_argument("--passphrase-file", type=Path)
        if name == "unqr":
            command.add_argument("--out", type=Path, required=True)
    return parser


@contextmanager
def _room(options: argparse.Namespace) -> Iterator[ColdRoom]:
    if up := interfaces_up():
        _tell(f"warning: this machine has a network: {', '.join(up)} is up")
    with open_room(ColdHome(options.home), _passphrase(options.passphrase_file), SystemClock()) as room:
        yield room


def _passphrase(file: Path | None) -> Secret:
    return Secret(getpass.getpass("passphrase: ").encode()) if file is None else read_passphrase(file)


def _ask(question: str) -> str:
    """Ask on stderr; the end of the input is an empty answer, which confirms nothing."""
    sys.stderr.write(f"{question}: ")
    sys.stderr.flush()
    return sys.stdin.readline()


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def _write(text: str) -> None:
    sys.stdout.write(text + "\n")


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "inspect": _inspect,
    "sign": _sign,
    "combine": _combine,
    "verify": _verify,
    "unqr": _unqr,
    "register": _register,
}

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
