from dataclasses import replace

import pytest

from custody.primitives.errors import InvalidInput
from custody.wallets.refills import DAY_S, Refill, RefillLimits, RefillStopped, refill_quorum

LIMITS = RefillLimits(most_a_day=6, most_ppm=20_000, base_quorum=2, people=4, per_step=2)
NOW = 1_800_000_000
OWED = 1_000_000


def earlier(count, units=1, age_s=60):
    return [Refill(NOW - age_s, units)] * count


@pytest.mark.parametrize(
    "change",
    [
        {"base_quorum": 0},
        {"base_quorum": 5},
        {"most_a_day": 0},
        {"per_step": 0},
        {"most_ppm": 0},
        {"most_ppm": 10**6 + 1},
    ],
)
def test_refuses_limits_that_limit_nothing(change):
    with pytest.raises(InvalidInput):
        replace(LIMITS, **change)


def test_stops_after_the_most_of_a_day():
    with pytest.raises(RefillStopped, match="6 refills in 24 h, at most 6"):
        refill_quorum(earlier(6), 1, OWED, LIMITS, NOW)


def test_stops_when_more_people_are_needed_than_there_are():
    with pytest.raises(RefillStopped, match="needs 4 people, there are 3"):
        refill_quorum(earlier(4), 1, OWED, replace(LIMITS, people=3), NOW)


def test_stops_one_unit_above_the_sum_of_a_day():
    assert refill_quorum(earlier(2, 5_000), 10_000, OWED, LIMITS, NOW) == 3
    with pytest.raises(RefillStopped, match="refills of 20001 base units in 24 h, at most 20000"):
        refill_quorum(earlier(2, 5_000), 10_001, OWED, LIMITS, NOW)


def test_the_quorum_grows_with_the_refills_of_the_day():
    assert [refill_quorum(earlier(n), 1, OWED, LIMITS, NOW) for n in range(6)] == [2, 2, 3, 3, 4, 4]


def test_what_is_older_than_a_day_no_longer_counts():
    assert refill_quorum(earlier(9, 10**6, age_s=DAY_S), 1, OWED, LIMITS, NOW) == 2
