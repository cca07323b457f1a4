import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import reserves_slow as slow
from reference.reserves_vectors import TARGET, text_of_vectors
from simulators.reserves_world import VECTORS

from custody.reserves.leaf import Node, leaf_hash
from custody.reserves.log import StatementLog
from custody.reserves.proof import root_from_inclusion
from custody.reserves.tree import Row, TreeSpec, build_tree

MASTER = bytes(range(32))
CTX = b"\x11" * 32


def fast_root(case):
    ctx_a, index, subject, salt, amount, siblings = case
    leaf = Node(leaf_hash(ctx_a, index, (subject, salt), amount), amount)
    top = root_from_inclusion(leaf, index, len(siblings), [Node(*sibling) for sibling in siblings])
    return top.hash, top.sum


def test_ten_thousand_generated_paths_lead_to_the_twins_roots():
    digest = bytes(32)
    for number in range(VECTORS["generated"]["count"]):
        node, total = fast_root(slow.generated_case(number))
        digest = slow.h(digest, node, slow.be(total, 16))
    assert digest.hex() == VECTORS["generated"]["chained"]


def test_vector_file_is_what_the_twin_writes():
    assert TARGET.read_text() == text_of_vectors()


def both_trees(rows, floor):
    fast = build_tree(TreeSpec(CTX, 1, "A", 8), [Row(*row) for row in rows], MASTER, floor)
    leaves, places, height = slow.tree(MASTER, CTX, (1, "A", 8), rows, floor)
    return fast, leaves, places, height


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(0, 2**100), max_size=20), st.integers(1, 5))
def test_trees_of_both_are_equal_in_root_and_every_path(amounts, floor):
    rows = [(slow.h(b"person", slow.be(number % 7, 1)), number // 7, units) for number, units in enumerate(amounts)]
    fast, leaves, places, height = both_trees(rows, floor)
    root, total, levels = slow.top(leaves)
    assert (fast.sums.root.hash, fast.sums.root.total, fast.sums.root.height) == (root, total, height)
    assert levels == height
    assert {key: place.position for key, place in fast.places.items()} == places
    for index in range(2**height):
        assert [(node.hash, node.sum) for node in fast.sums.path(index)] == slow.path(leaves, index)


@pytest.mark.slow
def test_tree_of_ten_thousand_rows_equals_the_twins():
    rows = [
        (slow.h(b"person", slow.be(n, 4)), 0, int.from_bytes(slow.h(slow.be(n, 8))[:12], "big")) for n in range(10_000)
    ]
    fast, leaves, _, height = both_trees(rows, 3)
    assert (fast.sums.root.hash, fast.sums.root.total, height) == slow.top(leaves)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.binary(max_size=8), max_size=20, unique=True))
def test_log_roots_of_both_are_equal(entries):
    assert StatementLog(entries).root() == slow.log_root(entries)


def test_vectors_hold_the_constants_of_the_format():
    # Fixed with the format, before twin and package were written: neither may drift together with the other.
    assert VECTORS["single"]["leaf"] == "e48aee44ffe52076ea2956bf80c243f198d8b1735969af5737745551dab826b2"
    assert VECTORS["single"]["sort_key"] == "3d19ff0b96e2740626b744f3480e6137e368f14a9c2fc5d673fca0b5349e62fc"
    assert VECTORS["single"]["pad_sort_key"] == "a6d4f5dd0d6cd4671d61a2856aad097eb0058813c24b491962c5721e4dad1582"
    assert VECTORS["single"]["path_root"] == "30af7c40d026389a82d3cd3d96453f936606e74a06bb51ba4cf63c487b85b31a"
    assert VECTORS["single"]["nfc_subject"] == "1207addbe312730bf128d6e9b44dcda1adbe971f8d3b7cd11a5e9bc59015f808"
    assert VECTORS["statement"]["digest"] == "dadc571714646a752a52a748c23b91e26abf60b63ae63e46c8e57ae81134d924"
    assert VECTORS["statement"]["log_leaf"] == "cc30fd62a9e22f58906aaf30eed0913d49f870bf421acef0e9339019435942ef"
    assert VECTORS["log"] == {
        "root_2": "56a4f613f415f40a7957e48764bfe56a7f89715af82264274f89fdb7c9473ab9",
        "root_3": "c94d12737794939fcd95f72734e9fc0d0f0e52f8c1cbfd0323541e5791444274",
    }
