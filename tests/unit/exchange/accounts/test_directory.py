import pytest

from custody.primitives.errors import InvariantBroken, LimitExceeded, NotFound
from exchange.accounts.directory import AccountDirectory, InvalidCustomer


def directory_of(*customers, capacity=32):
    directory = AccountDirectory(capacity=capacity)
    for customer in customers:
        directory.apply_note(directory.proposal(customer))
    return directory


@pytest.mark.parametrize("customer", ["", " alice", "alice\n", "älice", "-alice", "a" * 129, "a b", "a\0b"])
def test_refuses_ids_that_people_could_confuse(customer):
    with pytest.raises(InvalidCustomer):
        directory_of().proposal(customer)


@pytest.mark.parametrize("customer", ["house:fees", "house:fund", "house:x", "treasury"])
def test_refuses_names_that_the_books_give_to_the_house_itself(customer):
    with pytest.raises(InvalidCustomer):
        directory_of().proposal(customer)


def test_the_houses_own_funds_have_an_account_like_any_other():
    assert directory_of("house", "treasury2", "house-keeper").number_of("house") == 16


def test_refuses_more_accounts_than_the_engine_has():
    with pytest.raises(LimitExceeded):
        directory_of("a", "b", capacity=18).proposal("c")


@pytest.mark.parametrize(
    "note",
    [
        {"kind": "account", "customer": "alice", "account": 17},  # given twice
        {"kind": "account", "customer": "bob", "account": 16},  # number taken
        {"kind": "account", "customer": "bob", "account": 18},  # number skipped
        {"kind": "account", "account": 17},
        {"kind": "account", "customer": 5, "account": 17},
    ],
)
def test_a_note_that_was_not_proposed_here_stops(note):
    with pytest.raises(InvariantBroken):
        directory_of("alice").apply_note(note)


@pytest.mark.parametrize("number", [0, 4, 15, 17, -1])
def test_house_and_unknown_numbers_belong_to_no_customer(number):
    with pytest.raises(NotFound):
        directory_of("alice").customer_of(number)


def test_an_unknown_customer_has_no_number():
    assert directory_of().find("alice") is None
    with pytest.raises(NotFound):
        directory_of().number_of("alice")


def test_a_proposal_alone_gives_nothing():
    directory = directory_of()
    directory.proposal("alice")
    assert len(directory) == 0
    assert directory.proposal("bob")["account"] == 16


def test_notes_of_another_kind_are_not_ours():
    directory = directory_of("alice")
    directory.apply_note({"kind": "withdrawal", "customer": "mallory", "account": 17})
    assert len(directory) == 1


def test_numbers_in_order_and_the_same_after_loading():
    directory = directory_of("alice", "bob@example.org", "0x1f")
    loaded = AccountDirectory(capacity=32)
    loaded.load_state(directory.state())
    for each in (directory, loaded):
        assert [each.number_of(name) for name in ("alice", "bob@example.org", "0x1f")] == [16, 17, 18]
        assert each.customer_of(17) == "bob@example.org"
    assert loaded.proposal("next") == directory.proposal("next")
