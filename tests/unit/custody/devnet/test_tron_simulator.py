# The simulator's own limits; what it does as a ledger is shown by tests/conformance/test_tron_wallet.py.
import json

import pytest
from simulators.tron import ALICE, COIN, SOLID

from custody.devnet.tron_http import TronApi, Unanswered
from custody.devnet.tron_journal import FILE_NAME, TronJournal
from custody.primitives.errors import MalformedPayload


@pytest.fixture
def chain(tmp_path):
    ledger, journal = TronJournal.open(tmp_path, 1_700_000_000_000, SOLID)
    yield ledger, journal, TronApi(ledger, journal)
    journal.close()


def test_a_damaged_journal_stops_the_start(tmp_path):
    for line in ("not json", '["genesis"]', '["genesis", 1, 3]\n["submit", "zz"]', '["genesis", 1, 3]\n["explode"]'):
        (tmp_path / FILE_NAME).write_text(line + "\n")
        with pytest.raises(MalformedPayload):
            TronJournal.open(tmp_path, 1, SOLID)


def test_a_solidified_block_is_never_dropped(chain):
    _, _, api = chain
    api.answer("/devnet/mine", {"blocks": 10})
    assert "never dropped" in api.answer("/devnet/reorg", {"depth": SOLID + 1})["Error"]
    assert api.answer("/devnet/reorg", {"depth": SOLID}) == {"lost": []}


@pytest.mark.parametrize("raw", ["", "zz", "0a00", "ff", "0a0208"])
def test_bytes_that_are_no_transaction_are_an_error_of_the_node(chain, raw):
    assert "Error" in chain[2].answer("/wallet/broadcasthex", {"transaction": raw})


def test_what_is_not_simulated_is_not_answered(chain):
    assert chain[2].answer("/wallet/createwitness", {}) is None


def test_faults_are_named_and_silence_leaves_the_controls_working(chain):
    _, _, api = chain
    assert "Error" in api.answer("/devnet/fault", {"explode": True})
    api.answer("/devnet/fault", {"silent": True})
    with pytest.raises(Unanswered):
        api.answer("/wallet/getnowblock", {})
    api.answer("/devnet/fault", {"silent": False})
    assert api.answer("/wallet/getnowblock", {})["blockID"]


def test_nothing_found_is_an_empty_object(chain):
    _, _, api = chain
    questions = {
        "/wallet/getblockbynum": {"num": 99},
        "/wallet/getaccount": {"address": "41" + "00" * 20},
        "/wallet/gettransactioninfobyid": {"value": "00" * 32},
        "/walletsolidity/gettransactionbyid": {"value": "00" * 32},
    }
    assert [api.answer(path, question) for path, question in questions.items()] == [{}] * 4


def test_the_same_steps_give_the_same_chain(chain, tmp_path):
    ledger, journal, api = chain
    api.answer("/devnet/fund", {"address": ALICE, "sun": COIN})
    api.answer("/devnet/mine", {"blocks": 3})
    api.answer("/devnet/reorg", {"depth": 1})
    api.answer("/devnet/mine", {"blocks": 1})
    journal.close()
    assert all(json.loads(line) for line in (tmp_path / FILE_NAME).read_text().splitlines())
    again, other = TronJournal.open(tmp_path, 1, SOLID)
    other.close()
    assert [block.id for block in again.blocks] == [block.id for block in ledger.blocks]
    assert again.world == ledger.world
