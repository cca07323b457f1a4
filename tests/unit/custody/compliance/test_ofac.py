# Synthetic text in the form that is published: nobody real is named.
import pytest

from custody.compliance.ofac import addresses_in
from custody.primitives.errors import MalformedPayload

WRAPPED = """
DOE, John (a.k.a. "EXAMPLE"); DOB 01 Jan 1970; nationality Nowhere; Digital
Currency Address - XBT 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH; alt. Digital Currency Address -
ETH 0x00000000000000000000000000000000000000aa; alt. Digital Currency Address - USDT
T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb; Secondary sanctions risk: none (individual) [TEST].
"""
ROW = '12345,"DOE, John",-0- ,-0- ,"Digital Currency Address - XMR 88ab; alt. Digital Currency Address - SOL So1x."'


@pytest.mark.parametrize(
    "text",
    [
        "Digital Currency Address",
        "Digital Currency Address - XBT",
        "Digital Currency Address - XBT ; alt.",
        "Digital Currency Address: XBT 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        "Digital Currency Address - xbt 1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH",
        "Digital Currency Address - XBT 1Bg\u0131",
        "Digital Currency Address - XBT " + "1" * 257,
        WRAPPED + "Digital Currency Address - ...",
    ],
)
def test_a_mention_that_cannot_be_read_stops_the_import(text):
    with pytest.raises(MalformedPayload, match="no address can be read"):
        addresses_in(text)


def test_a_text_without_end_is_refused(monkeypatch):
    monkeypatch.setattr("custody.compliance.ofac.MAX_TEXT_CHARS", 10)
    with pytest.raises(MalformedPayload, match="longer"):
        addresses_in(" " * 11)


def test_a_text_that_lists_no_address_gives_none():
    assert addresses_in("DOE, John; DOB 01 Jan 1970.") == {}


def test_every_address_of_a_wrapped_text_and_of_a_row_is_found():
    assert addresses_in(WRAPPED) == {
        "1BgGZ9tcN4rm9KBzDn7KprQz87SZ26SAMH": "XBT",
        "0x00000000000000000000000000000000000000aa": "ETH",
        "T9yD14Nj9j7xAB4dbGeiX9h8unkKHxuWwb": "USDT",
    }
    assert addresses_in(ROW) == {"88ab": "XMR", "So1x": "SOL"}
