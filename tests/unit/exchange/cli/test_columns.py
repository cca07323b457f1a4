import pytest

from exchange.cli.columns import aligned


def test_rows_of_different_lengths_are_no_table():
    with pytest.raises(ValueError, match="shorter"):
        aligned([("a", "b"), ("c",)])


def test_nothing_is_no_line():
    assert aligned([]) == []


def test_the_longest_entry_decides_where_the_next_column_begins():
    lines = aligned([("tron-local", "simulator", "x"), ("dogecoin-regtest", "node", "y")])
    assert {line.index(last) for line, last in zip(lines, "xy", strict=True)} == {29}


def test_the_last_column_ends_without_blanks():
    assert aligned([("a", "long"), ("b", "s")]) == ["a  long", "b  s"]
