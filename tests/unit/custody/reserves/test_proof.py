import pytest
from simulators.reserves_world import VECTORS

from custody.primitives.errors import RootMismatch
from custody.reserves.leaf import AMOUNT_LIMIT, Node
from custody.reserves.proof import (
    LeafIndexOutside,
    NodeAmountWrong,
    NodeHashWrong,
    PathLengthWrong,
    Root,
    TotalMismatch,
    root_from_inclusion,
    verify_inclusion,
)

SINGLE = VECTORS["single"]
LEAF = Node(bytes.fromhex(SINGLE["leaf"]), 12345)
PATH = (Node(b"\x22" * 32, 55), Node(b"\x33" * 32, 100), Node(b"\x44" * 32, 0))
ROOT = Root(bytes.fromhex(SINGLE["path_root"]), int(SINGLE["path_total"]), 3)


@pytest.mark.parametrize(("index", "height"), [(-1, 3), (8, 3), (0, -1), (0, 33)])
def test_refuses_index_outside_the_tree(index, height):
    with pytest.raises(LeafIndexOutside):
        root_from_inclusion(LEAF, index, height, PATH)


@pytest.mark.parametrize("path", [PATH[:2], PATH[1:], (*PATH, PATH[0]), ()])
def test_refuses_path_of_another_length(path):
    with pytest.raises(PathLengthWrong):
        verify_inclusion(LEAF, 5, path, ROOT)


@pytest.mark.parametrize("amount", [-1, AMOUNT_LIMIT, True])
def test_refuses_sum_outside_the_bound_anywhere(amount):
    for leaf, path in ((Node(LEAF.hash, amount), PATH), (LEAF, (*PATH[:2], Node(b"\x44" * 32, amount)))):
        with pytest.raises(NodeAmountWrong):
            verify_inclusion(leaf, 5, path, ROOT)


@pytest.mark.parametrize("digest", [b"", b"\x44" * 31, b"\x44" * 33])
def test_refuses_hash_of_another_length(digest):
    with pytest.raises(NodeHashWrong):
        verify_inclusion(LEAF, 5, (*PATH[:2], Node(digest, 0)), ROOT)


def test_refuses_other_total_before_it_looks_at_the_root():
    with pytest.raises(TotalMismatch) as refusal:
        verify_inclusion(LEAF, 5, PATH, Root(b"\x00" * 32, 12_499, 3))
    assert refusal.value.facts == {"computed": "12500", "expected": "12499"}


def test_refuses_other_root_and_names_both():
    with pytest.raises(RootMismatch) as refusal:
        verify_inclusion(LEAF, 5, PATH, Root(b"\x00" * 32, 12_500, 3))
    assert refusal.value.facts == {"computed": SINGLE["path_root"], "expected": "00" * 32}


@pytest.mark.parametrize("index", [0, 1, 2, 3, 4, 6, 7])
def test_refuses_every_other_place(index):
    with pytest.raises(RootMismatch):
        verify_inclusion(LEAF, index, PATH, ROOT)


def test_refuses_every_flipped_bit_of_leaf_and_path():
    for part in range(4):
        nodes = [LEAF, *PATH]
        for bit in range(256):
            flipped = bytearray(nodes[part].hash)
            flipped[bit // 8] ^= 1 << bit % 8
            bent = [*nodes[:part], Node(bytes(flipped), nodes[part].sum), *nodes[part + 1 :]]
            with pytest.raises(RootMismatch):
                verify_inclusion(bent[0], 5, bent[1:], ROOT)


def test_refuses_units_moved_between_siblings():
    # The total stays; only a node that binds each sum can tell.
    moved = (Node(PATH[0].hash, 54), Node(PATH[1].hash, 101), PATH[2])
    with pytest.raises(RootMismatch):
        verify_inclusion(LEAF, 5, moved, ROOT)


def test_vector_a_path():
    assert root_from_inclusion(LEAF, 5, 3, PATH) == Node(ROOT.hash, 12_500)
    verify_inclusion(LEAF, 5, PATH, ROOT)
