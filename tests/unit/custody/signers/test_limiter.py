import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.primitives.errors import LimitExceeded
from custody.signers.limiter import Level, refill, take
from custody.signers.rules import Bucket

BUCKET = Bucket(100, 60)


@pytest.mark.parametrize("units", [101, 10**30])
def test_refuses_more_than_the_bucket_holds(units):
    with pytest.raises(LimitExceeded):
        take(None, BUCKET, units, 0)


def test_a_second_too_early_is_refused():
    empty = take(None, BUCKET, 100, 0)
    with pytest.raises(LimitExceeded):
        take(empty, BUCKET, 1, 59)
    assert take(empty, BUCKET, 1, 60) == Level(0, 60)


def test_a_clock_running_backwards_refills_nothing_and_is_not_remembered():
    empty = take(None, BUCKET, 100, 1_000)
    assert refill(empty, BUCKET, 0) == empty
    assert refill(refill(empty, BUCKET, 0), BUCKET, 1_000) == empty


def test_never_above_the_brim():
    assert refill(take(None, BUCKET, 100, 0), BUCKET, 10**12) == Level(360_000, 10**12)
    assert refill(Level(360_000, 0), Bucket(10, 60), 0) == Level(36_000, 0)


@given(
    st.lists(st.tuples(st.integers(-50, 500), st.integers(0, 60)), max_size=60),
    st.integers(0, 100),
    st.integers(0, 10_000),
)
def test_what_leaves_is_at_most_capacity_plus_refill(steps, capacity, per_hour):
    bucket, level, now, highest, left = Bucket(capacity, per_hour), None, 1_000, 1_000, 0
    for wait, units in steps:
        now += wait
        highest = max(highest, now)
        try:
            level = take(level, bucket, units, now)
        except LimitExceeded:
            continue
        left += units
    assert left * 3_600 <= capacity * 3_600 + (highest - 1_000 + 50) * per_hour


# Refilling by the second must come to the same as refilling once: no rounding is lost or won.
@given(st.integers(1, 10_000), st.integers(1, 500))
def test_refilling_often_equals_refilling_once(per_hour, seconds):
    bucket = Bucket(10**9, per_hour)
    level = Level(0, 0)
    for second in range(1, seconds + 1):
        level = refill(level, bucket, second)
    assert level == refill(Level(0, 0), bucket, seconds)
