import pytest
from simulators.chain import COIN
from simulators.withdrawal_house import House

from custody.primitives.asset import AssetBook
from custody.primitives.errors import MalformedPayload
from custody.withdrawals.request import identify_note

UNITS = 1_000


def test_a_note_of_a_known_request_is_told_by_its_hash_without_reading_its_address():
    house = House()
    asked = house.ask(UNITS)
    (note,) = house.ledger.open_notes()
    assert identify_note(bytes(note), AssetBook([COIN])) == (asked.id, asked.request_hash)


@pytest.mark.parametrize("note", [b"", b"[]", b"{}", b'{"format": 9}', b"x" * 100_000])
def test_refuses_what_is_no_note(note):
    with pytest.raises(MalformedPayload):
        identify_note(note, AssetBook([COIN]))


def test_a_note_of_another_content_has_another_hash():
    house = House()
    asked = house.ask(UNITS)
    (note,) = house.ledger.open_notes()
    changed = bytes(note).replace(str(UNITS).encode(), str(UNITS + 1).encode())
    assert changed != note
    assert identify_note(changed, AssetBook([COIN])) != (asked.id, asked.request_hash)
