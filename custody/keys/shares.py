"""SLIP-39: a secret in shares of words, of which two groups of three, and three of five in each, bring it back.

Rules:
    * Fewer shares than needed give no secret, and what is missing is said. To whoever lacks one share, 32 bits are
      known of it at most: the checksum of the scheme.
    * Every share of a complete group is tested: with others it must lead to the same secret.
    * No message and no cause of an error repeats a word.
    * `shamir_mnemonic` calls itself a reference, not hardened against side channels: run this on a machine without
      network, and end the process afterwards.

Example:
    groups = split(entropy, DEFAULT_PLAN)
    entropy = combine([*groups[0][:3], *groups[2][:3]])

Spec: SLIP-0039.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import shamir_mnemonic  # type: ignore[import-untyped]
from shamir_mnemonic import MnemonicError
from shamir_mnemonic.share import Share  # type: ignore[import-untyped]

from custody.primitives.errors import InvalidInput, Refused, VerificationFailed
from custody.primitives.invariant import invariant
from custody.primitives.secret import Secret

MAX_GROUPS = 16
MAX_MEMBERS = 16
MAX_SHARES = MAX_GROUPS * MAX_MEMBERS
MAX_SHARE_CHARS = 600
"""59 words of at most 8 letters, for 64 bytes of secret."""


class SharesMissing(Refused):
    """Fewer shares than needed."""

    code = "shares_missing"


class WrongShare(VerificationFailed):
    """A share was misread, changed, or is of another secret."""

    code = "wrong_share"


@dataclass(frozen=True, slots=True)
class SharePlan:
    """How many shares bring a secret back.

    Attributes:
        threshold: Groups needed.
        groups: Of each group, members needed and members in all.
    """

    threshold: int
    groups: tuple[tuple[int, int], ...]

    def __post_init__(self) -> None:
        if not 0 < self.threshold <= len(self.groups) <= MAX_GROUPS:
            raise InvalidInput(f"{self.threshold} of {len(self.groups)} groups; at most {MAX_GROUPS}")
        for needed, members in self.groups:
            # One share that suffices alone would be a copy of the group's secret, not a share of it.
            if not 2 <= needed <= members <= MAX_MEMBERS:
                raise InvalidInput(f"{needed} of {members} in a group; 2 to {MAX_MEMBERS}")


DEFAULT_PLAN = SharePlan(2, ((3, 5), (3, 5), (3, 5)))


@dataclass(frozen=True, slots=True)
class ShareLabel:
    """What a share says of itself, nothing secret; groups and members are counted from 1."""

    backup: int
    group: int
    member: int


def split(secret: Secret, plan: SharePlan) -> tuple[tuple[Secret, ...], ...]:
    """Split a secret, and bring it back once from all shares before any is handed out.

    Args:
        secret: 16 to 32 bytes, an even number: the entropy of a mnemonic.
        plan: How many shares.

    Returns:
        Of each group its shares, as words.

    Raises:
        InvalidInput: The secret has another length.
    """
    if not 16 <= len(secret.reveal()) <= 32 or len(secret.reveal()) % 2:
        raise InvalidInput(f"a secret of {len(secret.reveal())} bytes; 16 to 32, an even number")
    made = shamir_mnemonic.generate_mnemonics(plan.threshold, list(plan.groups), secret.reveal())
    groups = tuple(tuple(Secret(words.encode()) for words in group) for group in made)
    invariant(combine([share for group in groups for share in group]) == secret, "shares bring their secret back")
    return groups


def label_of(words: Secret) -> ShareLabel:
    """Read what a share says of itself.

    Raises:
        WrongShare: It is misspelt, or its checksum is wrong.
    """
    share = _parse(1, words)
    return ShareLabel(share.identifier, share.group_index + 1, share.index + 1)


def combine(shares: Sequence[Secret]) -> Secret:
    """Bring a secret back.

    Args:
        shares: In any order. More than needed are tested too; those of a group that is not complete are not used.

    Raises:
        SharesMissing: Too few, with what is missing.
        WrongShare: One is misspelt, given twice, of another backup, or does not fit the others.
    """
    groups = _complete_groups(_parse_all(shares))
    threshold = groups[0][0].group_threshold
    if len(groups) < threshold:
        raise SharesMissing(
            f"{len(groups)} complete groups of shares, {threshold} are needed", complete=len(groups), needed=threshold
        )
    found = None
    for start in range(len(groups) - threshold + 1):
        chosen = groups[start : start + threshold]
        for turn in range(max(len(group) - group[0].member_threshold for group in chosen) + 1):
            made = _recover([share for group in chosen for share in _window(group, turn)])
            if found is not None and made != found:
                raise WrongShare("the shares lead to different secrets: one of them is wrong")
            found = made
    if found is None:
        raise SharesMissing("no share was given", complete=0, needed=threshold)
    return found


def _window(group: Sequence[Share], turn: int) -> Sequence[Share]:
    """As many as are needed; the turns together take in all."""
    needed = group[0].member_threshold
    start = min(turn, len(group) - needed)
    return group[start : start + needed]


def _recover(shares: Sequence[Share]) -> Secret:
    try:
        return Secret(shamir_mnemonic.combine_mnemonics([share.mnemonic() for share in shares]))
    except MnemonicError:
        raise WrongShare("the shares do not fit together: one of them is wrong") from None


def _complete_groups(shares: Sequence[Share]) -> list[list[Share]]:
    """Sort by group; keep those that have enough members.

    Raises:
        SharesMissing: None has.
    """
    groups: dict[int, list[Share]] = {}
    for share in shares:
        groups.setdefault(share.group_index, []).append(share)
    complete = [group for _, group in sorted(groups.items()) if len(group) >= group[0].member_threshold]
    if not complete:
        told = ", ".join(
            f"group {index + 1}: {len(group)} of {group[0].member_threshold}" for index, group in sorted(groups.items())
        )
        raise SharesMissing(f"too few shares: {told or 'none'}", complete=0, given=len(shares))
    return complete


def _parse_all(shares: Sequence[Secret]) -> list[Share]:
    if len(shares) > MAX_SHARES:
        raise InvalidInput(f"{len(shares)} shares, at most {MAX_SHARES}")
    parsed = [_parse(number, words) for number, words in enumerate(shares, start=1)]
    if len({share.common_parameters() for share in parsed}) > 1:
        raise WrongShare("the shares are of different backups")
    if len({(share.group_index, share.index) for share in parsed}) != len(parsed):
        raise WrongShare("one share is given twice")
    if len({share.group_parameters() for share in parsed}) != len({share.group_index for share in parsed}):
        raise WrongShare("the shares of one group need different numbers of members")
    return parsed


def _parse(number: int, words: Secret) -> Share:
    text = words.reveal()
    if len(text) > MAX_SHARE_CHARS:
        raise WrongShare(f"share {number} is longer than a share", number=number)
    try:
        return Share.from_mnemonic(text.decode("ascii"))
    except (MnemonicError, UnicodeDecodeError):
        # No cause: its text repeats a word of the share.
        raise WrongShare(
            f"share {number} is misspelt: an unknown word, or its checksum is wrong", number=number
        ) from None
