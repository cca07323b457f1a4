import json
from dataclasses import replace

import pytest
from simulators.reserves_world import BTC, ETH, HEADER, VECTORS

from custody.primitives.encoding import canonical_json
from custody.primitives.errors import InvalidInput
from custody.reserves.proof import Root
from custody.reserves.statement import ChainPoint, HeaderAsset, LedgerPoint, make_statement


@pytest.mark.parametrize(
    "change",
    [
        {"exchange": ""},
        {"exchange": "two words"},
        {"seq": 0},
        {"seq": 1 << 53},
        {"cutoff": "2026-01-31"},
        {"cutoff": "2026-01-31T00:00:00+00:00"},
        {"assets": ()},
        {"assets": (HeaderAsset(BTC, 8), HeaderAsset(BTC, 9))},
        {"chains": HEADER.chains * 2},
        {"prev": b"\x00" * 31},
    ],
)
def test_refuses_malformed_header(change):
    with pytest.raises(InvalidInput):
        replace(HEADER, **change)


@pytest.mark.parametrize("make", [
    lambda: LedgerPoint(-1, "aa" * 32),
    lambda: LedgerPoint(1, "AA" * 32),
    lambda: HeaderAsset("", 8),
    lambda: HeaderAsset("a\nb", 8),
    lambda: HeaderAsset(BTC, 256),
    lambda: ChainPoint("eip155:1", -1, "00"),
    lambda: ChainPoint("", 1, "00"),
])  # fmt: skip
def test_refuses_malformed_part(make):
    with pytest.raises(InvalidInput):
        make()


def test_refuses_statement_with_a_root_missing():
    with pytest.raises(InvalidInput):
        make_statement(HEADER, [Root(b"\x00" * 32, 0, 3)])


def test_every_field_of_the_header_changes_the_context():
    changes = (
        {"exchange": "example.org"},
        {"seq": 13},
        {"cutoff": "2026-02-01T00:00:00Z"},
        {"ledger": LedgerPoint(918_273_646, "aa" * 32)},
        {"assets": HEADER.assets[::-1]},
        {"chains": ()},
        {"prev": b"\x00" * 32},
    )
    contexts = {HEADER.ctx(), *(replace(HEADER, **change).ctx() for change in changes)}
    assert len(contexts) == len(changes) + 1


def test_vector_b_header_is_469_bytes():
    raw = canonical_json(HEADER.json())
    assert len(raw) == 469
    assert json.loads(raw) == VECTORS["statement"]["header"]
    assert HEADER.ctx().hex() == VECTORS["statement"]["document"]["ctx"]


def test_unused_fields_are_absent_and_used_ones_present():
    full = replace(HEADER, prev=b"\x01" * 32, chains=(ChainPoint("eip155:1", 5, "0xab", 12),))
    assert "prev" not in HEADER.json()
    assert full.json()["prev"] == "01" * 32
    assert full.json()["chains"] == [{"block": "0xab", "confirmations": 12, "height": 5, "id": "eip155:1"}]
    assert [row["id"] for row in make_statement(HEADER, [Root(b"\x00" * 32, 0, 3)] * 2).document["liabilities"]] == [
        BTC,
        ETH,
    ]
