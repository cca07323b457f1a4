import pytest

from custody.primitives.errors import InvalidInput, MalformedPayload
from exchange.engine.commands import Transfer, pack_transfers
from exchange.engine.engine import Engine
from exchange.engine.records import TransferResult
from exchange.engine.state import EngineConfig
from exchange.journal.notes import MAX_NOTE_BYTES, bound_to_note, decode_note, encode_note, note_text


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"not json",
        b"[1]",
        b'"text"',
        b"{}",
        b'{"kind":1}',
        b'{"kind": "spaced"}',
        b'{"kind":"x","kind":"x"}',
        b'{"z":1,"kind":"unsorted"}',
        b'{"kind":"float","x":1.5}',
        b'{"kind":"nan","x":NaN}',
        b'{"kind":"big","x":9007199254740992}',
        b'{"kind":"surrogate","x":"\\ud800"}',
        b'{"kind":"\\u0041"}',
        b'{"kind":"bytes","x":"\xff"}',
        b"[" * 5000,
        b'{"kind":"' + b"a" * MAX_NOTE_BYTES + b'"}',
    ],
)
def test_refuses_text_that_is_not_canonical(text):
    with pytest.raises(MalformedPayload):
        encode_note(text)


@pytest.mark.parametrize("content", [{"no": "kind"}, {"kind": 5}, {"kind": "x", "y": 1.0}])
def test_refuses_content_without_kind_or_form(content):
    with pytest.raises(InvalidInput):
        note_text(content)


def test_refuses_bodies_whose_length_or_padding_is_wrong():
    body = encode_note(b'{"kind":"x"}')
    for bent in (
        body[:3],
        b"\xff" + body[1:],
        body[:-1] + b"\1",
        body + bytes(64),
        (0).to_bytes(4, "little") + bytes(60),
    ):
        with pytest.raises(MalformedPayload):
            decode_note(bent)


@pytest.mark.parametrize("length", range(40, 80))
def test_round_trip_at_every_padding(length):
    content = {"kind": "withdrawal", "to": "a" * length, "amount": {"units": "1", "asset": "BTC"}}
    body = encode_note(note_text(content))
    assert len(body) % 64 == 0
    assert decode_note(body) == content


def test_the_same_transfer_with_another_note_is_refused_by_the_ledger():
    # C04 for the request itself: destination changed between two tries of one withdrawal.
    engine = Engine(EngineConfig(max_accounts=32, max_assets=2, max_orders=8, max_markets=1))
    transfer = pack_transfers([Transfer(id=7, debit=0, credit=16, ledger=1, amount=5)])
    first = bound_to_note(transfer, b'{"kind":"withdrawal","to":"alice"}')
    other = bound_to_note(transfer, b'{"kind":"withdrawal","to":"mallory"}')
    answers = [int(engine.apply_transfers(batch, seq)[0]) for seq, batch in ((1, first), (2, other), (3, first))]
    assert answers == [TransferResult.OK, TransferResult.EXISTS_DIFFERENT, TransferResult.EXISTS]
