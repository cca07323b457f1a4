"""Backups of a sealed mnemonic as SLIP-39 shares: made, brought back, and drilled.

Rules:
    * Each share is a file of its own, for paper or steel and then for a place of its own; `backup.json` beside them is
      public and stays with whoever plans the drills.
    * A backup exists only after it was read back from its files and led to the same fingerprint.
    * A drill recovers in memory, compares the fingerprint and writes down that it did, or why it failed; no secret goes
      into the record, a message or a file.

Example:
    back_up(keystore, passphrase, folder, DEFAULT_PLAN, now_s)
    drill(shares, read_backup(folder / "backup.json"), records, now_s)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from custody.keys.hd import PrivateNode
from custody.keys.keystore import read_keystore, seal, unseal, write_keystore
from custody.keys.mnemonic import entropy_of, generate, to_seed
from custody.keys.private_files import make_private_folder, read_private, write_new_private
from custody.keys.shares import MAX_SHARE_CHARS, ShareLabel, SharePlan, combine, label_of, split
from custody.keys.strict_json import Fields, parse_plain
from custody.primitives.encoding import Json, canonical_json
from custody.primitives.errors import MalformedPayload, ToolkitError, VerificationFailed
from custody.primitives.secret import Secret

BACKUP_FORMAT = "mext/backup/1"
DRILL_FORMAT = "mext/backup-drill/1"
MAX_BACKUP_BYTES = 8_192
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_NO_PASSPHRASE = Secret(b"")


class FingerprintMismatch(VerificationFailed):
    """The secret that came back is not the one that was backed up."""

    code = "fingerprint_mismatch"


@dataclass(frozen=True, slots=True)
class Backup:
    """What `backup.json` says, all public.

    Attributes:
        fingerprint: BIP-32 fingerprint of the root, 8 hex digits, as the signer's `health` shows it.
        identifier: Number that all shares of the backup carry.
        plan: How many shares bring it back.
    """

    fingerprint: str
    identifier: int
    plan: SharePlan


def fingerprint_of(entropy: Secret) -> str:
    """BIP-32 fingerprint of the root that these bytes lead to, 8 hex digits."""
    return PrivateNode.from_seed(to_seed(generate(entropy), _NO_PASSPHRASE)).public().fingerprint().hex()


def back_up(keystore: Path, passphrase: Secret, folder: Path, plan: SharePlan, now_s: int) -> Backup:
    """Write the shares of a keystore's mnemonic, one file each, and check what was written.

    Args:
        keystore: Holds the mnemonic; stays as it is.
        passphrase: Of the keystore.
        folder: New, or closed to others.
        plan: How many shares.
        now_s: Now, in seconds since 1970 UTC.

    Raises:
        NotFound, Refused, VerificationFailed: The keystore cannot be opened.
        Conflict: The folder holds a backup already.
        InvalidMnemonic: The keystore holds no mnemonic.
    """
    entropy = entropy_of(unseal(read_keystore(keystore), passphrase))
    groups = split(entropy, plan)
    made = Backup(fingerprint_of(entropy), label_of(groups[0][0]).backup, plan)
    make_private_folder(folder)
    written = []
    for group, shares in enumerate(groups, start=1):
        for member, words in enumerate(shares, start=1):
            written.append(folder / f"group-{group}-share-{member}.txt")
            write_new_private(written[-1], words.reveal() + b"\n")
    _require_same(made, combine([read_share(path) for path in written]))
    write_new_private(folder / "backup.json", canonical_json(_as_json(made) | {"made_at": _utc(now_s)}) + b"\n")
    return made


def read_share(path: Path) -> Secret:
    """Read a file with one share; blanks and line breaks between the words do not count.

    Raises:
        NotFound, Refused, MalformedPayload: No such file, open to others, or longer than a share.
    """
    return Secret(b" ".join(read_private(path, 2 * MAX_SHARE_CHARS).split()).lower())


def read_backup(path: Path) -> Backup:
    """Read `backup.json`.

    Raises:
        NotFound, Refused, InvalidInput: No such file, open to others, or malformed.
    """
    fields = Fields(parse_plain(read_private(path, MAX_BACKUP_BYTES), MAX_BACKUP_BYTES, "backup"), "backup")
    fields.only("format", "fingerprint", "identifier", "threshold", "groups", "made_at")
    if fields.text("format") != BACKUP_FORMAT or len(fields.raw("fingerprint")) != 4:
        raise MalformedPayload(f"backup: not {BACKUP_FORMAT}")
    groups = tuple((item.integer("needed"), item.integer("members")) for item in fields.each("groups", 16))
    plan = SharePlan(fields.integer("threshold"), groups)
    return Backup(fields.text("fingerprint"), fields.integer("identifier"), plan)


def restore(shares: Sequence[Secret], backup: Backup, keystore: Path, passphrase: Secret) -> None:
    """Seal what the shares bring back in a new keystore.

    Raises:
        SharesMissing, WrongShare: See `custody.keys.shares.combine`.
        FingerprintMismatch: They are the shares of something else.
        Conflict: A keystore exists there.
    """
    entropy = combine(shares)
    _require_same(backup, entropy)
    make_private_folder(keystore.parent)
    write_keystore(keystore, seal(generate(entropy), passphrase))


def drill(shares: Sequence[Secret], backup: Backup, records: Path, now_s: int) -> Path:
    """Bring the secret back in memory, compare it, forget it, and write down that this was done.

    Args:
        shares: As many as are needed, or more; those of complete groups are all tested.
        backup: What it must lead to.
        records: Folder of the records.
        now_s: Now, in seconds since 1970 UTC.

    Returns:
        The record.

    Raises:
        SharesMissing, WrongShare, FingerprintMismatch: The drill failed; that is on record too.
        Conflict: A drill of this second is on record.
    """
    used: list[ShareLabel] = []
    try:
        used = [label_of(words) for words in shares]
        _require_same(backup, combine(shares))
    except ToolkitError as error:
        _record(backup, used, error.code, records, now_s)
        raise
    return _record(backup, used, "recovered", records, now_s)


def _record(backup: Backup, used: Sequence[ShareLabel], result: str, records: Path, now_s: int) -> Path:
    make_private_folder(records)
    path = records / f"drill-{_utc(now_s).replace(':', '-')}.json"
    content: dict[str, Json] = {
        "format": DRILL_FORMAT,
        "at": _utc(now_s),
        "fingerprint": backup.fingerprint,
        "identifier": backup.identifier,
        "result": result,
        "shares": [{"group": each.group, "member": each.member} for each in sorted(used, key=_place)],
    }
    write_new_private(path, canonical_json(content) + b"\n")
    return path


def _place(label: ShareLabel) -> tuple[int, int]:
    return label.group, label.member


def _require_same(backup: Backup, entropy: Secret) -> None:
    found = fingerprint_of(entropy)
    if found != backup.fingerprint:
        raise FingerprintMismatch(
            f"the shares lead to fingerprint {found}, not {backup.fingerprint}",
            found=found,
            expected=backup.fingerprint,
        )


def _as_json(backup: Backup) -> dict[str, Json]:
    return {
        "format": BACKUP_FORMAT,
        "fingerprint": backup.fingerprint,
        "identifier": backup.identifier,
        "threshold": backup.plan.threshold,
        "groups": [{"needed": needed, "members": members} for needed, members in backup.plan.groups],
    }


def _utc(now_s: int) -> str:
    return (_EPOCH + timedelta(seconds=now_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
