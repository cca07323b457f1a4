MAX_AGE = 35 * 86_400


def test_is_stale_before_the_first_statement(registry):
    assert registry.isStale()


def test_g32_a_missed_date_shows_the_second_after_the_maximum_age(registry, people, clock):
    cutoff = clock.next - 100
    registry.publish(1, b"\x01" * 32, b"\x02" * 32, 1, cutoff, "ipfs://bundle", sender=people.publisher)
    clock.reach(cutoff + MAX_AGE)
    assert not registry.isStale()
    clock.reach(cutoff + MAX_AGE + 1)
    assert registry.isStale()
    registry.publish(2, b"\x03" * 32, b"\x02" * 32, 2, clock.next - 50, "ipfs://bundle", sender=people.publisher)
    assert not registry.isStale()
