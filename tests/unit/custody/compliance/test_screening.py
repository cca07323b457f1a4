import pytest

from custody.compliance.combined import AllScreenings
from custody.compliance.places import listed_key
from custody.compliance.port import ScreeningQuestion, ScreeningUnavailable, ScreeningVerdict
from custody.compliance.sanctions import SanctionsList
from custody.compliance.travel_rule import TravelRule
from custody.primitives.address import Address
from custody.primitives.amount import Amount
from custody.primitives.asset import Asset
from custody.primitives.chain import ChainId
from custody.primitives.errors import InvalidInput

ETH = Asset("ETH", 18, ChainId("ethereum"))
LISTED = "0xAbCdEf0000000000000000000000000000000001"
CLEAR, HIT = ScreeningVerdict.CLEAR, ScreeningVerdict.HIT


def question(to=LISTED, units=100, chain="ethereum"):
    asset = Asset("ETH", 18, ChainId(chain))
    return ScreeningQuestion("wd-1", "alice", Address(ChainId(chain), to), Amount(units, asset), "")


class Provider:
    def __init__(self, answer):
        self.answer = answer
        self.asked = 0

    def is_accepted(self, question):
        self.asked += 1
        if self.answer is None:
            raise ScreeningUnavailable("no answer in time")
        return self.answer


LIST = SanctionsList("1", [listed_key(LISTED)])


def test_refuses_an_empty_combination():
    with pytest.raises(InvalidInput):
        AllScreenings([])


def test_refuses_a_list_without_a_version():
    with pytest.raises(InvalidInput):
        SanctionsList("", [])


@pytest.mark.parametrize("spelling", [LISTED, LISTED.lower(), LISTED.upper().replace("0X", "0x")])
def test_a_listed_place_is_a_hit_in_every_spelling(spelling):
    assert LIST.screen(question(spelling)).verdict is HIT


def test_a_place_that_cannot_be_compared_is_a_hit():
    answer = SanctionsList("1", []).screen(question("script:5121", chain="bitcoin"))
    assert (answer.verdict, "cannot be compared" in answer.reason) == (HIT, True)


def test_a_listed_place_is_a_hit_on_every_chain_of_its_family():
    assert LIST.screen(question(chain="bsc")).verdict is HIT
    assert LIST.screen(question(LISTED[:-1] + "2", chain="bsc")).verdict is CLEAR


def test_a_listed_text_that_no_family_reads_is_compared_as_it_stands():
    strange = "0xAbCdEf000000000000000000000000000000000é".encode("ascii", "ignore").decode()
    assert SanctionsList("1", [listed_key(strange)]).screen(question(strange)).verdict is HIT


def test_d13_a_silent_provider_holds():
    with pytest.raises(ScreeningUnavailable):
        TravelRule(Provider(None), {"ETH": 100}).screen(question())


def test_an_asset_without_a_threshold_always_needs_the_answer():
    assert TravelRule(Provider(answer=False), {}).screen(question(units=1)).verdict is HIT


@pytest.mark.parametrize(("units", "asked"), [(99, 0), (100, 1)])
def test_the_provider_is_asked_from_the_threshold_on(units, asked):
    provider = Provider(answer=True)
    assert TravelRule(provider, {"ETH": 100}).screen(question(units=units)).verdict is CLEAR
    assert provider.asked == asked


def test_one_hit_of_several_is_a_hit_and_all_are_asked():
    provider = Provider(answer=False)
    answer = AllScreenings([LIST, TravelRule(provider, {})]).screen(question())
    assert answer.verdict is HIT
    assert provider.asked == 1
    assert "is listed" in answer.reason
    assert "did not accept" in answer.reason


def test_one_silence_of_several_holds_even_after_a_clear():
    with pytest.raises(ScreeningUnavailable):
        AllScreenings([SanctionsList("1", []), TravelRule(Provider(None), {})]).screen(question())


def test_clear_everywhere_is_clear():
    answer = AllScreenings([SanctionsList("1", []), TravelRule(Provider(answer=True), {})]).screen(question())
    assert (answer.verdict, answer.source) == (CLEAR, "sanctions/1, travel-rule")
