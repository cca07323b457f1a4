# The text and its parts: whatever could give it a second meaning is refused before a key is near.
from dataclasses import replace

import pytest
from simulators.signer_kit import NOW
from simulators.signer_ownership import HEADER, HELD, NONCE, ownership_request, utxo

from custody.primitives.encoding import digest, encode
from custody.reserves.ownership import claim_for
from custody.signers.ownership import (
    MAX_AHEAD_S,
    InvalidOwnershipText,
    OwnershipExpired,
    OwnershipRequest,
    ownership_digest,
)

REQUEST = ownership_request(utxo())
TEXT_PARTS = ("wallet_id", "exchange", "ctx", "chain", "address", "nonce", "expires")
INJECTIONS = ["", " ", "\n", "a\nb", "a b", "a\r", "a\t", "a\x00", "ä", "a\u2028", "\uff41", 7, None, b"a"]


@pytest.mark.parametrize("value", INJECTIONS, ids=repr)
@pytest.mark.parametrize("part", TEXT_PARTS)
def test_refuses_a_part_that_is_not_one_plain_word(part, value):
    with pytest.raises(InvalidOwnershipText):
        replace(REQUEST, **{part: value})


@pytest.mark.parametrize("part", TEXT_PARTS)
def test_refuses_a_newline_before_or_behind_a_part(part):
    for value in (f"{getattr(REQUEST, part)}\n", f"\n{getattr(REQUEST, part)}", f"{getattr(REQUEST, part)} "):
        with pytest.raises(InvalidOwnershipText):
            replace(REQUEST, **{part: value})


@pytest.mark.parametrize("seq", [0, -1, 1 << 53, True, "1", 1.0, None])
def test_refuses_a_number_that_no_statement_has(seq):
    with pytest.raises(InvalidOwnershipText):
        replace(REQUEST, seq=seq)


@pytest.mark.parametrize(
    "change",
    [
        {"ctx": "a" * 63}, {"ctx": "a" * 65}, {"ctx": "A" * 64}, {"ctx": "0x" + "a" * 62}, {"nonce": "g" * 64}, {"nonce": "a" * 62},
        {"chain": "eip155"}, {"chain": "eip155:"}, {"chain": "eip155:1:2"}, {"chain": "EIP155:1"}, {"chain": "e:1"}, {"chain": "eip155:" + "1" * 33},
        {"address": "a" * 129}, {"address": "a:b"}, {"address": "0x-1"}, {"exchange": "e" * 256}, {"wallet_id": "w" * 65},
        {"expires": "2026-02-14"}, {"expires": "2026-02-14T00:00:00+00:00"}, {"expires": "2026-2-14T00:00:00Z"}, {"expires": "2026-02-30T00:00:00Z"},
        {"expires": "2026-02-14T24:00:00Z"}, {"expires": "0000-01-01T00:00:00Z"}, {"expires": "٢٠٢٦-02-14T00:00:00Z"},
    ],
    ids=repr,
)  # fmt: skip
def test_refuses_a_part_of_another_form(change):
    with pytest.raises(InvalidOwnershipText):
        replace(REQUEST, **change)


def test_refuses_a_text_one_second_after_its_end_and_one_second_too_far_ahead():
    ends_at_s = REQUEST.expires_at_s()
    REQUEST.require_live(ends_at_s)
    REQUEST.require_live(ends_at_s - MAX_AHEAD_S)
    for now_s in (ends_at_s + 1, ends_at_s - MAX_AHEAD_S - 1, 0):
        with pytest.raises(OwnershipExpired):
            REQUEST.require_live(now_s)


def test_time_is_read_as_utc():
    assert replace(REQUEST, expires="1970-01-02T00:00:01Z").expires_at_s() == 86_401
    assert replace(REQUEST, expires="2023-11-14T22:13:20Z").expires_at_s() == NOW


# Two texts are equal only if all seven parts are; the wallet's name is ours and not part of it.
def test_every_part_changes_the_text_and_the_digest():
    changes = {"exchange": "b.com", "seq": 13, "ctx": "b" * 64, "chain": "a1b:c", "address": "x", "nonce": "c" * 64}
    changed = [replace(REQUEST, **{name: value}) for name, value in changes.items()]
    changed.append(replace(REQUEST, expires="2026-02-14T00:00:00Z"))
    assert len({ownership_digest(request) for request in (REQUEST, *changed)}) == 8
    assert replace(REQUEST, wallet_id="other").text() == REQUEST.text()


# The second implementation and the verifier's agree to the letter.
@pytest.mark.parametrize("family", HELD)
def test_the_text_is_what_the_verifier_builds(family):
    held = HELD[family]()
    text = ownership_request(held).text()
    assert text == claim_for(HEADER, held.caip2, held.address, NONCE).text()
    assert text.split("\n") == [
        "PORv1-ownership", "example.com", "12", HEADER.ctx().hex(), held.caip2, held.address, NONCE.hex(), "2023-11-28T22:00:00Z",
    ]  # fmt: skip


def test_the_digest_is_tagged():
    assert ownership_digest(REQUEST) == digest("mext/ownership/1", REQUEST.text())
    assert encode("mext/ownership/1", REQUEST.text())[4:20] == b"mext/ownership/1"


# The shortest and the longest text that can be asked for at all, for the sizes that domain separation rests on.
def test_no_text_is_as_short_as_a_digest_or_as_long_as_80_signatures():
    shortest = OwnershipRequest("w", "e", 1, "a" * 64, "abc:1", "a", "b" * 64, "2026-02-14T00:00:00Z")
    longest = OwnershipRequest(
        "w", "e" * 255, (1 << 53) - 1, "a" * 64, f"{'c' * 8}:{'1' * 32}", "a" * 128, "b" * 64, "2026-02-14T00:00:00Z"
    )
    assert len(shortest.text().encode()) > 64
    assert len(longest.text().encode()) < 1_232
