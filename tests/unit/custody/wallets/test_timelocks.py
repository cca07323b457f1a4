import pytest

from custody.primitives.errors import InvalidInput
from custody.wallets.timelocks import Branch, plan_refresh

BLOCK_S = 600
DAY = 144


def branch(opens_at, name="a:0"):
    return Branch(name, 1, opens_at - 10_000, 10_000)


@pytest.mark.parametrize(("made_at", "after"), [(-1, 1), (0, 0), (0, 65_536)])
def test_refuses_a_branch_no_chain_can_express(made_at, after):
    with pytest.raises(InvalidInput):
        Branch("a:0", 1, made_at, after)


@pytest.mark.parametrize("block_s", [0, -600])
def test_refuses_a_block_time_that_is_none(block_s):
    with pytest.raises(InvalidInput):
        plan_refresh([], 1, block_s)


def test_a_branch_that_is_open_already_stands_first_and_is_not_forgotten():
    due = plan_refresh([branch(50_000 + DAY, "b:1"), branch(49_000, "a:0")], 50_000, BLOCK_S)
    assert [(each.branch.outpoint, each.days_left) for each in due] == [("a:0", 0), ("b:1", 1)]


def test_the_plan_is_raised_sixty_days_ahead_and_not_before():
    height = 50_000
    assert plan_refresh([branch(height + 61 * DAY)], height, BLOCK_S) == ()
    assert [each.days_left for each in plan_refresh([branch(height + 61 * DAY)], height + 1, BLOCK_S)] == [60]
