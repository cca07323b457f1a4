import pytest

from custody.chains.evm.fees import offer
from custody.chains.evm.params import ETHEREUM, ROWS

GWEI = 10**9
PRICING = ETHEREUM.pricing


# E04: the base fee rises fiftyfold within a block.
@pytest.mark.parametrize("times", [1, 12, 50, 10_000])
def test_e04_a_spike_never_passes_our_cap(times):
    calm = offer(20 * GWEI, (2 * GWEI,) * 10, PRICING)
    assert calm == (2 * GWEI, 42 * GWEI)
    tip, fee = offer(20 * GWEI * times, (2 * GWEI * times,) * 10, PRICING)
    assert tip <= fee <= PRICING.fee_cap_wei_per_gas
    assert fee == min(42 * GWEI * times, PRICING.fee_cap_wei_per_gas)


def test_one_dear_block_and_empty_blocks_do_not_move_the_tip():
    assert offer(GWEI, (0, 0, 3 * GWEI, 3 * GWEI, 900 * GWEI), PRICING)[0] == 3 * GWEI


def test_without_any_tips_the_rows_least_is_offered():
    assert offer(GWEI, (), PRICING) == offer(GWEI, (0, 0), PRICING) == (GWEI, 3 * GWEI)


def test_every_row_can_offer_its_least_tip():
    for row in ROWS:
        tip, fee = offer(0, (), row.pricing)
        assert tip == fee == row.pricing.tip_wei_per_gas <= row.pricing.fee_cap_wei_per_gas
