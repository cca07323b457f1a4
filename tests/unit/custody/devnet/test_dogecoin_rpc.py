from decimal import Decimal

import pytest

from custody.devnet.dogecoin_ledger import FAUCET_SCRIPT, DogecoinLedger
from custody.devnet.dogecoin_rpc import AnswerLost, DogecoinRpc, coins, to_json


@pytest.fixture
def rpc():
    ledger = DogecoinLedger()
    ledger.mine(101, FAUCET_SCRIPT)
    return DogecoinRpc(ledger)


def ask(rpc, method, *params):
    return rpc.answer({"id": 1, "method": method, "params": list(params)})


@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("scantxoutset", ["start", []], -32601),
        ("testmempoolaccept", [[]], -32601),
        ("getblockhash", [102], -8),
        ("getblock", ["00"], -5),
        ("getrawtransaction", ["00", True], -5),
        ("sendrawtransaction", ["zz"], -1),
        ("sendrawtransaction", ["00"], -22),
        ("generatetoaddress", [0, "2N6usAkkkKvcdLmg8YLwLi1PPCaZ5vQVum6"], -8),
        ("generatetoaddress", [1, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"], -1),
    ],
)
def test_refusals_carry_the_numbers_of_the_node(rpc, method, params, code):
    assert ask(rpc, method, *params)["error"]["code"] == code


def test_getblock_knows_only_yes_and_no(rpc):
    tip = ask(rpc, "getbestblockhash")["result"]
    assert ask(rpc, "getblock", tip, 2)["error"] == {"code": -1, "message": "JSON value is not a boolean as expected"}
    assert len(ask(rpc, "getblock", tip, True)["result"]["tx"]) == 1


def test_a_lost_answer_was_carried_out(rpc):
    ask(rpc, "sim_lose", "sim_mine", 1)
    with pytest.raises(AnswerLost):
        ask(rpc, "sim_mine", 1)
    assert ask(rpc, "getblockcount")["result"] == 102
    assert len(ask(rpc, "sim_mine", 1)["result"]) == 1


def test_a_lie_lasts_until_it_is_taken_back(rpc):
    ask(rpc, "sim_lie", "getblockcount", 7)
    assert ask(rpc, "getblockcount")["result"] == 7
    ask(rpc, "sim_be_honest")
    assert ask(rpc, "getblockcount")["result"] == 101


@pytest.mark.parametrize("koinu", [0, 1, 10**8, 10**18 + 1, 123_456_789_012_345_678])
def test_values_are_written_exactly(koinu):
    assert Decimal(to_json([coins(koinu)]).decode()[1:-1]).scaleb(8) == koinu


def test_it_says_that_it_is_a_simulator(rpc):
    assert "simulator" in ask(rpc, "getnetworkinfo")["result"]["subversion"]
    assert [each["result"] for each in rpc.answer([{"id": n, "method": "getblockcount"} for n in (1, 2)])] == [101, 101]
