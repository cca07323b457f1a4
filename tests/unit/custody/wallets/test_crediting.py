import pytest
from simulators.blocks import Payment
from simulators.deposit_house import ALICE, COIN, DepositHouse

from custody.primitives.amount import Amount
from custody.primitives.errors import Unavailable
from custody.wallets.deposit_rules import LargeCredit


class Silent(Unavailable):
    code = "silent"


@pytest.fixture
def house():
    return DepositHouse(large={"COIN": LargeCredit(1_000, delay_s=600)}, tolerated_reorg=3)


def test_a_large_deposit_waits_from_the_moment_it_is_deep_enough(house):
    house.pay("small", units=999)
    house.pay("large", units=1_000)
    house.step()
    house.now_s += 10_000  # time before the depth does not count
    house.step(blocks=1)
    assert (house.state("small"), house.state("large"), house.balance()) == ("credited", "seen", 999)
    assert house.deposit("large").reason == f"large deposit: waits until {house.now_s + 600} s"
    house.now_s += 599
    assert house.step(blocks=3).changed[-1].key == "sim/small/0"
    assert house.state("large") == "seen"
    house.now_s += 1
    house.step()
    assert (house.state("large"), house.balance()) == ("final", 1_999)


def test_a_reorg_starts_the_wait_anew(house):
    house.pay("large", units=1_000)
    house.step(blocks=1)
    house.now_s += 500
    house.chain.reorg(2)
    house.pay("large", units=1_000)
    house.step(blocks=1)
    house.now_s += 500
    house.step()
    assert house.state("large") == "seen"
    house.now_s += 100
    house.step()
    assert house.state("large") == "credited"


def test_what_is_paused_or_silent_while_it_waits_still_waits(house):
    house.screening.down = True
    house.pay("large", units=1_000, senders=("somebody",))
    house.step(blocks=1)
    house.now_s += 600
    house.step()
    assert "waits for the screening" in house.deposit("large").reason
    house.screening.down = False
    house.step()
    assert house.state("large") == "credited"


def test_a_ledger_that_falls_silent_in_the_middle_is_asked_again_and_books_once(house, monkeypatch):
    for number in range(5):
        house.pay(f"t{number}")
    honest, asked = house.ledger.credit, []

    def credit(deposit):
        asked.append(deposit.key)
        if len(asked) == 3:
            raise Silent("simulated")
        honest(deposit)

    monkeypatch.setattr(house.ledger, "credit", credit)
    with pytest.raises(Silent):
        house.step(blocks=4)
    assert {house.state(f"t{n}") for n in range(5)} == {"crediting"}
    house.step()
    assert ({house.state(f"t{n}") for n in range(5)}, house.balance()) == ({"final"}, 500)


def test_more_than_a_page_is_booked_in_one_step(house):
    for number in range(3):
        house.chain.mine(*house_payments(number))
    house.step(blocks=4)
    assert house.balance() == 1_200 * 10


def house_payments(number):
    return [Payment(f"p{number}-{n}", 0, ALICE, Amount(10, COIN)) for n in range(400)]
