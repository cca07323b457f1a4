import pytest

from custody.primitives.errors import InvalidAmount, InvalidInput, InvariantBroken, LimitExceeded
from custody.reserves.leaf import Node, audit_key, leaf_hash, salt_of, subject_of
from custody.reserves.proof import verify_inclusion
from custody.reserves.tree import Row, TreeSpec, build_tree, join, tree_height

SPEC = TreeSpec(b"\x11" * 32, 0, "A", 8)
MASTER = bytes(range(32))


def rows(count):
    return [Row(subject_of("example.com", f"u{n}"), 0, 1_000 + n) for n in range(count)]


@pytest.mark.parametrize("floor", [0, 33, -1])
def test_refuses_floor_outside_one_to_32(floor):
    with pytest.raises(InvalidInput):
        tree_height(5, floor)


def test_refuses_more_leaves_than_an_index_can_name():
    with pytest.raises(LimitExceeded):
        tree_height(2**32 + 1, 3)


def test_refuses_one_leaf_twice():
    with pytest.raises(InvalidInput):
        build_tree(SPEC, [*rows(3), rows(1)[0]], MASTER, 3)


def test_refuses_amount_and_total_outside_the_bound():
    for amounts in ([-1], [2**120], [2**119, 2**119]):
        bent = [row._replace(amount=amount) for row, amount in zip(rows(len(amounts)), amounts, strict=True)]
        with pytest.raises(InvalidAmount):
            build_tree(SPEC, bent, MASTER, 3)


@pytest.mark.parametrize("index", [-1, 8])
def test_refuses_path_of_a_leaf_that_is_not_there(index):
    with pytest.raises(InvalidInput):
        build_tree(SPEC, rows(3), MASTER, 3).sums.path(index)


@pytest.mark.parametrize("count", [0, 3])
def test_join_demands_a_full_tree(count):
    with pytest.raises(InvariantBroken):
        join([b"\x00" * 32] * count, [0] * count)


@pytest.mark.parametrize(("count", "floor", "height"), [(0, 3, 3), (8, 3, 3), (9, 3, 4), (1, 1, 1), (1_025, 10, 11)])
def test_height_is_the_floor_or_what_the_rows_need(count, floor, height):
    assert tree_height(count, floor) == height


def test_order_of_rows_does_not_matter():
    assert build_tree(SPEC, rows(9), MASTER, 3).sums == build_tree(SPEC, rows(9)[::-1], MASTER, 3).sums


def test_places_are_shuffled_anew_for_every_statement():
    other = TreeSpec(b"\x12" * 32, 0, "A", 8)
    places = [
        [place.position for place in build_tree(spec, rows(9), MASTER, 4).places.values()] for spec in (SPEC, other)
    ]
    assert places[0] != places[1]


def test_tree_without_rows_owes_nothing():
    assert build_tree(SPEC, [], MASTER, 3).sums.root.total == 0


def test_every_leaf_is_included():
    tree = build_tree(SPEC, rows(11), MASTER, 3)
    assert tree.sums.root.total == sum(row.amount for row in rows(11))
    for row in rows(11):
        place = tree.places[row.subject, row.shard]
        salt = salt_of(audit_key(MASTER, row.subject), tree.ctx_a, row.shard)
        leaf = Node(leaf_hash(tree.ctx_a, place.position, (row.subject, salt), row.amount), row.amount)
        verify_inclusion(leaf, place.position, tree.sums.path(place.position), tree.sums.root)
