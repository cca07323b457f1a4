"""The sanctions lists of an installation: one file a source, read again as soon as one changes.

Rules:
    * A list that was not fetched for a week answers nothing, and so does one that cannot be read: transfers wait.
    * No list at all answers nothing either, except where the installation says that it is a local one.
    * A list is replaced by a newer one only.

Example:
    screening = ListFolder(home.sanctions, SystemClock(), has_real_money=True)
    screening.screen(question)
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from custody.compliance.combined import AllScreenings
from custody.compliance.dated_list import MAX_FILE_BYTES, DatedList, decode_list, encode_list
from custody.compliance.port import Screening, ScreeningAnswer, ScreeningQuestion, ScreeningUnavailable
from custody.compliance.sanctions import SanctionsList
from custody.keys.private_files import make_private_folder, read_private, replace_private
from custody.primitives.clock import Clock
from custody.primitives.errors import InvalidInput, Refused

MAX_AGE_DAYS = 7
"""OFAC publishes several times a week; a week without a fetch is an import that broke."""
LOCAL = "local-empty"

Marks = tuple[tuple[str, int, int], ...]


class StaleList(Refused):
    """The list is older than the one that is there, or from the future."""

    code = "stale_list"


class ListFolder:
    """Implements `Screening` over the files of a folder."""

    def __init__(self, folder: Path, clock: Clock, *, has_real_money: bool) -> None:
        """Bind the folder.

        Args:
            folder: Of the lists; need not exist.
            clock: Tells today, for the age of the lists.
            has_real_money: False only where all chains are local ones: there, no list at all lists nobody.
        """
        self._folder = folder
        self._clock = clock
        self._has_real_money = has_real_money
        self._read: tuple[Marks, tuple[DatedList, ...], Screening] | None = None

    def screen(self, question: ScreeningQuestion) -> ScreeningAnswer:
        """Compare a place with every list.

        Raises:
            ScreeningUnavailable: A list is too old, from the future, or cannot be read; or there is none.
        """
        found, screening = self._current()
        for each in found:
            if not is_current(each, self._clock):
                raise ScreeningUnavailable(
                    f"sanctions list {each.source} is of {each.as_of}: not of the last {MAX_AGE_DAYS} days"
                )
        return screening.screen(question)

    def lists(self) -> tuple[DatedList, ...]:
        """The lists of now, by name.

        Raises:
            ScreeningUnavailable: One cannot be read; or there is none where there must be one.
        """
        return self._current()[0]

    def save(self, new: DatedList) -> DatedList | None:
        """Put a list in the place of its predecessor; the predecessor, if there was one.

        Raises:
            StaleList: It is older than its predecessor, or of a day to come.
            Refused: The folder or a file is open to other users.
            MalformedPayload: The predecessor cannot be read.
        """
        make_private_folder(self._folder)
        path = self._folder / f"{new.source}.json"
        old = _read_list(path) if path.exists() else None
        if old is not None and new.as_of < old.as_of:
            raise StaleList(f"{new.source}: {new.as_of} is older than {old.as_of}, which is there", source=new.source)
        if new.as_of > _today(self._clock):
            raise StaleList(f"{new.source}: {new.as_of} is in the future", source=new.source)
        replace_private(path, encode_list(new))
        return old

    def _current(self) -> tuple[tuple[DatedList, ...], Screening]:
        read, marks = self._read, self._marks()
        if read is None or read[0] != marks:
            found = self._load([self._folder / name for name, _, _ in marks])
            parts: list[Screening] = [SanctionsList(each.version, each.keys) for each in found]
            read = marks, found, AllScreenings(parts or [SanctionsList(LOCAL, ())])
            self._read = read
        if not read[1] and self._has_real_money:
            raise ScreeningUnavailable(f"{self._folder}: no sanctions list; fetch one and import it")
        return read[1], read[2]

    def _marks(self) -> Marks:
        """What is there, so that a change is seen: name, time of change, size."""
        try:
            places = sorted(self._folder.glob("*.json"))
            status = [(path.name, path.stat()) for path in places if not path.name.startswith(".")]
        except OSError as error:
            raise ScreeningUnavailable(f"{self._folder}: the sanctions lists cannot be read: {error}") from error
        return tuple((name, each.st_mtime_ns, each.st_size) for name, each in status)

    def _load(self, paths: list[Path]) -> tuple[DatedList, ...]:
        try:
            return tuple(_read_list(path) for path in paths)
        except (InvalidInput, Refused) as error:
            raise ScreeningUnavailable(error.message) from error


def is_current(found: DatedList, clock: Clock) -> bool:
    """Tell whether a list was fetched within the last days, and not in the future."""
    today = _today(clock)
    return today - timedelta(MAX_AGE_DAYS) <= found.as_of <= today


def _read_list(path: Path) -> DatedList:
    found = decode_list(read_private(path, MAX_FILE_BYTES))
    if f"{found.source}.json" != path.name:
        raise InvalidInput(f"{path}: holds the list {found.source}")
    return found


def _today(clock: Clock) -> date:
    return datetime.fromtimestamp(clock.now_s(), UTC).date()
