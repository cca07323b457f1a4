# The headline: a builder who stores the maximum of two children instead of their sum. Where a parent binds only the
# children's hashes and one total, as H(left, right, left + right), he shows every customer sibling sums that suit him and
# convinces all of them of a fraction of the debt. Where a parent binds both sums, he convinces almost nobody.
import hashlib

import pytest

from custody.primitives.errors import VerificationFailed
from custody.reserves.leaf import Node, node_hash
from custody.reserves.proof import Root, verify_inclusion
from custody.reserves.tree import join

USERS = 64
HEIGHT = 6


def balances(same):
    return [100_000_000 if same else 1_000 + 37 * user for user in range(USERS)]


def leaf(user, amount):
    return hashlib.sha256(f"{user} {amount}".encode()).digest()


# The old rule: parent = H(left hash, right hash, sum), the children's sums are not bound -------------


def old_parent(left, right, total):
    return hashlib.sha256(left + right + total.to_bytes(16, "big")).digest()


def old_levels(amounts):
    levels = [[(leaf(user, amount), amount) for user, amount in enumerate(amounts)]]
    while len(levels[-1]) > 1:
        pairs = zip(levels[-1][::2], levels[-1][1::2], strict=True)
        levels.append([(old_parent(a, b, max(x, y)), max(x, y)) for (a, x), (b, y) in pairs])
    return levels


def old_rule_convinces(user, amount, levels):
    # The builder serves each customer a path whose sibling sums fill up what is missing to the stored parent.
    root, total = levels[-1][0]
    current, running = leaf(user, amount), amount
    for level in range(HEIGHT):
        sibling = levels[level][user >> level ^ 1][0]
        parent_sum = levels[level + 1][user >> level + 1][1]
        shown = parent_sum - running  # chosen freely; never negative, since the parent holds the maximum
        pair = (sibling, current) if user >> level & 1 else (current, sibling)
        running += shown
        current = old_parent(*pair, running)
    return (current, running) == (root, total)


# Our rule ----------------------------------------------------------------------------------------


def lying_levels(amounts, lies_at=None):
    # Our node format, with the maximum instead of the sum at every node, or at one node (level, place).
    levels = [[Node(leaf(user, amount), amount) for user, amount in enumerate(amounts)]]
    for level in range(HEIGHT):
        row = []
        for place in range(len(levels[-1]) // 2):
            left, right = levels[-1][2 * place : 2 * place + 2]
            lies = lies_at is None or lies_at == (level, place)
            row.append(Node(node_hash(level, left, right), max(left.sum, right.sum) if lies else left.sum + right.sum))
        levels.append(row)
    return levels


def convinces(user, levels):
    path = [levels[level][user >> level ^ 1] for level in range(HEIGHT)]
    top = levels[-1][0]
    try:
        verify_inclusion(levels[0][user], user, path, Root(top.hash, top.sum, HEIGHT))
    except VerificationFailed:
        return False
    return True


def adapted_path_convinces(user, levels):
    # He may also adapt the sums he shows, as under the old rule; then the hashes no longer fit.
    top, running, path = levels[-1][0], levels[0][user].sum, []
    for level in range(HEIGHT):
        shown = levels[level + 1][user >> level + 1].sum - running
        path.append(Node(levels[level][user >> level ^ 1].hash, max(0, shown)))
        running += max(0, shown)
    try:
        verify_inclusion(levels[0][user], user, path, Root(top.hash, top.sum, HEIGHT))
    except VerificationFailed:
        return False
    return True


@pytest.mark.parametrize("same", [True, False])
def test_maximum_instead_of_sum_convinces_everybody_under_the_old_rule_and_nobody_who_counts_under_ours(same):
    amounts = balances(same)
    old = old_levels(amounts)
    assert old[-1][0][1] < sum(amounts) // 20  # he owns up to less than 5 % of the debt
    assert all(old_rule_convinces(user, amount, old) for user, amount in enumerate(amounts))
    ours = lying_levels(amounts)
    convinced = [u for u in range(USERS) if convinces(u, ours) or adapted_path_convinces(u, ours)]
    assert len(convinced) <= 1


def test_r31_maximum_at_any_one_node_fails_for_a_user_below():
    amounts = balances(same=False)
    for level in range(HEIGHT):
        for place in range(USERS >> level + 1):
            levels = lying_levels(amounts, (level, place))
            below = range(place << level + 1, (place + 1) << level + 1)
            assert not all(convinces(user, levels) for user in below), (level, place)


def test_honest_builder_convinces_everybody_of_the_whole_debt():
    amounts = balances(same=False)
    tree = join([leaf(user, amount) for user, amount in enumerate(amounts)], amounts)
    assert tree.root.total == sum(amounts)
    for user, amount in enumerate(amounts):
        verify_inclusion(Node(leaf(user, amount), amount), user, tree.path(user), tree.root)
