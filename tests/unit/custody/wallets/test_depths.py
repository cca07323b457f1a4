import pytest

from custody.wallets.depths import DepthGuard, after_reorg

CALM = DepthGuard(6, 20)


@pytest.mark.parametrize("blocks", [1, 5])
def test_a_tolerated_reorg_changes_nothing(blocks):
    assert after_reorg(CALM, blocks, tolerated=5) == CALM


def test_a_deeper_one_doubles_the_depths_and_pauses():
    assert after_reorg(CALM, 6, tolerated=5) == DepthGuard(
        12, 20, 6, "a reorg of 6 blocks: deposits wait for officers, now 12 confirmations"
    )


def test_the_final_depth_never_falls_below_the_credit_depth():
    raised = after_reorg(CALM, 12, tolerated=5)
    assert (raised.credit_depth, raised.final_depth, raised.is_halted) == (24, 24, False)


@pytest.mark.parametrize("blocks", [20, 21, 500])
def test_one_that_reaches_a_final_block_halts_whatever_is_tolerated(blocks):
    halted = after_reorg(CALM, blocks, tolerated=10_000)
    assert halted.is_halted
    assert halted.final_depth == 2 * blocks


def test_what_was_seen_before_pauses_no_second_time_and_lowers_nothing():
    once = after_reorg(CALM, 9, tolerated=5)
    resumed = DepthGuard(once.credit_depth, once.final_depth, once.deepest)
    assert after_reorg(resumed, 9, tolerated=5) == resumed
    assert after_reorg(resumed, 7, tolerated=5) == resumed
    assert after_reorg(resumed, 10, tolerated=5).credit_depth == 20
