import pytest
from simulators.reserves_world import VECTORS

from custody.primitives.errors import InvalidAmount, InvalidInput
from custody.reserves.leaf import (
    AMOUNT_LIMIT,
    AssetTree,
    Node,
    asset_context,
    audit_key,
    leaf_hash,
    node_hash,
    order_key,
    pad_of,
    salt_of,
    sort_key,
    subject_of,
)

SINGLE = VECTORS["single"]
MASTER = bytes(range(32))
CTX = b"\x11" * 32


@pytest.mark.parametrize("text", ["", "x" * 65_536, "\ud800"])
def test_refuses_account_that_has_no_bytes(text):
    with pytest.raises(InvalidInput):
        subject_of("example.com", text)


@pytest.mark.parametrize(
    "tree", [AssetTree(-1, "A", 8, 3), AssetTree(0, "A", 256, 3), AssetTree(0, "A", 8, 33), AssetTree(0, "", 8, 3)]
)
def test_refuses_asset_that_does_not_fit_its_fields(tree):
    with pytest.raises(InvalidInput):
        asset_context(CTX, tree)


@pytest.mark.parametrize("amount", [-1, AMOUNT_LIMIT, True, "5"])
def test_refuses_amount_outside_the_bound(amount):
    with pytest.raises(InvalidAmount):
        leaf_hash(CTX, 0, (b"\x00" * 32, b"\x00" * 32), amount)


def test_length_prefix_keeps_exchange_and_account_apart():
    assert subject_of("ab", "c") != subject_of("a", "bc")


def test_vector_a_single_values():
    ctx_a = asset_context(CTX, AssetTree(0, "A", 8, 3))
    subject = subject_of("example.com", "alice@example.com")
    key = audit_key(MASTER, subject)
    salt = salt_of(key, ctx_a, 0)
    leaf = leaf_hash(ctx_a, 5, (subject, salt), 12345)
    k_order = order_key(MASTER, ctx_a)
    pad_rank, pad_subject, pad_salt = pad_of(k_order, 0)
    assert {
        "ctx_a": ctx_a.hex(),
        "subject": subject.hex(),
        "audit_key": key.hex(),
        "salt": salt.hex(),
        "leaf": leaf.hex(),
        "order_key": k_order.hex(),
        "sort_key": sort_key(k_order, subject, 0).hex(),
        "pad_salt": pad_salt.hex(),
        "pad_subject": pad_subject.hex(),
        "pad_sort_key": pad_rank.hex(),
        "node": node_hash(0, Node(leaf, 12345), Node(b"\x22" * 32, 55)).hex(),
    }.items() <= SINGLE.items()


def test_decomposed_and_composed_spelling_are_one_person():
    composed, decomposed = subject_of("example.com", "\u00e9va"), subject_of("example.com", "e\u0301va")
    assert composed == decomposed == bytes.fromhex(SINGLE["nfc_subject"])
