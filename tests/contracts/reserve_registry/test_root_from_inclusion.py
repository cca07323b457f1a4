# The published vector of the reserve format: leaf 5 of 8, 12345 of a total of 12500.
import hashlib

import ape
import pytest

CONTEXT = "f85c8db1abc9c761b4397979e48e59e871a36dbde146e7d57680caa61618c9c0"
SUBJECT = "63e61460bb7b2c4ebdaeccd0884f589c336d3136dab087bbfece14cd9fb68296"
SALT = "f2b0d189cdb45e63014ddd5aee03eaf4c8e6bdcd9b8eb0ca06bbf35c3a8b8f1a"
LEAF = "e48aee44ffe52076ea2956bf80c243f198d8b1735969af5737745551dab826b2"
ROOT = "30af7c40d026389a82d3cd3d96453f936606e74a06bb51ba4cf63c487b85b31a"
INDEX, AMOUNT, TOTAL = 5, 12_345, 12_500
PATH = [(b"\x22" * 32, 55), (b"\x33" * 32, 100), (b"\x44" * 32, 0)]
LIMIT = 2**120


def unhex(text):
    return bytes.fromhex(text)


def test_the_leaf_is_the_published_one(registry):
    assert registry.leafHash(unhex(CONTEXT), INDEX, unhex(SUBJECT), unhex(SALT), AMOUNT).hex() == LEAF


def test_the_root_and_the_total_are_the_published_ones(registry):
    root, total = registry.rootFromInclusion(unhex(LEAF), INDEX, AMOUNT, PATH)
    assert (root.hex(), total) == (ROOT, TOTAL)


@pytest.mark.parametrize("index", [i for i in range(8) if i != INDEX])
def test_r10_another_position_leads_elsewhere(registry, index):
    root, _ = registry.rootFromInclusion(unhex(LEAF), index, AMOUNT, PATH)
    assert root.hex() != ROOT


@pytest.mark.parametrize("amount", [0, AMOUNT - 1, AMOUNT + 1, LIMIT - 1_000])
def test_r02_another_amount_leads_elsewhere(registry, amount):
    root, _ = registry.rootFromInclusion(unhex(LEAF), INDEX, amount, PATH)
    assert root.hex() != ROOT


@pytest.mark.parametrize("level", [0, 1, 2])
def test_r07_another_sibling_sum_leads_elsewhere(registry, level):
    path = [(h, s + 1 if i == level else s) for i, (h, s) in enumerate(PATH)]
    root, _ = registry.rootFromInclusion(unhex(LEAF), INDEX, AMOUNT, path)
    assert root.hex() != ROOT


@pytest.mark.parametrize("index", [8, 13, 2**32 - 1])
def test_r11_refuses_a_position_outside_the_tree(registry, index):
    with ape.reverts(registry.IndexOutside):
        registry.rootFromInclusion(unhex(LEAF), index, AMOUNT, PATH)


def test_r09_refuses_a_path_of_more_than_thirty_two(registry):
    with ape.reverts(registry.PathTooLong, length=33):
        registry.rootFromInclusion(unhex(LEAF), 0, AMOUNT, PATH * 11)


@pytest.mark.parametrize("amount", [LIMIT, 2**128 - 1])
def test_r28_refuses_an_amount_out_of_range(registry, amount):
    with ape.reverts(registry.SumOutOfRange):
        registry.rootFromInclusion(unhex(LEAF), INDEX, amount, PATH)
    with ape.reverts(registry.SumOutOfRange):
        registry.leafHash(unhex(CONTEXT), INDEX, unhex(SUBJECT), unhex(SALT), amount)


@pytest.mark.parametrize("sums", [(LIMIT, 0, 0), (0, 2**128 - 1, 0), (LIMIT - 1, LIMIT - 1, LIMIT - 1)])
def test_r06_refuses_sums_that_could_wrap(registry, sums):
    path = [(h, s) for (h, _), s in zip(PATH, sums, strict=True)]
    with ape.reverts(registry.SumOutOfRange):
        registry.rootFromInclusion(unhex(LEAF), INDEX, AMOUNT, path)


def test_a_tree_of_one_leaf_is_its_own_root(registry):
    root, total = registry.rootFromInclusion(unhex(LEAF), 0, AMOUNT, [])
    assert (root.hex(), total) == (LEAF, AMOUNT)


@pytest.mark.parametrize("height", [1, 5, 32])
def test_agrees_with_the_definition_written_out(registry, height):
    index = (0xB5B5B5B5 >> (32 - height)) & (2**height - 1)
    path = [(hashlib.sha256(bytes([i])).digest(), i * 1_000_003) for i in range(height)]
    node, total = unhex(LEAF), AMOUNT
    for level, (beside, beside_sum) in enumerate(path):
        pair = [(node, total), (beside, beside_sum)]
        left, right = pair[::-1] if index >> level & 1 else pair
        body = b"".join(h + s.to_bytes(16, "big") for h, s in (left, right))
        node, total = hashlib.sha256(b"\x01" + bytes([level]) + body).digest(), total + beside_sum
    root, computed = registry.rootFromInclusion(unhex(LEAF), index, AMOUNT, path)
    assert (bytes(root), computed) == (node, total)
