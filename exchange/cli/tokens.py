"""mext keys token: keys in a PKCS#11 token."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from custody.keys.token import Token

app = typer.Typer(
    help="Keys in a PKCS#11 token. They are made there, sign there, and cannot be taken out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
ModuleOption = Annotated[Path, typer.Option("--module", help="PKCS#11 library of the token's vendor.")]
LabelOption = Annotated[str, typer.Option("--token", help="Label of the token.")]
PinOption = Annotated[Path, typer.Option("--pin-file", help="File with the PIN, mode 0600, or /dev/fd/N.")]


@app.command()
def generate(
    module: ModuleOption,
    token: LabelOption,
    pin_file: PinOption,
    label: Annotated[str, typer.Option(help="Label of the new key.")],
    curve: Annotated[str, typer.Option(help="secp256k1 or ed25519.")] = "secp256k1",
) -> None:
    """Make a key in the token. Prints its public half as JSON."""
    from custody.keys.material import Curve
    from custody.primitives.errors import InvalidInput

    if curve not in list(Curve):
        raise InvalidInput(f"curve {curve!r} is none of {', '.join(Curve)}")
    public = _open(module, token, pin_file, writable=True).generate(label, Curve(curve))
    print(json.dumps({"label": label, "curve": curve, "public_key": public.raw.hex()}))


@app.command()
def home(  # noqa: PLR0913, PLR0917 - the options of a command
    module: ModuleOption,
    token: LabelOption,
    pin_file: PinOption,
    folder: Annotated[Path, typer.Option("--home", help="Folder of the new signer.")],
    rules: Annotated[Path, typer.Option(help="Its first rule file.")],
    key: Annotated[list[str], typer.Option(help="path=label:curve; once for each key.")],
) -> None:
    """Make the home of a signer whose keys lie in the token. Each key signs a test text first."""
    from custody.keys.strict_json import parse_plain
    from custody.primitives.errors import NotFound
    from custody.signers.provision import create_token_home
    from custody.signers.rules import MAX_RULES_BYTES
    from exchange.app.token_home import describe, parse_key_names

    if not rules.is_file():
        raise NotFound(f"{rules}: no rule file", path=str(rules))
    first = parse_plain(rules.read_bytes(), MAX_RULES_BYTES, "rules")
    described = describe(_open(module, token, pin_file), parse_key_names(key))
    create_token_home(folder, described, first)  # type: ignore[arg-type]  # parsed JSON; its shape is checked there
    print(json.dumps(described.as_json(), indent=2))


@app.command()
def public(
    folder: Annotated[Path, typer.Option("--home", help="Folder of the signer.")],
    pin_file: PinOption,
    verify: Annotated[bool, typer.Option("--verify", help="Let each key sign a test text too.")] = False,
) -> None:
    """Show the public keys of a signer's token as JSON. They are compared with the registered ones."""
    from custody.keys.passphrase import read_pin
    from custody.keys.token import Token
    from custody.signers.home import SignerHome
    from custody.signers.key_holders import TokenHolder
    from exchange.app.token_home import check_keys

    file = SignerHome(folder).load_token_file()
    opened = Token.open(file.place, read_pin(pin_file))
    holder = TokenHolder(file, opened)
    if verify:
        check_keys(opened, {entry.label: entry.public.curve for entry in file.keys.values()})
    keys = {
        path: {"curve": entry.public.curve.value, "public_key": entry.public.raw.hex()}
        for path, entry in file.keys.items()
    }
    print(json.dumps({"fingerprint": holder.fingerprint(), "verified": verify, "keys": keys}, indent=2))


def _open(module: Path, label: str, pin_file: Path, *, writable: bool = False) -> Token:
    from custody.keys.passphrase import read_pin
    from custody.keys.token import Token, TokenPlace

    return Token.open(TokenPlace(module, label), read_pin(pin_file), writable=writable)
