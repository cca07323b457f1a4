import numpy as np
import pytest

from custody.primitives.errors import InvalidInput, InvariantBroken
from exchange.engine import records
from exchange.engine.codes import Side
from exchange.engine.commands import Cancel, NewOrder, Tick, Transfer, pack_commands, pack_transfers
from exchange.engine.records import CMD, EVENT, FILL, TRANSFER, verify_layout


def test_refuses_a_record_with_padding(monkeypatch):
    padded = np.dtype([("kind", "u1"), ("price", "<i8")], align=True)
    monkeypatch.setitem(records._LAYOUT, "CMD", (padded, 64, (0, 8)))
    with pytest.raises(InvariantBroken, match="64 bytes"):
        verify_layout()


def test_refuses_a_moved_field(monkeypatch):
    dtype, size, offsets = records._LAYOUT["EVENT"]
    monkeypatch.setitem(records._LAYOUT, "EVENT", (dtype, size, (1, 0, *offsets[2:])))
    with pytest.raises(InvariantBroken, match="stand at their offsets"):
        verify_layout()


@pytest.mark.parametrize(
    ("field", "value"),
    [("price", 1 << 63), ("account", -1), ("account", 1 << 32), ("market", 1 << 16), ("qty", -(1 << 64))],
)
def test_refuses_to_pack_a_number_that_does_not_fit(field, value):
    fields = {"market": 0, "account": 16, "side": Side.BUY, "price": 1, "qty": 1} | {field: value}
    with pytest.raises(InvalidInput, match=field):
        pack_commands([NewOrder(**fields)])


def test_refuses_to_pack_an_id_of_129_bits():
    with pytest.raises(InvalidInput, match="id_hi"):
        pack_transfers([Transfer(1 << 128, 0, 16, 0, 1)])


def test_layout_is_that_of_the_journal():
    verify_layout()
    assert [dtype.itemsize for dtype in (CMD, TRANSFER, EVENT, FILL)] == [64, 128, 64, 80]


def test_a_command_has_these_bytes():
    command = NewOrder(market=2, account=3, side=Side.SELL, price=5, qty=6, session=7, cmd_id=8)
    words = [(1 | 1 << 8 | 2 << 32), (3 | 7 << 32), 8, 5, 6, 0, 0, 0]
    assert pack_commands([command]).tobytes() == b"".join(word.to_bytes(8, "little") for word in words)


def test_a_transfer_has_these_bytes():
    transfer = Transfer(id=1 | 2 << 64, debit=5, credit=6, ledger=8, amount=7, pending_id=3 | 4 << 64, code=9)
    words = [1, 2, 3, 4, 5, 6, 7, (8 | 9 << 32), 0, 0, 0, 0, 0, 0, 0, 0]
    assert pack_transfers([transfer]).tobytes() == b"".join(word.to_bytes(8, "little") for word in words)


def test_packs_each_kind_in_order():
    batch = pack_commands([Tick(), Cancel(market=1, account=16, ref=9)])
    assert batch["kind"].tolist() == [5, 2]
    assert batch["ref"].tolist() == [0, 9]
