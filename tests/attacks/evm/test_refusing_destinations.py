"""A15, A16: destinations that refuse, burn gas or lie about it are found before anyone signs."""

import pytest
from simulators.anvil import ETH, compiled, make_intent, make_wallet, running_house

from custody.chains.evm.trial import SafeTrial
from custody.chains.port import TrialUnclear
from custody.primitives.amount import Amount

pytestmark = pytest.mark.node

ALICE = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
BOB = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    with running_house(tmp_path_factory.mktemp("anvil")) as house:
        yield house


@pytest.fixture
def house(shared):
    with shared.undone():
        yield shared


def refusal(house, *destinations):
    intents = [make_intent(to, Amount(5, ETH), name=f"w{place}") for place, to in enumerate(destinations)]
    return house.trial.refusal(house.plan(*intents))


@pytest.mark.parametrize("contract", ["Gate", "Burner", "Glutton", "Chatterbox", "Invalid"])
def test_a15_a_destination_that_would_stop_the_safe_is_found(house, contract):
    bad = house.anvil.create(compiled()[contract])
    assert refusal(house, ALICE) == ""
    for destinations in ((bad,), (ALICE, bad, BOB)):
        assert refusal(house, *destinations)
        # It is right: signed all the same, the execution reverts.
        plan = house.plan(*(make_intent(to, Amount(5, ETH), name=to) for to in destinations))
        with house.undone():
            signed = house.sign(plan)
            house.broadcaster.broadcast(signed)
            assert not house.wait(signed.txid).succeeded


def test_a16_payments_that_only_fail_together_are_found_together(house):
    once = house.anvil.create(compiled()["Turnstile"])
    assert refusal(house, once) == ""
    assert refusal(house, once, ALICE) == ""
    assert refusal(house, once, ALICE, once)


def test_a_hundred_payments_are_tried_with_the_gas_they_will_have(house):
    fresh = ["0x" + f"{0xABCDEF0000 + n:040x}" for n in range(50)]
    made = [house.codec.parse_address(each).text for each in fresh]
    coins = [make_intent(to, Amount(7, ETH), name=f"c{to}") for to in made]
    tokens = [make_intent(to, Amount(7, house.token), name=f"t{to}") for to in made]
    plan = house.plan(*coins, *tokens)
    assert house.trial.refusal(plan) == ""
    signed = house.sign(plan)
    house.broadcaster.broadcast(signed)
    assert house.wait(signed.txid).succeeded


def test_where_no_safe_answers_nothing_is_concluded(house):
    elsewhere = make_wallet(salt_nonce=99)
    plan = house.plan(make_intent(ALICE, Amount(5, ETH)))
    with pytest.raises(TrialUnclear):
        SafeTrial(elsewhere, house.anvil.node).refusal(plan)
