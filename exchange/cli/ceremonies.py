"""mext keys draw, mext keys ceremony, mext keys confirm, mext keys verify."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from custody.keys.entropy import Source

app = typer.Typer(pretty_exceptions_enable=False)
PassphraseOption = Annotated[Path, typer.Option(help="File with the passphrase of the keystore, mode 0600.")]
KeystoreOption = Annotated[Path, typer.Option(help="Keystore of the holder.")]
TranscriptOption = Annotated[Path, typer.Option("--transcript", help="Transcript of the ceremony.")]
HolderOption = Annotated[str, typer.Option(help="Name of the key, as the wallet will name it.")]


@app.command()
def draw(  # noqa: PLR0913, PLR0917 - the options of a command
    holder: HolderOption,
    person: Annotated[str, typer.Option(help="Who keeps it.")],
    organisation: Annotated[str, typer.Option(help="For whom.")],
    device: Annotated[str, typer.Option(help="Serial number of the device that holds it.")],
    key: Annotated[list[str], typer.Option(help="path:curve, e.g. m/48h/0h/0h/2h:secp256k1; once for each key.")],
    keystore: KeystoreOption,
    passphrase_file: PassphraseOption,
    out: Annotated[Path, typer.Option(help="File for what is public.")],
    dice_file: Annotated[Path | None, typer.Option(help="Rolls of a die, 100 or more digits, mode 0600.")] = None,
    second_file: Annotated[Path | None, typer.Option(help="512 or more random bytes of another device.")] = None,
    test_network: Annotated[bool, typer.Option("--test-network", help="Extended keys as tpub.")] = False,
) -> None:
    """Draw a key from the system and a second source. Seals it, writes its public half."""
    from custody.keys.passphrase import read_passphrase
    from custody.keys.xkeys import KeyNetwork
    from custody.primitives.errors import Conflict, InvalidInput
    from exchange.app.key_ceremony import Identity, draw_holder, write_contribution
    from exchange.app.token_home import parse_key_names

    curves = {path: curve for path, (_, curve) in parse_key_names([_named(text) for text in key]).items()}
    if not all((holder, person, organisation, device)):
        raise InvalidInput("holder, person, organisation and device have names")
    if out.exists():
        raise Conflict(f"{out} exists already and is not overwritten", path=str(out))
    network = KeyNetwork.TEST if test_network else KeyNetwork.MAIN
    identity = Identity(holder, person, organisation, device, curves, network)
    made = draw_holder(keystore, read_passphrase(passphrase_file), _second(dice_file, second_file), identity)
    write_contribution(out, made)
    print(f"{holder}: {made.fingerprint} sealed in {keystore}; {out} is public")


@app.command()
def ceremony(
    wallet: Annotated[str, typer.Option(help="Id of the wallet.")],
    threshold: Annotated[int, typer.Option(help="Keys that must sign.", min=1, max=32)],
    contribution: Annotated[list[Path], typer.Option(help="File of one holder; once for each.")],
    out: Annotated[Path, typer.Option(help="File for the transcript.")],
) -> None:
    """Put the holders' keys together in a transcript. Refuses sets that protect nothing."""
    from custody.keys.ceremony import Transcript
    from exchange.app.key_ceremony import read_contribution, write_transcript

    made = Transcript(wallet, threshold, tuple(read_contribution(path) for path in contribution))
    write_transcript(out, made)
    print(f"{wallet}: {threshold} of {len(made.contributions)}, head {made.head().hex()}")


@app.command()
def confirm(
    transcript_file: TranscriptOption,
    holder: HolderOption,
    keystore: KeystoreOption,
    passphrase_file: PassphraseOption,
    out: Annotated[Path, typer.Option(help="File for the confirmation.")],
) -> None:
    """Confirm a transcript as one of its holders. Refuses one that shows another key than lies here."""
    from custody.keys.passphrase import read_passphrase
    from custody.signers.key_holders import SeedHolder
    from exchange.app.key_ceremony import confirm_with, read_transcript, write_confirmation
    from exchange.app.keyholders import open_seed

    shown = read_transcript(transcript_file)
    made = confirm_with(shown, holder, SeedHolder(open_seed(keystore, read_passphrase(passphrase_file))))
    write_confirmation(out, made)
    print(f"{holder} confirmed head {shown.head().hex()}")


@app.command()
def verify(
    transcript_file: TranscriptOption,
    confirmation: Annotated[list[Path], typer.Option(help="File of one holder; once for each.")],
) -> None:
    """Verify a transcript and the confirmations of all its holders."""
    from custody.keys.ceremony import verify_ceremony
    from exchange.app.key_ceremony import read_confirmation, read_transcript

    shown = read_transcript(transcript_file)
    verify_ceremony(shown, [read_confirmation(path) for path in confirmation])
    print(f"{shown.wallet}: head {shown.head().hex()}, confirmed by all {len(shown.contributions)} holders")


def _named(text: str) -> str:
    """Give "path:curve" the label that a token's key would have."""
    path, _, curve = text.rpartition(":")
    return f"{path}=seed:{curve}"


def _second(dice: Path | None, file: Path | None) -> Source:
    """Read the second source.

    Raises:
        InvalidInput: None or both are given, or what is in it.
    """
    from custody.keys.entropy import MAX_FILE_BYTES, parse_dice, parse_file
    from custody.keys.private_files import read_private
    from custody.primitives.errors import InvalidInput

    if dice is not None and file is None:
        return parse_dice(read_private(dice, MAX_FILE_BYTES).decode("ascii", "replace"))
    if file is not None and dice is None:
        return parse_file(read_private(file, MAX_FILE_BYTES))
    raise InvalidInput("a second source is needed: dice or a file of random bytes, one of them")
