"""mext keys backup, mext keys restore, mext keys drill."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from custody.keys.shares import SharePlan

PassphraseOption = Annotated[Path, typer.Option(help="File with the passphrase of the keystore, mode 0600.")]
ShareOption = Annotated[list[Path], typer.Option("--share", help="File with one share; once for each share.")]
BackupOption = Annotated[Path, typer.Option("--backup", help="The backup.json that was written with the shares.")]


def backup(
    keystore: Annotated[Path, typer.Option(help="Sealed mnemonic, e.g. keystore.json of a signer.")],
    passphrase_file: PassphraseOption,
    out: Annotated[Path, typer.Option(help="New folder for the shares, one file each.")],
    group: Annotated[list[str], typer.Option(help="Members of a group, e.g. 3of5; once for each group.")] = [  # noqa: B006 - typer copies it
        "3of5",
        "3of5",
        "3of5",
    ],
    groups_needed: Annotated[int, typer.Option(help="Groups needed to bring it back.")] = 2,
) -> None:
    """Split a sealed mnemonic into SLIP-39 shares. Reads them back before it says so."""
    from custody.keys.passphrase import read_passphrase
    from custody.primitives.clock import SystemClock
    from exchange.app.backups import back_up

    plan = _plan(groups_needed, group)
    made = back_up(keystore, read_passphrase(passphrase_file), out, plan, SystemClock().now_s())
    shares = sum(members for _, members in plan.groups)
    print(f"{shares} shares of {made.fingerprint} in {out}; {groups_needed} of {len(group)} groups bring it back")


def restore(
    share: ShareOption,
    backup_file: BackupOption,
    keystore: Annotated[Path, typer.Option(help="New keystore to write.")],
    passphrase_file: PassphraseOption,
) -> None:
    """Bring a mnemonic back from its shares. Seals it in a new keystore."""
    from custody.keys.passphrase import read_passphrase
    from exchange.app.backups import read_backup, read_share
    from exchange.app.backups import restore as restore_keystore

    known = read_backup(backup_file)
    restore_keystore([read_share(path) for path in share], known, keystore, read_passphrase(passphrase_file))
    print(f"{known.fingerprint} is back in {keystore}")


def drill(
    share: ShareOption,
    backup_file: BackupOption,
    records: Annotated[Path, typer.Option(help="Folder of the dated records.")],
) -> None:
    """Prove that shares bring a key back. Compares its fingerprint, writes a dated record, keeps nothing."""
    from custody.primitives.clock import SystemClock
    from exchange.app.backups import drill as drill_shares
    from exchange.app.backups import read_backup, read_share

    known = read_backup(backup_file)
    record = drill_shares([read_share(path) for path in share], known, records, SystemClock().now_s())
    print(f"{known.fingerprint} recovered from {len(share)} shares; on record in {record}")


def _plan(groups_needed: int, groups: list[str]) -> SharePlan:
    """Read groups such as "3of5".

    Raises:
        InvalidInput: Another form, or numbers out of bounds.
    """
    from custody.keys.shares import SharePlan
    from custody.primitives.errors import InvalidInput

    read = []
    for text in groups:
        found = re.fullmatch(r"(\d{1,2})of(\d{1,2})", text, re.ASCII)
        if found is None:
            raise InvalidInput(f"group {text[:20]!r} is not of the form 3of5")
        read.append((int(found[1]), int(found[2])))
    return SharePlan(groups_needed, tuple(read))
